"""Live sessions: which viewer's connection is bound to which camera's, kept in Redis.

Whoever is not an end of a session cannot use its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from ucam_protocol import Jid

from cameras.room.errors import CameraOffline, SessionsTooMany, SessionTaken, SessionUnknown
from cameras.room.roster import PEERS, PREFIX, Member

SESSIONS = PREFIX + "sessions"  # id to Session
PER_CONNECTION_MAX = 32  # a wall of cameras, one tile each
PER_PERSON_MAX = 96

_OPEN = """
if redis.call('HEXISTS', KEYS[2], ARGV[3]) == 0 or redis.call('HEXISTS', KEYS[2], ARGV[4]) == 0 then return 'gone' end
if redis.call('SCARD', KEYS[3]) >= tonumber(ARGV[5]) then return 'many' end
if redis.call('SCARD', KEYS[4]) >= tonumber(ARGV[6]) then return 'many' end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 'taken' end
for i = 3, 5 do redis.call('SADD', KEYS[i], ARGV[1]) end
return 'open'
"""
_REFUSALS = {b"gone": CameraOffline, b"many": SessionsTooMany, b"taken": SessionTaken}


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One viewer of one camera: full JIDs and processes of both ends, ids of the camera and its place."""

    id: str
    viewer: str
    viewer_process: str
    camera: str
    camera_process: str
    camera_id: int
    place: int

    @property
    def viewer_bare(self) -> str:
        """The person who watches."""
        return str(Jid.parse(self.viewer).bare)

    @property
    def camera_bare(self) -> str:
        """The camera that is watched."""
        return str(Jid.parse(self.camera).bare)

    def other_end(self, jid: str) -> tuple[str, str]:
        """(full JID, process) of whom the one at `jid` speaks to; raises SessionUnknown when `jid` is no end of it."""
        if jid == self.viewer:
            return self.camera, self.camera_process
        if jid == self.camera:
            return self.viewer, self.viewer_process
        raise SessionUnknown()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Session).decode


def sessions_of(entries: Iterable[bytes | None]) -> list[Session]:
    """Sessions out of their stored form; absent ones are left out."""
    return [_decode(entry) for entry in entries if entry]


def by_camera(sessions: Iterable[Session]) -> dict[str, list[str]]:
    """Bare JID of a camera to the bare JIDs of those who watch it, each once."""
    watching: dict[str, set[str]] = {}
    for session in sessions:
        watching.setdefault(session.camera_bare, set()).add(session.viewer_bare)
    return {camera: sorted(viewers) for camera, viewers in watching.items()}


def _ends(jid: str) -> str:
    return f"{PREFIX}sessions-of:{jid}"


class Relay:
    """All sessions. Methods raise redis.RedisError when Redis is away."""

    def __init__(self, redis: Any) -> None:
        self._redis = redis
        self._open = redis.register_script(_OPEN)

    async def open(self, id: str, viewer: Member, camera: Member) -> Session:
        """Bind a new session; raises SessionTaken, SessionsTooMany or CameraOffline."""
        session = Session(
            id=id, viewer=viewer.jid, viewer_process=viewer.process, camera=camera.jid, camera_process=camera.process,
            camera_id=camera.subject, place=min(camera.places),
        )  # fmt: skip
        keys = [SESSIONS, PEERS, _ends(session.viewer), _ends(session.viewer_bare), _ends(session.camera)]
        limits = [PER_CONNECTION_MAX, PER_PERSON_MAX]
        answer = await self._open(keys=keys, args=[id, _encode(session), session.viewer, session.camera, *limits])
        if answer in _REFUSALS:
            raise _REFUSALS[answer]()
        return session

    async def of_end(self, id: str, jid: str) -> Session:
        """The session with this id if `jid` is one of its ends; raises SessionUnknown otherwise."""
        found = sessions_of([await self._redis.hget(SESSIONS, id)])
        if not found:
            raise SessionUnknown()
        found[0].other_end(jid)
        return found[0]

    async def close(self, session: Session) -> bool:
        """Unbind; True for exactly one caller."""
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hdel(SESSIONS, session.id)
            for jid in (session.viewer, session.viewer_bare, session.camera):
                pipe.srem(_ends(jid), session.id)
            return bool((await pipe.execute())[0])

    async def of(self, jid: str) -> list[Session]:
        """Sessions of a connection (full JID) or of a person (bare JID)."""
        ids = await self._redis.smembers(_ends(jid))
        return sessions_of(await self._redis.hmget(SESSIONS, list(ids))) if ids else []

    async def everything(self) -> list[Session]:
        """All sessions."""
        return sessions_of(await self._redis.hvals(SESSIONS))
