"""Who is there, for pages and tasks (synchronous); and the rows that remember when a camera came and went."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.exceptions import RedisError
from ucam_protocol import Peer, Status

from accounts.models import User
from cameras.models import Camera, Location
from cameras.room import relay, roster
from cameras.room.roster import Member

log = logging.getLogger(__name__)


def now_text() -> str:
    """This instant, RFC 3339 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def server_peer() -> Peer:
    """The server's own entry in every roster."""
    return Peer(jid=f"server@{settings.UCAM_DOMAIN}", kind="server", name="ucam")


def everyone_now() -> list[Member]:
    """All who are present; raises redis.RedisError."""
    with Redis.from_url(settings.REDIS_URL, socket_timeout=3) as redis:
        names = [name.decode() for name in redis.smembers(roster.PROCESSES)]
        values = redis.mget([roster.process_key(name) for name in names]) if names else []
        alive = {name for name, value in zip(names, values, strict=True) if value}
        return roster.present(redis.hvals(roster.PEERS), alive)


def watchers_now() -> dict[str, list[str]]:
    """Bare JID of each watched camera to the bare JIDs of who watches it; empty while Redis is away."""
    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=3) as redis:
            return relay.by_camera(relay.sessions_of(redis.hvals(relay.SESSIONS)))
    except RedisError as error:
        log.warning("Who watches which camera is not known while Redis is away (%s).", error)
        return {}


def visible_to(user: User) -> list[Peer]:
    """The roster as far as this person may know it; empty while Redis is away."""
    try:
        everyone = everyone_now()
    except RedisError as error:
        log.warning("Who is in the room is not known while Redis is away (%s).", error)
        return []
    places = frozenset(Location.objects.for_user(user).values_list("pk", flat=True))
    cameras = Camera.objects.for_user(user).order_by().values_list("pk", flat=True) if user.is_guest else ()
    asker = Member(
        jid=str(user.jid), kind="person", subject=user.pk, name="", process="", since="",
        places=places, operator=user.is_staff, guest=user.is_guest, cameras=frozenset(cameras),
    )  # fmt: skip
    own = [member for member in everyone if member.kind == "person" and member.subject == user.pk]
    return [member.peer() for member in everyone if member in own or asker.sees(member)]


def connected(camera: int, since: str) -> None:
    """The camera came at `since`."""
    Camera.objects.filter(pk=camera).update(connected_at=datetime.fromisoformat(since), disconnected_at=None)


def all_connected(came: Iterable[tuple[int, str]]) -> None:
    """Several cameras came, each at its instant: one transaction, since each costs a sync of the disk."""
    with transaction.atomic():
        for camera, since in came:
            connected(camera, since)


def disconnected(camera: int, since: str) -> bool:
    """The connection that came at `since` is gone; False when a newer one is there."""
    rows = Camera.objects.filter(pk=camera, connected_at=datetime.fromisoformat(since), disconnected_at=None)
    return bool(rows.update(disconnected_at=datetime.now(UTC)))


def store_status(camera: int, status: Status) -> None:
    """Remember how a camera says it is."""
    Camera.objects.filter(pk=camera).update(status=msgspec.to_builtins(status), status_at=datetime.now(UTC))
