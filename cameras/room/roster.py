"""Who is in the room, kept in Redis so that every server process sees the same.

Each process keeps a key alive while it lives; entries of a process whose key is gone count for nothing and are
swept up by the others.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from ucam_protocol import Jid, Peer

PREFIX = "ucam:room:"
PROCESSES = PREFIX + "processes"  # set of process names
PEERS = PREFIX + "peers"  # full JID to Member
CAMERAS = PREFIX + "cameras"  # bare JID of a camera to the full JID of its connection
PROCESS_LIFE_S = 12

COMERS = PREFIX + "comers"  # how many have ever come

# Which newcomer this is. A camera's newest connection wins: the one it takes the place of is returned.
_JOIN = """
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
local number = redis.call('INCR', KEYS[4])
if ARGV[4] == '' then return {number, false} end
local old = redis.call('HGET', KEYS[3], ARGV[4])
redis.call('HSET', KEYS[3], ARGV[4], ARGV[2])
if not old or old == ARGV[2] then return {number, false} end
return {number, redis.call('HGET', KEYS[2], old)}
"""
_LEAVE = """
local entry = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HGET', KEYS[2], ARGV[2]) == ARGV[1] then redis.call('HDEL', KEYS[2], ARGV[2]) end
return entry
"""
_CHANGE = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One connection: who it is, the process that it is in, and the places (ids) that it belongs to."""

    jid: str
    kind: Literal["person", "camera"]
    subject: int  # id of the person or the camera
    name: str
    process: str
    since: str
    capabilities: list[str] = []
    places: frozenset[int] = frozenset()
    operator: bool = False
    guest: bool = False  # knows of its cameras only; `places`: those whose people see that it is here
    cameras: frozenset[int] = frozenset()  # a guest's

    @property
    def bare(self) -> str:
        """The bare JID."""
        return str(Jid.parse(self.jid).bare)

    def peer(self) -> Peer:
        """The entry that others see."""
        can = [*(one for one in self.capabilities if one != "guest"), *(["guest"] if self.guest else [])]
        return Peer(jid=self.jid, kind=self.kind, name=self.name, capabilities=can, since=self.since)

    def sees(self, other: Member) -> bool:
        """Whether this person may know that the other is here; cameras need to know of nobody."""
        if self.kind == "camera":
            return False
        if self.guest:
            return other.kind == "camera" and other.subject in self.cameras
        if self.operator:
            return True
        if other.kind == "person" and other.operator:
            return bool(self.places)
        return not self.places.isdisjoint(other.places)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Member).decode


def process_key(process: str) -> str:
    """The key that lives as long as the process."""
    return f"{PREFIX}process:{process}"


def present(entries: list[bytes], living: set[str]) -> list[Member]:
    """Members out of their stored form, without those of dead processes."""
    return [member for member in map(_decode, entries) if member.process in living]


class Roster:
    """Everybody present. All methods raise redis.RedisError when Redis is away."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._join = redis.register_script(_JOIN)
        self._leave = redis.register_script(_LEAVE)
        self._change = redis.register_script(_CHANGE)

    async def open_process(self, process: str) -> None:
        """Count a process as living."""
        await self._redis.set(process_key(process), "1", ex=PROCESS_LIFE_S)
        await self._redis.sadd(PROCESSES, process)

    async def beat(self, process: str) -> bool:
        """Prolong the life of a process; False when it was given up for dead, so that its entries may be gone."""
        return bool(await self._redis.set(process_key(process), "1", ex=PROCESS_LIFE_S, xx=True))

    async def close_process(self, process: str) -> None:
        """The process has nobody in the room any more."""
        await self._redis.delete(process_key(process))
        await self._redis.srem(PROCESSES, process)

    async def join(self, member: Member) -> tuple[int, Member | None]:
        """Enter; answers which newcomer this is, and the older connection of the same camera, if there is one."""
        bare = member.bare if member.kind == "camera" else ""
        number, old = await self._join(
            keys=[PROCESSES, PEERS, CAMERAS, COMERS], args=[member.process, member.jid, _encode(member), bare]
        )
        return int(number), _decode(old) if old else None

    async def leave(self, jid: str) -> Member | None:
        """Remove; the entry for exactly one caller, None for all others."""
        entry = await self._leave(keys=[PEERS, CAMERAS], args=[jid, str(Jid.parse(jid).bare)])
        return _decode(entry) if entry else None

    async def change(self, member: Member) -> bool:
        """Replace an entry that is still there."""
        return bool(await self._change(keys=[PEERS], args=[member.jid, _encode(member)]))

    async def living(self) -> tuple[set[str], set[str]]:
        """(processes that live, processes that died without a word)."""
        names = [name.decode() for name in await self._redis.smembers(PROCESSES)]
        values = await self._redis.mget([process_key(name) for name in names]) if names else []
        alive = {name for name, value in zip(names, values, strict=True) if value}
        return alive, set(names) - alive

    async def look(self) -> tuple[int, list[Member]]:
        """(number of the newest newcomer, all who are present), of one moment: nobody is missed, nobody told twice."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.get(COMERS)
            pipe.hvals(PEERS)
            newest, entries = await pipe.execute()
        alive, _ = await self.living()  # afterwards: a process that came meanwhile lives
        return int(newest or 0), present(entries, alive)

    async def everyone(self) -> list[Member]:
        """All who are present."""
        return (await self.look())[1]

    async def left_behind(self) -> tuple[set[str], list[Member]]:
        """Dead processes and the entries they left."""
        _, dead = await self.living()
        return dead, present(await self._redis.hvals(PEERS), dead) if dead else []

    async def forget(self, processes: set[str]) -> None:
        """Dead processes whose entries are all removed."""
        if processes:
            await self._redis.srem(PROCESSES, *processes)

    async def camera(self, bare: str) -> Member | None:
        """The connection of a camera."""
        jid = await self._redis.hget(CAMERAS, bare)
        entry = await self._redis.hget(PEERS, jid) if jid else None
        if not entry:
            return None
        member = _decode(entry)
        return member if await self._redis.exists(process_key(member.process)) else None
