"""The room as one process sees it: who sits here, who may speak to whom, the way to the others. No SQL, no HTTP."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

import msgspec
from django.conf import settings
from django.utils.translation import gettext_noop
from redis.asyncio import BlockingConnectionPool, Redis
from ucam_carried import Sentences
from ucam_protocol import Answer, Call, Hangup, Message, Offer, Offline, Online, Routed, Watching

from cameras.room.audience import Audience, who_sees
from cameras.room.errors import CameraOffline, SessionUnknown
from cameras.room.line import Line, Replaced, Said, Send, Tell
from cameras.room.relay import Relay, Session
from cameras.room.roster import Member, Roster
from cameras.room.together import Together

log = logging.getLogger(__name__)
CONNECTIONS, QUEUE_S = 20, 20
PEERS_AT_ONCE = 1000  # are shown the same look at the roster
SERVER_AGAIN, REPLACED = 4503, 4409  # close codes: come in anew, a newer connection has taken the place
GONE = {
    "person": gettext_noop("The viewer has left."),
    "camera": gettext_noop("The camera is not connected any more."),
}


_said_away_at = float("-inf")


def say_away(error: BaseException) -> None:
    """One line per outage and minute, however many connections notice it."""
    global _said_away_at
    if time.monotonic() - _said_away_at > 60:
        _said_away_at = time.monotonic()
        log.error(
            "The room is closed: Redis cannot be reached (%s). Everybody comes back by themselves once it can.", error
        )
    else:
        log.debug("Redis cannot be reached: %s", error)


class Seat(Protocol):
    """A connection of this process."""

    member: Member
    language: str

    async def hear(self, frame: str, comer: int = 0) -> None:
        """Take a frame for the client, maybe about a newcomer; a socket that takes none any more raises nothing."""

    async def leave_with(self, code: int) -> None:
        """Close it."""


class Look(NamedTuple):
    """Everybody up to the newcomer of this number, and all sessions."""

    newest: int
    everyone: list[Member]
    sessions: list[Session]

    def seen_by(self, member: Member) -> list[Member]:
        """The roster as far as this member may know it, itself included."""
        return [other for other in self.everyone if other.jid == member.jid or member.sees(other)]


class Room:
    """The room as one event loop sees it. While Redis is away, methods raise one of AWAY."""

    _of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Room] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.process = secrets.token_hex(8)
        self.seats: dict[str, Seat] = {}
        # When hundreds come at once they wait for each other here; redis-py's own pool would turn most of them away.
        pool = BlockingConnectionPool.from_url(settings.REDIS_URL, max_connections=CONNECTIONS, timeout=QUEUE_S)
        self.redis: Redis = Redis(connection_pool=pool)
        self.pulse = Roster(Redis.from_url(settings.REDIS_URL))  # never waits behind the others
        self.roster = Roster(self.redis)
        self.relay = Relay(self.redis)
        self.line = Line(self.redis, self.process)
        self._looks: Together[None, Look] = Together(self._look, PEERS_AT_ONCE)
        self._door = asyncio.Lock()
        self._leaving = 0

    @classmethod
    def here(cls) -> Room:
        """The one of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loop:
            cls._of_loop[loop] = cls()
        return cls._of_loop[loop]

    def seats_of(self, bare: str) -> int:
        """How many connections of this process are one person's (bare JID)."""
        return sum(seat.member.jid.startswith(f"{bare}/") for seat in self.seats.values())

    async def everybody_leaves(self) -> None:
        """All connections here must come in anew."""
        for seat in list(self.seats.values()):
            await seat.leave_with(SERVER_AGAIN)

    async def _lost(self, error: BaseException) -> None:
        say_away(error)
        await self.everybody_leaves()

    async def _take(self, said: Said) -> None:
        """Give what was said to those of this process that it is for."""
        if isinstance(said, Tell):
            for seat in [seat for seat in self.seats.values() if said.audience.includes(seat.member)]:
                await seat.hear(said.frame_in(seat.language), said.comer)
        elif isinstance(said, Send | Replaced) and (seat_of_one := self.seats.get(said.to)) is not None:
            await (
                seat_of_one.hear(said.frame_in(seat_of_one.language))
                if isinstance(said, Send)
                else seat_of_one.leave_with(REPLACED)
            )

    # ------------------------------------------------------------ coming and going

    async def enter(self, seat: Seat) -> int:
        """Be there; a camera's older connection goes. The others are told by `announce`, after the welcome.

        Answers which newcomer this is.
        """
        async with self._door:
            await self.line.open(self._take, self._lost)
            if not self.seats:
                await self.roster.open_process(self.process)
            self.seats[seat.member.jid] = seat
        comer, replaced = await self.roster.join(seat.member)
        if replaced is not None:
            await self.remove(replaced.jid)
            await self.line.replace(replaced.process, replaced.jid)
        return comer

    async def announce(self, member: Member, comer: int) -> None:
        """Tell those who may know that somebody came, and were not told by their own welcome."""
        await self.line.tell_of(comer, who_sees(member), Online(peer=member.peer()))

    async def exit(self, member: Member) -> None:
        """A connection of this process has ended."""
        self.seats.pop(member.jid, None)
        self._leaving += 1
        try:
            await self.remove(member.jid)
        finally:
            self._leaving -= 1
            async with self._door:
                if not self.seats and not self._leaving:  # whoever leaves at the same time still needs Redis
                    await self.line.close()
                    await self.roster.close_process(self.process)
                    await self.redis.aclose()

    async def remove(self, jid: str) -> Member | None:
        """Take a connection out of the roster, end its sessions, tell the others; None when somebody else did."""
        member = await self.roster.leave(jid)
        if member is None:
            return None
        for session in await self.relay.of(jid):
            await self.hang_up(session, GONE[member.kind], by=jid)
        await self.tell(who_sees(member), Offline(jid=jid))
        return member

    async def look(self) -> Look:
        """Who is here and who watches, for all who ask at this moment at once."""
        return await self._looks.ask(None)

    async def _look(self, askers: Sequence[None]) -> list[Look | Exception]:
        newest, everyone = await self.roster.look()
        return [Look(newest, everyone, await self.relay.everything())] * len(askers)

    # ------------------------------------------------------------ live sessions

    async def call(self, viewer: Member, camera: str, call: Call) -> None:
        """Bind a session of a viewer, who may watch, and a camera (bare or full JID), and let the camera know."""
        bare, _, resource = camera.partition("/")
        member = await self.roster.camera(bare)
        if member is None or (resource and member.jid != camera):
            raise CameraOffline()
        session = await self.relay.open(call.session, viewer, member)
        if not await self.send(member.process, member.jid, stamped(call, viewer.jid, member.jid)):
            await self.relay.close(session)
            raise CameraOffline()
        await self._tell_watching(session)

    async def pass_on(self, sender: Member, message: Routed) -> None:
        """Carry an offer, an answer or a candidate to the other end; raises SessionUnknown when it is not theirs."""
        session = await self.relay.of_end(message.session, sender.jid)
        if (isinstance(message, Offer) and sender.jid != session.camera) or (
            isinstance(message, Answer) and sender.jid != session.viewer
        ):
            raise SessionUnknown()
        to, process = session.other_end(sender.jid)
        await self.send(process, to, stamped(message, sender.jid, to))

    async def hang_up_by(self, sender: Member, message: Hangup) -> None:
        """One end has had enough; raises SessionUnknown when it is no end of that session."""
        session = await self.relay.of_end(message.session, sender.jid)
        await self.hang_up(session, message.reason, by=sender.jid, said=message.said)

    async def hang_up(self, session: Session, reason: str, *, by: str = "", said: Sentences | None = None) -> None:
        """End a session and tell its ends, but for the one that did it."""
        if not await self.relay.close(session):
            return
        for jid in (session.viewer, session.camera):
            if jid != by:
                sender, _ = session.other_end(jid)
                _, process = session.other_end(sender)
                over = Hangup(session=session.id, from_=sender, to=jid, reason=reason, said=said or [])
                await self.send(process, jid, over)
        await self._tell_watching(session)

    async def _tell_watching(self, session: Session) -> None:
        """Say who watches a camera after a session began or ended; nothing when the same person has another."""
        sessions = await self.relay.of(session.camera)
        if any(other.viewer_bare == session.viewer_bare and other.id != session.id for other in sessions):
            return
        viewers = sorted({other.viewer_bare for other in sessions})
        audience = Audience(places=[session.place], operators=True)
        await self.tell(audience, Watching(camera=session.camera_bare, viewers=viewers))

    # ------------------------------------------------------------ saying

    async def tell(self, audience: Audience, message: Message) -> None:
        """Say something to an audience, in every process."""
        await self.line.tell(audience, message)

    async def send(self, process: str, to: str, message: Message) -> bool:
        """Say something to one connection (full JID) of a process; False when that process is gone."""
        return await self.line.send(process, to, message)


def stamped(message: Routed, from_: str, to: str) -> Routed:
    """The message as the other end gets it: the sender's own word for `from` and its mark are not passed on."""
    return msgspec.structs.replace(message, id="", from_=from_, to=to)
