"""What became of every second of a range: stored, on the camera, off by choice, lost and why, or unknown.

Surer knowledge wins: bytes on the disk over what a camera reported, a reported gap over a spool report.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cameras.models import Camera
from storage.index import HOLE_MS, entries
from storage.models import Chunk, Gap, SpoolReport
from storage.models.chunk import ms_of
from storage.range import Range
from storage.spans import Span, clipped, merged, total_ms, without

LONGEST = timedelta(days=31, hours=1)  # a month whose clocks are put back
SHIPS_WITHIN_MS = 60_000  # a recording camera that is online ships the present within this time
Caused = tuple[int, int, str]
STATES = ("stored", "on_camera", "off", "lost", "unknown")


@dataclass(frozen=True, slots=True)
class Stretch:
    """One answer for a stretch of time, ms since 1970."""

    from_ms: int
    to_ms: int
    state: str
    cause: str = ""


def coverage(
    camera: Camera, asked: Range, since_ms: int | None, now: datetime, until_ms: int | None = None
) -> list[Stretch]:
    """Stretches that cover the range up to now, in order, none overlapping; what is older than `since_ms` is hidden,
    and so is what is younger than `until_ms`.
    """
    begin, last = asked.from_ms, min(asked.to_ms or ms_of(now), ms_of(now))
    if last <= begin:
        return []
    hidden = min(max(since_ms or begin, begin), last)
    end = last if until_ms is None else max(min(until_ms, last), hidden)
    known: list[Stretch] = [Stretch(begin, hidden, "unknown", "not_allowed")] if hidden > begin else []
    if end < last:
        known.append(Stretch(end, last, "unknown", "not_allowed"))
    gaps = list(Gap.objects.filter(camera=camera, to_ms__gt=hidden, from_ms__lt=end))
    lost = [gap for gap in gaps if gap.state == "lost"]
    off = [gap for gap in gaps if gap.state == "off"]
    layers: list[tuple[str, list[Caused]]] = [
        ("stored", [(a, b, "") for a, b in stored_spans(camera, begin, end)]),
        ("lost", [(gap.from_ms, gap.to_ms, gap.cause) for gap in lost]),
        ("off", [(gap.from_ms, gap.to_ms, gap.cause) for gap in off]),
        ("on_camera", [(a, b, "") for a, b in _on_camera(camera, ms_of(now))]),
        ("unknown", [(hidden, end, "")]),
    ]
    for state, spans in layers:
        _add(known, state, [(max(a, hidden), min(b, end), cause) for a, b, cause in spans])
    return _joined(sorted(known, key=lambda stretch: stretch.from_ms))


def earliest_ms(camera: Camera) -> int | None:
    """The first instant of which the ledger knows anything; before it nothing was recorded. None: it knows nothing."""
    rows = Chunk.objects.filter(camera=camera).order_by("started_ms").values_list("started_ms", flat=True)
    gaps = Gap.objects.filter(camera=camera).order_by("from_ms").values_list("from_ms", flat=True)
    found = [first for first in (rows.first(), gaps.first()) if first is not None]
    return min(found, default=None)


def totals(stretches: list[Stretch]) -> dict[str, float]:
    """Seconds of each state."""
    return {
        state: total_ms((one.from_ms, one.to_ms) for one in stretches if one.state == state) / 1000 for state in STATES
    }


def stored_spans(camera: Camera, begin: int, end: int) -> list[Span]:
    """Where footage is stored, from the chunks that reach into a range."""
    rows = Chunk.objects.filter(camera=camera, state__in=(Chunk.State.OPEN, Chunk.State.CLOSED)).within(begin, end)
    rows = rows.order_by()
    spans: list[Span] = list(rows.filter(missing_ms=0).values_list("started_ms", "ended_ms"))
    for started_ms, fragments in rows.filter(missing_ms__gt=0).values_list("started_ms", "fragments"):
        begins = ((started_ms + one.at_ms, one.duration_ms) for one in entries(bytes(fragments)))
        spans += merged(((begin, begin + duration_ms) for begin, duration_ms in begins), HOLE_MS)
    return merged(spans, HOLE_MS)


def days(
    camera: Camera, month: date, since_ms: int | None, until_ms: int | None = None, zone: ZoneInfo | None = None
) -> dict[str, float]:
    """Seconds stored on each day of a month that has any, by the calendar of a zone, else of the place.

    Reckoned from the chunks' ends, which one index holds: 9,000 pairs for a month of five-minute chunks, some 20 ms. A
    table of days would have to be kept true through growth, deletion, re-placing and a change of the place's time zone.
    """
    zone = zone or ZoneInfo(camera.location.timezone)
    dates = [month + timedelta(days=number) for number in range(32)]
    dates = [day for day in dates if day.month == month.month]
    borders = [ms_of(datetime(day.year, day.month, day.day, tzinfo=zone)) for day in dates]
    after = dates[-1] + timedelta(days=1)
    borders.append(ms_of(datetime(after.year, after.month, after.day, tzinfo=zone)))
    begin = max(borders[0], since_ms or borders[0])
    end = min(borders[-1], until_ms or borders[-1])
    sums = [0] * len(dates)
    for span in clipped(stored_spans(camera, begin, end), begin, end):
        for number in range(bisect_right(borders, span[0]) - 1, len(dates)):
            if borders[number] >= span[1]:
                break
            sums[number] += min(span[1], borders[number + 1]) - max(span[0], borders[number])
    return {day.isoformat(): ms / 1000 for day, ms in zip(dates, sums, strict=True) if ms}


def _on_camera(camera: Camera, now_ms: int) -> list[Span]:
    """What waits on the camera, by its last report; and the last seconds, when it is online and records."""
    report = SpoolReport.objects.filter(camera=camera).first()
    spans: list[Span] = [(begin, end) for begin, end in report.unshipped] if report else []
    if camera.online and (camera.status or {}).get("recording") and camera.latest_at:
        latest_ms = ms_of(camera.latest_at)
        if now_ms - latest_ms <= SHIPS_WITHIN_MS:
            spans.append((latest_ms, now_ms))
    return merged(spans)


def _add(known: list[Stretch], state: str, spans: list[Caused]) -> None:
    """Give a state to those parts of the spans that have none yet; where spans overlap the first one's cause counts."""
    taken = merged((one.from_ms, one.to_ms) for one in known)
    reached: int | None = None
    for from_ms, end, cause in sorted(spans):
        begin = from_ms if reached is None else max(from_ms, reached)
        if end > begin:
            known.extend(Stretch(a, b, state, cause) for a, b in without((begin, end), taken))
            reached = end


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    """Neighbours that say the same as one."""
    found: list[Stretch] = []
    for one in stretches:
        last = found[-1] if found else None
        if last and (last.state, last.cause, last.to_ms) == (one.state, one.cause, one.from_ms):
            found[-1] = Stretch(last.from_ms, one.to_ms, one.state, one.cause)
        else:
            found.append(one)
    return found
