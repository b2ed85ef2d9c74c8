"""Every few seconds, in each process: may those inside still be here, and did another process die with its peers?"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol, cast
from weakref import WeakKeyDictionary

import msgspec
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext_noop
from ucam_protocol import Offline, Online

from cameras.room import presence, standing
from cameras.room.audience import who_sees
from cameras.room.ice import CREDENTIALS_S
from cameras.room.line import AWAY
from cameras.room.room import SERVER_AGAIN, Room, say_away
from cameras.room.roster import PROCESS_LIFE_S, Member
from cameras.room.standing import Credential, Standing

log = logging.getLogger(__name__)

EVERY_S = 3.0
DEAF_S = 3 * PROCESS_LIFE_S  # a process says something to itself every EVERY_S
NOT_SIGNED_IN = 4401
RIGHT_GONE = gettext_noop("You may not watch this camera any more.")
_tasks: WeakKeyDictionary[Room, list[asyncio.Task[None]]] = WeakKeyDictionary()


class Inside(Protocol):
    """A connection as the sweeper knows it: a room's seat with the standing it came in by."""

    member: Member
    standing: Standing

    welcomed_s: float  # monotonic

    async def hear(self, frame: str, comer: int = 0) -> None:
        """Take a frame for the client."""

    async def welcome(self) -> None:
        """Tell it anew all that a newcomer is told."""

    async def leave_with(self, code: int) -> None:
        """Close it."""


def start(room: Room) -> None:
    """Sweep for as long as somebody is here. The pulse has a task of its own: sweeping may wait for a busy database."""
    tasks = _tasks.get(room, [])
    if not tasks or any(task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        _tasks[room] = [asyncio.create_task(_while_needed(room, verb)) for verb in (pulse, sweep)]


async def _while_needed(room: Room, verb: Callable[[Room], Awaitable[None]]) -> None:
    while room.seats:
        await asyncio.sleep(EVERY_S)
        try:
            await verb(room)
        except AWAY as error:
            say_away(error)
            await room.everybody_leaves()
        except DatabaseError as error:
            log.error("Who may still be in the room could not be asked of the database: %s", error)
        except Exception:  # whatever it is: rights must go on being looked at
            log.exception("Looking at who may still be in the room failed.")


async def pulse(room: Room) -> None:
    """Prove that this process lives, and that it still hears the others."""
    deaf = room.line.silent_s() > DEAF_S or not room.line.is_open
    async with asyncio.timeout(PROCESS_LIFE_S):
        alive = await room.pulse.beat(room.process)
        await room.line.beat()
    if room.seats and not alive:
        log.warning("Redis has forgotten the room, or this process stood still too long; everybody here comes in anew.")
        await room.everybody_leaves()
    elif room.seats and deaf:
        log.warning("This process has not heard the others for %.0f s; everybody here comes in anew.", DEAF_S)
        await room.line.close()
        await room.everybody_leaves()


async def sweep(room: Room) -> None:
    """Bury the processes that do not live any more, and look at everybody here."""
    await bury(room)
    await check(room)
    await renew(room)


async def bury(room: Room) -> None:
    """Take out whom a process that died left in the roster."""
    dead, members = await room.roster.left_behind()
    for member in members:
        if await room.remove(member.jid) and member.kind == "camera":
            await database_sync_to_async(presence.disconnected)(member.subject, member.since)
    await room.roster.forget(dead)
    for member in await room.roster.everyone():
        if member.process == room.process and member.jid not in room.seats:  # it left while Redis was away
            await room.remove(member.jid)
    if members:
        log.warning(
            "A server process ended without a word; %d connections of its were taken out of the room.", len(members)
        )


async def renew(room: Room) -> None:
    """Give fresh TURN credentials to those who have been here for long."""
    if not settings.UCAM_TURN:
        return
    old_s = time.monotonic() - CREDENTIALS_S / 2
    for seat in [cast(Inside, seat) for seat in room.seats.values()]:
        if seat.welcomed_s and seat.welcomed_s < old_s:
            await seat.welcome()


async def check(room: Room) -> None:
    """Compare everybody here with what the database says now."""
    seats = [cast(Inside, seat) for seat in room.seats.values()]
    found = await database_sync_to_async(_standings)([seat.standing for seat in seats])
    for seat in seats:
        if seat.member.jid in room.seats:
            await _compare(room, seat, found.get((seat.standing.kind, seat.standing.credential)))


def _standings(known: list[Standing]) -> dict[tuple[str, Credential], Standing]:
    people = standing.people(one.credential for one in known if isinstance(one.credential, uuid.UUID))
    devices = standing.devices(one.credential for one in known if isinstance(one.credential, int))
    return {(one.kind, credential): one for part in (people, devices) for credential, one in part.items()}


async def _compare(room: Room, seat: Inside, now: Standing | None) -> None:
    """Act on the difference between what somebody came in with and what is theirs now."""
    before = seat.standing
    if now is None:
        return await seat.leave_with(NOT_SIGNED_IN)
    if now == before:
        return None
    if now.bare != before.bare or (now.kind == "camera" and now.places != before.places):
        return await seat.leave_with(SERVER_AGAIN)  # under another name: comes in anew
    seat.standing = now
    await _regroup(room, seat, now)
    for session in await room.relay.of(seat.member.jid):
        if now.kind == "person" and not now.may_watch(session.place, session.camera_id):
            await room.hang_up(session, RIGHT_GONE)
    return None


async def _regroup(room: Room, seat: Inside, now: Standing) -> None:
    """Give a member its new places, and tell it and the others who sees whom now."""
    old = seat.member
    new = msgspec.structs.replace(
        old, name=now.name, places=now.places, operator=now.operator, guest=now.guest, cameras=now.cameras
    )
    if new == old:
        return
    seat.member = new
    await room.roster.change(new)
    for other in await room.roster.everyone():
        if other.jid == new.jid:
            continue
        if other.sees(old) and not other.sees(new):
            await room.send(other.process, other.jid, Offline(jid=new.jid))
        if old.sees(other) != new.sees(other):
            news = Online(peer=other.peer()) if new.sees(other) else Offline(jid=other.jid)
            await room.send(new.process, new.jid, news)
    await room.tell(who_sees(new), Online(peer=new.peer()))
