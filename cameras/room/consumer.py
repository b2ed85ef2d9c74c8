"""The door of the room: one websocket. It knows the socket; who may say what to whom is the room's."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from channels.db import database_sync_to_async
from django.db import DatabaseError
from django.utils.translation import override
from ucam_protocol import (
    SUBPROTOCOL,
    VERSION,
    Answer,
    Call,
    Chat,
    Error,
    Follow,
    FromClient,
    Hangup,
    Hello,
    IceCandidate,
    Jid,
    Lead,
    Message,
    MessageMalformed,
    Ping,
    Pong,
    ProtocolError,
    Status,
    Welcome,
    decode_from_client,
    encode,
)

from accounts.answers import said
from accounts.audit import watches
from accounts.errors import TooMany, UcamError
from cameras.room import asked, chat, handshake, lead, presence, standing, sweeper
from cameras.room.audience import who_sees
from cameras.room.errors import HelloFirst, NotForYou, NotFound, OriginRefused, ServerBusy, VersionUnknown
from cameras.room.ice import ice_servers
from cameras.room.limits import Window
from cameras.room.line import AWAY
from cameras.room.relay import by_camera
from cameras.room.room import SERVER_AGAIN, Room, say_away
from cameras.room.roster import Member
from cameras.room.spoken import in_language
from cameras.room.standing import Standing
from cameras.room.status import StatusBook

log = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
HELLO_WITHIN_S = 5.0
# Browsers ping every 10 s, agents every 15 s: whoever is sent so much meanwhile does not read.
UNREAD_BYTES_MAX = 8 * 2**20
PER_PERSON_MAX = 64  # connections in one process; tabs and devices
GUESTS_MAY = (Ping, Call, Answer, IceCandidate, Hangup)
BROKEN, NOT_SIGNED_IN, WRONG_ORIGIN, NO_HELLO, TOO_MUCH = 4400, 4401, 4403, 4408, 4429


class RoomConsumer:
    """One connection, from handshake to close: an ASGI application for one scope."""

    member: Member
    standing: Standing | None = None

    def __init__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.language = handshake.language(scope)
        self.inside = False
        self.closing = False
        self.welcomed_s = 0.0
        self.knows = 0  # newcomers up to this one stood in the roster that it was given
        self._early: list[tuple[str, int]] | None = []  # frames of others that came before the welcome
        self._unread = 0  # bytes sent or kept since the client last said anything
        self._deadline: asyncio.TimerHandle | None = None
        self._closers: set[asyncio.Task[None]] = set()
        self._messages, self._bytes = Window(1000, 5), Window(4 * 2**20, 5)
        self._chats, self._refused_chats = Window(10, 5), Window(50, 5)
        self._leads = Window(50, 5)
        self._mistakes = Window(19, 10)
        self._status = StatusBook()

    async def serve(self) -> None:
        """Until the end, whatever ends it."""
        try:
            while (event := await self._receive())["type"] != "websocket.disconnect":
                if event["type"] == "websocket.connect":
                    await self.connect()
                else:
                    await self.receive(event.get("text"), event.get("bytes"))
        except AWAY as error:
            say_away(error)
            await self.leave_with(SERVER_AGAIN)
        finally:
            await self._gone()

    # ------------------------------------------------------------ the socket

    async def connect(self) -> None:
        """Accept first, so that a browser sees the close code; then look who it is."""
        spoken = SUBPROTOCOL in self.scope.get("subprotocols", [])
        await self._send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL if spoken else None})
        if not handshake.origin_allowed(handshake.header(self.scope, b"origin")):
            return await self._refuse(OriginRefused(), WRONG_ORIGIN)
        if not spoken:
            return await self._refuse(VersionUnknown(f"The room speaks {SUBPROTOCOL}."), BROKEN)
        token = handshake.device_token(self.scope)
        if token is not None:
            try:
                self.standing = await database_sync_to_async(standing.of_device)(token)
            except UcamError as error:
                return await self._refuse(error, NOT_SIGNED_IN)
            except DatabaseError:
                return await self._database_failed(None)
        self._deadline = asyncio.get_running_loop().call_later(HELLO_WITHIN_S, self._too_late)
        return None

    async def receive(self, text: str | None, data: bytes | None) -> None:
        """One frame of the client."""
        if self.closing:
            return None
        self._unread = 0
        size = len(text or data or "")
        if not (self._messages.allows() and self._bytes.allows(max(size, 1))):
            return await self._refuse(TooMany("This connection says too much."), TOO_MUCH)
        message = None
        try:
            if text is None:
                raise MessageMalformed("The room takes text, not bytes.")
            message = decode_from_client(text)
            await self._take(message)
        except ProtocolError as error:
            await self.say(Error(code=error.code, message=error.message, hint=error.hint, id=error.id))
            if not self._mistakes.allows():
                await self.leave_with(BROKEN)
        except UcamError as error:
            await self._explain(error, message)
        except DatabaseError:
            await self._database_failed(message)
        return None

    async def _database_failed(self, message: FromClient | None) -> None:
        """Say so; whoever has not got the welcome yet comes again for it."""
        log.exception("The database did not do what the room asked of it.")
        await self._explain(ServerBusy(), message)
        if self._early is not None:
            await self.leave_with(SERVER_AGAIN)

    async def say(self, message: Message) -> None:
        """Send a message to the client."""
        await self._put(encode(message))

    async def hear(self, frame: str, comer: int = 0) -> None:
        """Somebody else says something to this connection; it waits for the welcome.

        `comer`: it tells of this newcomer, which is old news when they stand in the roster of the welcome.
        """
        if self._early is not None and not self.closing:
            self._unread += len(frame)
            self._early.append((frame, comer))
            if self._unread > UNREAD_BYTES_MAX:
                await self.leave_with(TOO_MUCH)
        elif self._is_news(comer):
            await self._put(frame)

    def _is_news(self, comer: int) -> bool:
        return not comer or comer > self.knows

    async def leave_with(self, code: int) -> None:
        """Close the socket; twice is once."""
        if not self.closing:
            self.closing = True
            await self._out({"type": "websocket.close", "code": code})

    async def _put(self, frame: str) -> None:
        """The server keeps what a slow reader does not take: one that says nothing and takes nothing is cut off."""
        self._unread += len(frame)
        if self._unread > UNREAD_BYTES_MAX:
            self._early = None
            return await self.leave_with(TOO_MUCH)
        if not self.closing:
            await self._out({"type": "websocket.send", "text": frame})
        return None

    async def _out(self, event: dict[str, Any]) -> None:
        """To the client, unless it is just going: between its close frame and the end of its connection servers raise
        what they like (daphne: autobahn's Disconnected), and whoever speaks may be somebody else's task."""
        try:
            await self._send(event)
        except Exception as error:
            self.closing = True
            log.debug("A connection took nothing any more: %r", error)

    def _too_late(self) -> None:
        if not self.inside:
            closer = asyncio.ensure_future(self.leave_with(NO_HELLO))
            self._closers.add(closer)
            closer.add_done_callback(self._closers.discard)

    async def _refuse(self, error: UcamError, code: int) -> None:
        await self._explain(error, None)
        await self.leave_with(code)

    async def _explain(self, error: UcamError, message: FromClient | None) -> None:
        """An error names the message that it answers: by its own id, else by its session."""
        mark = message.id or getattr(message, "session", "") if message is not None else ""
        with override(self.language):
            await self.say(Error(code=error.code, message=said(error.message), hint=said(error.hint), id=mark))

    async def _gone(self) -> None:
        """Leave the room, once."""
        self.closing = True
        if self._deadline is not None:
            self._deadline.cancel()
        if not self.inside:
            return
        self.inside = False
        room, member = Room.here(), self.member
        try:
            await room.exit(member)
        except AWAY as error:
            say_away(error)
        if member.kind == "camera":
            try:
                await database_sync_to_async(presence.disconnected)(member.subject, member.since)
            except DatabaseError as error:
                log.warning(
                    "That %s left is not written down yet: %s",
                    member.bare,
                    error,
                )

    # ------------------------------------------------------------ messages

    async def _take(self, message: FromClient) -> None:
        if isinstance(message, Hello):
            return await self._enter(message)
        if not self.inside:
            return await self._refuse(HelloFirst(), BROKEN)
        if self.member.guest and not isinstance(message, GUESTS_MAY):
            raise NotForYou("Guests may watch; they do not speak here.")
        if isinstance(message, Ping):
            return await self.say(Pong(id=message.id, sent_ms=message.sent_ms, server_ms=time.time_ns() // 1_000_000))
        if isinstance(message, Chat):
            return await self._chat(message)
        if isinstance(message, Lead | Follow):
            return await self._lead(message)
        if isinstance(message, Status):
            return await self._take_status(message)
        if isinstance(message, Call):
            return await self._call(message)
        if isinstance(message, Hangup):
            return await Room.here().hang_up_by(self.member, message)
        return await Room.here().pass_on(self.member, message)

    async def _enter(self, hello: Hello) -> None:
        if self.inside:
            raise HelloFirst()
        if self._deadline is not None:  # said in time; how long the answer takes is ours to answer for
            self._deadline.cancel()
        if hello.version != VERSION:
            return await self._refuse(VersionUnknown(), BROKEN)
        try:
            if self.standing is None:
                self.standing = await asked.people.ask(hello.token)
        except UcamError as error:
            return await self._refuse(error, NOT_SIGNED_IN)
        room = Room.here()
        if self.standing.kind == "person" and room.seats_of(self.standing.bare) >= PER_PERSON_MAX:
            return await self._refuse(TooMany("You have the room open too many times. Close some pages."), TOO_MUCH)
        self.member = self._as_member(self.standing, room, hello)
        self.inside = True
        comer = await room.enter(self)
        sweeper.start(room)
        if self.member.kind == "camera":
            await asked.arrivals.ask((self.member.subject, self.member.since))
        await self.welcome()
        await self._say_early()
        await room.announce(self.member, comer)
        return None

    async def _say_early(self) -> None:
        """What came before the welcome, in its order; then frames go straight to the client."""
        while self._early:
            frame, comer = self._early.pop(0)
            if self._is_news(comer):
                await self._put(frame)
        self._early = None

    def _as_member(self, who: Standing, room: Room, hello: Hello) -> Member:
        return Member(
            jid=str(Jid.parse(who.bare).at(secrets.token_hex(8))), kind=who.kind, subject=who.subject, name=who.name,
            process=room.process, since=presence.now_text(), capabilities=hello.capabilities,
            places=who.places, operator=who.operator, guest=who.guest, cameras=who.cameras,
        )  # fmt: skip

    async def welcome(self) -> None:
        """All that a newcomer needs; once more when the ICE servers' credentials grow old."""
        self.welcomed_s = time.monotonic()
        await (self._welcome_camera() if self.member.kind == "camera" else self._welcome_person(Room.here()))

    async def _welcome_camera(self) -> None:
        member = self.member
        told = await asked.settings.ask(member.subject)
        now_ms = time.time_ns() // 1_000_000
        servers = ice_servers(member.bare)
        await self.say(Welcome(version=VERSION, jid=member.jid, server_ms=now_ms, ice_servers=servers, settings=told))

    async def _welcome_person(self, room: Room) -> None:
        member = self.member
        messages, statuses, cameras = await asked.welcomes.ask(member.subject)
        with override(self.language):
            messages, statuses = [in_language(one) for one in messages], [in_language(one) for one in statuses]
        look = await room.look()
        self.knows = look.newest
        watching = {} if member.guest else by_camera(look.sessions)  # addresses of people
        await self.say(
            Welcome(
                version=VERSION,
                jid=member.jid,
                server_ms=time.time_ns() // 1_000_000,
                roster=[presence.server_peer(), *(other.peer() for other in look.seen_by(member))],
                ice_servers=ice_servers(member.bare),
                messages=messages,
                statuses=statuses,
                watching={camera: viewers for camera, viewers in watching.items() if camera in cameras},
            )
        )

    async def _chat(self, message: Chat) -> None:
        if not self._chats.allows():
            if not self._refused_chats.allows():
                return await self._refuse(TooMany("This connection says too much."), TOO_MUCH)
            raise TooMany("That was too much at once.")
        stored, audience = await database_sync_to_async(chat.say)(self.member, message)
        if audience.cameras:
            for copy, camera in await database_sync_to_async(chat.to_cameras)(self.member, stored, audience):
                await Room.here().tell(camera, copy)
        await Room.here().tell(msgspec.structs.replace(audience, cameras=[]), stored)
        return None

    async def _lead(self, message: Lead | Follow) -> None:
        if not self._leads.allows():
            raise TooMany("That was too much at once.")
        room = Room.here()
        if isinstance(message, Lead):
            said, audience = await database_sync_to_async(lead.led)(self.member, message)
            return await room.tell(audience, said)
        process, told = lead.followed(self.member, message, await room.roster.everyone())
        await room.send(process, told.to, told)
        return None

    async def _call(self, call: Call) -> None:
        """Only who may watch gets as far as hearing whether the camera is there."""
        if self.member.kind != "person":
            raise NotForYou("Only people may call a camera.")
        if not await database_sync_to_async(standing.may_watch)(self.member.subject, call.to):
            raise NotFound("There is no such camera here for you.")
        room, camera = Room.here(), Jid.parse(call.to)
        await room.call(self.member, str(camera), call)
        try:
            await database_sync_to_async(watches)(self.member.bare, camera.bare, call.session)
        except DatabaseError:  # what cannot be written down is not shown
            await room.hang_up_by(self.member, Hangup(session=call.session))
            raise

    async def _take_status(self, message: Status) -> None:
        if self.member.kind != "camera":
            raise NotForYou()
        if not self._status.allows():
            raise TooMany("A camera may send one status every 2 s.")
        status = msgspec.structs.replace(message, id="", from_=self.member.bare)
        await Room.here().tell(msgspec.structs.replace(who_sees(self.member), about=0), status)  # not for guests
        if self._status.is_due(status):
            await database_sync_to_async(presence.store_status)(self.member.subject, status)


async def room_socket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """ASGI door of `/ws/room`."""
    await RoomConsumer(scope, receive, send).serve()
