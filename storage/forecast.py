"""What retention can keep beside what was asked: "30 days asked, 22 fit, full on 14 December"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from cameras.models import Alert, Camera
from cameras.sentences import say, together
from storage.disk import reserve
from storage.inflow import Flow, flows, summed
from storage.models import Installation
from storage.models.chunk import instant_of
from storage.retention import strictest
from storage.tier import tier_if_reached
from storage.volume import Volume

DAY = timedelta(days=1)
SURE_AFTER = timedelta(hours=6)  # of recording: what is reckoned from less jumps, so it is neither told nor an alarm
FOREVER_DAYS = 365_000


@dataclass(frozen=True, slots=True)
class Limit:
    """Bytes that may be used, bytes that are, bytes that come in a day; `what` it is, in words."""

    what: str
    bytes: int
    used: int
    per_day: float

    @property
    def days(self) -> float:
        """How long footage stays before this limit makes it go."""
        return self.bytes / self.per_day if self.per_day else float("inf")


@dataclass(frozen=True, slots=True)
class Forecast:
    """One camera's. `fits_days` None: more than anybody asks, or not known because nothing comes in.

    `young`: it has recorded for so short a time that the figures are a guess.
    """

    asked_days: int | None
    fits_days: int | None
    full_at: datetime | None
    oldest_at: datetime | None
    bytes: int
    bytes_per_day: int
    limit: str
    short: bool
    words: str
    young: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What the forecasts of all cameras stand on, asked for once. `disk` None: a bucket, which has no end."""

    flows: dict[int, Flow]
    disk: Limit | None
    everywhere_days: int | None

    @classmethod
    def of(cls, now: datetime) -> Facts:
        """Raises StorageAway when the disk is not there."""
        found, installation = flows(now), Installation.objects.this()
        return cls(found, _disk(found, installation), installation.retention_days)


def forecast(camera: Camera, now: datetime, facts: Facts | None = None) -> Forecast:
    """From the inflow of the last 24 hours. Raises StorageAway when the disk is not there."""
    facts = facts or Facts.of(now)
    kept = strictest(camera, facts.everywhere_days)
    asked = None if kept >= FOREVER_DAYS else kept
    flow = facts.flows[camera.pk]
    none = Limit("nothing", 0, 0, 0)
    tightest = min(limits(camera, facts), key=lambda limit: limit.days, default=none)
    days = tightest.days if flow.per_day else float("inf")
    fits = None if days > FOREVER_DAYS else int(days)
    oldest_at = None if flow.oldest_ms is None else instant_of(flow.oldest_ms)
    young = oldest_at is not None and now - oldest_at < SURE_AFTER
    short = fits is not None and asked is not None and days < asked and not young
    full_at = None
    if short and tightest.used < tightest.bytes:
        full_at = now + DAY * ((tightest.bytes - tightest.used) / tightest.per_day)
    flows_in = bool(flow.per_day)
    words = _early(asked) if young and flows_in else _words(camera, asked, fits, full_at, tightest, flows_in, short)
    per_day = round(flow.per_day)
    return Forecast(asked, fits, full_at, oldest_at, flow.stored, per_day, tightest.what, short, words, young)


def limits(camera: Camera, facts: Facts) -> list[Limit]:
    """All that bounds the space of a camera: its own limit, its location's, the disk."""
    found: list[Limit] = []
    place = camera.location
    if camera.max_bytes is not None:
        own = summed([facts.flows[camera.pk]])
        found.append(Limit(say("the camera's maximum space"), camera.max_bytes, *own))
    if place.max_bytes is not None:
        here = summed(flow for flow in facts.flows.values() if flow.location == place.pk)
        found.append(Limit(say("the location's maximum space"), place.max_bytes, *here))
    return [*found, *([facts.disk] if facts.disk else [])]


def _disk(found: dict[int, Flow], installation: Installation) -> Limit | None:
    """The disk, or both of them."""
    used, per_day = summed(found.values())
    with Volume() as volume:
        room = volume.free_bytes() - reserve(volume.size_bytes(), settings.UCAM_DISK_LOW_BYTES)
    tier = tier_if_reached() if installation.move_after_days is not None else None
    if tier is None:
        return Limit(say("the disk"), max(used + room, 0), used, per_day)
    if (second := tier.room()) is None:  # what the first disk has no room for moves on; a bucket has no end
        return None
    room += second.free - reserve(second.size, settings.UCAM_DISK_LOW_BYTES)
    return Limit(say("both disks"), max(used + room, 0), used, per_day)


def tell(now: datetime) -> None:
    """Raise `retention_short` for cameras of which less is kept than was asked; clear it with some margin."""
    facts = Facts.of(now)
    # One that was added meanwhile waits for the next look.
    for camera in Camera.objects.filter(pk__in=facts.flows).select_related("location"):
        found = forecast(camera, now, facts)
        if found.asked_days is None or found.fits_days is None or found.fits_days > found.asked_days * 1.05:
            Alert.objects.clear("retention_short", camera=camera)
        elif found.short:
            Alert.objects.raise_(
                "retention_short",
                Alert.Level.WARNING,
                say("{name} keeps less than was asked", name=camera.shown_name),
                together(found.words, say("Add space, lower the bitrate, or ask for fewer days.")),
                camera=camera,
            )


def _words(
    camera: Camera,
    asked: int | None,
    fits: int | None,
    full_at: datetime | None,
    limit: Limit,
    flows: bool,
    short: bool,
) -> str:
    wanted = _wanted(asked)
    if not flows:
        return say("{wanted}; nothing was recorded in the last 24 hours, so what fits is not known.", wanted=wanted)
    if fits is None:
        return say("{wanted}, all of it fits.", wanted=wanted)
    if asked is not None and not short:
        return say("{wanted}, about {days} would fit.", wanted=wanted, days=_days(fits))
    if full_at is None:
        return say(
            "{wanted}, {fit} fit, full now: {limit} is used up and the oldest footage goes.",
            wanted=wanted,
            fit=fits,
            limit=limit.what,
        )
    local = full_at.astimezone(ZoneInfo(camera.location.timezone)).date()
    return say("{wanted}, {fit} fit, full on {day} ({limit}).", wanted=wanted, fit=fits, day=local, limit=limit.what)


def _early(asked: int | None) -> str:
    return say("{wanted}; it is too early to tell how many fit.", wanted=_wanted(asked))


def _wanted(asked: int | None) -> str:
    return say("No limit of days asked") if asked is None else say("{days} asked", days=_days(asked))


def _days(count: int) -> str:
    return say("{count} day", count=count) if count == 1 else say("{count} days", count=count)
