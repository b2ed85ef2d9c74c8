"""What became of every second."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from cameras.models import Camera, Membership
from storage.models import Chunk, Gap, SpoolReport
from storage.models.chunk import ms_of
from storage.range import text_of
from tests.conftest import Cast
from tests.storage.footage import BOOT, TEN_O_CLOCK, Device, Footage

BASE = "/api/cameras/cam001@studio.loc/"
PAST = datetime(2026, 1, 5, 10, tzinfo=UTC)


def add_chunk(camera: Camera, begin: datetime, seconds: float, seq: int) -> Chunk:
    """A row alone: these tests read no bytes."""
    started = ms_of(begin)
    return Chunk.objects.create(
        camera=camera, boot=BOOT, seq=seq, run=1, told_ms=started, started_mono_ns=0, clock="synchronised",
        placed="told", started_ms=started, ended_ms=started + int(seconds * 1000), state="closed", path=f"{seq}",
        bytes=1000, whole_bytes=1000,
    )  # fmt: skip


def add_gap(camera: Camera, cause: str, from_s: float, to_s: float) -> Gap:
    edges = [ms_of(PAST + timedelta(seconds=each)) for each in (from_s, to_s)]
    return Gap.objects.create(camera=camera, gap_id=f"{cause}{from_s}", cause=cause, from_ms=edges[0], to_ms=edges[1])


def ask(cast: Cast, begin: datetime, end: datetime, path: str = "coverage/") -> Any:
    return cast.api(cast.bob).get(f"{BASE}{path}?from={text_of(ms_of(begin))}&to={text_of(ms_of(end))}")


def shape(answer: Any, begin: datetime) -> list[tuple[float, float, str, str]]:
    """Spans in seconds after `begin`."""
    spans = answer.json()["spans"]
    edges = [[(datetime.fromisoformat(span[key]) - begin).total_seconds() for key in ("from", "to")] for span in spans]
    return [(a, b, span["state"], span["cause"]) for (a, b), span in zip(edges, spans, strict=True)]


def test_every_second_has_one_answer(cast: Cast) -> None:
    add_chunk(cast.camera, PAST + timedelta(seconds=10), 20, 1)
    add_chunk(cast.camera, PAST + timedelta(seconds=30.2), 20, 2)
    add_gap(cast.camera, "power", 45, 60)
    add_gap(cast.camera, "schedule", 58, 70)
    unshipped = [[ms_of(PAST + timedelta(seconds=65)), ms_of(PAST + timedelta(seconds=80))]]
    SpoolReport.objects.create(camera=cast.camera, unshipped=unshipped)
    answer = ask(cast, PAST, PAST + timedelta(seconds=100))
    assert shape(answer, PAST) == [
        (0, 10, "unknown", ""),
        (10, 50.2, "stored", ""),
        (50.2, 60, "lost", "power"),
        (60, 70, "off", "schedule"),
        (70, 80, "on_camera", ""),
        (80, 100, "unknown", ""),
    ]
    assert answer.json()["totals"] == {"stored": 40.2, "lost": 9.8, "off": 10.0, "on_camera": 10.0, "unknown": 30.0}


def test_footage_shipped_by_the_device_is_stored_to_the_fragment(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 3) + b"".join(footage.fragments[6:8]))
    begin = TEN_O_CLOCK
    answer = ask(cast, begin, begin + timedelta(seconds=9))
    assert shape(answer, begin) == [
        (0, 3, "stored", ""), (3, 6, "unknown", ""), (6, 8, "stored", ""), (8, 9, "unknown", ""),
    ]  # fmt: skip


def test_the_future_is_not_told(cast: Cast) -> None:
    now = timezone.now()
    answer = ask(cast, now - timedelta(hours=1), now + timedelta(hours=1))
    assert len(answer.json()["spans"]) == 1
    assert datetime.fromisoformat(answer.json()["to"]) - now < timedelta(seconds=30)
    assert ask(cast, now + timedelta(hours=1), now + timedelta(hours=2)).json()["spans"] == []


def test_the_last_seconds_of_a_recording_camera_are_on_the_camera(cast: Cast) -> None:
    now = timezone.now()
    add_chunk(cast.camera, now - timedelta(seconds=60), 57, 1)
    Camera.objects.filter(pk=cast.camera.pk).update(
        connected_at=now, status={"recording": True}, latest_at=now - timedelta(seconds=3)
    )
    states = [
        span["state"] for span in ask(cast, now - timedelta(seconds=50), now + timedelta(seconds=5)).json()["spans"]
    ]
    assert states == ["stored", "on_camera"]
    Camera.objects.filter(pk=cast.camera.pk).update(disconnected_at=now)
    states = [
        span["state"] for span in ask(cast, now - timedelta(seconds=50), now + timedelta(seconds=5)).json()["spans"]
    ]
    assert states == ["stored", "unknown"]


def test_who_may_see_the_last_hours_is_told_of_those_only(cast: Cast) -> None:
    now = timezone.now()
    add_chunk(cast.camera, now - timedelta(hours=3), 3600, 1)
    add_chunk(cast.camera, now - timedelta(hours=1), 1800, 2)
    Membership.objects.update(replay_hours=2)
    spans = ask(cast, now - timedelta(hours=4), now).json()["spans"]
    assert [(span["state"], span["cause"]) for span in spans] == [
        ("unknown", "not_allowed"), ("unknown", ""), ("stored", ""), ("unknown", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(("hours", "status"), [(-1, 400), (31 * 24 + 1, 200), (31 * 24 + 2, 400)])
def test_a_range_has_limits(cast: Cast, hours: int, status: int) -> None:
    assert ask(cast, PAST, PAST + timedelta(hours=hours)).status_code == status


def test_days_follow_the_calendar_of_the_place(cast: Cast) -> None:
    # Berlin is UTC+1 in January: this hour lies half in the 5th, half in the 6th.
    add_chunk(cast.camera, datetime(2026, 1, 5, 22, 30, tzinfo=UTC), 3600, 1)
    add_chunk(cast.camera, datetime(2026, 1, 31, 22, 59, 50, tzinfo=UTC), 20, 2)
    answer = cast.api(cast.bob).get(f"{BASE}days/?month=2026-01")
    assert answer.json() == {
        "month": "2026-01", "timezone": "Europe/Berlin",
        "days": {"2026-01-05": 1800.0, "2026-01-06": 1800.0, "2026-01-31": 10.0},
    }  # fmt: skip


def test_days_follow_the_calendar_of_whoever_looks(cast: Cast) -> None:
    add_chunk(cast.camera, datetime(2026, 1, 5, 22, 30, tzinfo=UTC), 3600, 1)
    api = cast.api(cast.bob)
    there = api.get(f"{BASE}days/?month=2026-01&timezone=Asia/Tokyo").json()
    assert (there["timezone"], there["days"]) == ("Asia/Tokyo", {"2026-01-06": 3600.0})
    for unknown in ("Moon/Tycho", "../../etc/passwd", "", "Europe", "x" * 5000, "\0"):
        told = api.get(f"{BASE}days/", {"month": "2026-01", "timezone": unknown}).json()
        assert (told["timezone"], len(told["days"])) == ("Europe/Berlin", 2), unknown


@pytest.mark.parametrize(("month", "day", "hours"), [("2025-10", 26, 25), ("2025-03", 30, 23)])
def test_the_day_of_the_clock_change_has_its_own_length(cast: Cast, month: str, day: int, hours: int) -> None:
    begin = datetime.fromisoformat(f"{month}-{day - 1}T12:00Z")
    for hour in range(48):
        add_chunk(cast.camera, begin + timedelta(hours=hour), 3600, hour + 1)
    days = cast.api(cast.bob).get(f"{BASE}days/?month={month}").json()["days"]
    assert days[f"{month}-{day}"] == hours * 3600
    assert sum(days.values()) == 48 * 3600


@pytest.mark.parametrize(
    ("begin", "end", "off"),
    [
        (datetime(2025, 3, 29, 23, tzinfo=UTC), datetime(2025, 3, 30, 22, tzinfo=UTC), (1.5, 5)),
        (datetime(2025, 10, 25, 22, tzinfo=UTC), datetime(2025, 10, 26, 23, tzinfo=UTC), (1.5, 7)),
    ],
)
def test_a_local_day_is_covered_to_the_second_when_the_clocks_are_changed(
    cast: Cast, begin: datetime, end: datetime, off: tuple[float, float]
) -> None:
    """In Berlin: 23 hours and 25. Off by its schedule from half past one to six, as the clock there shows it."""
    edges = [begin + timedelta(hours=hour) for hour in off]
    assert [f"{edge.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}" for edge in edges] == ["01:30", "06:00"]
    add_chunk(cast.camera, begin - timedelta(hours=1), (edges[0] - begin).total_seconds() + 3600, 1)
    Gap.objects.create(camera=cast.camera, gap_id="off", cause="off", from_ms=ms_of(edges[0]), to_ms=ms_of(edges[1]))
    add_chunk(cast.camera, edges[1], (end - edges[1]).total_seconds() + 3600, 2)
    asked = [text.astimezone(ZoneInfo("Europe/Berlin")).isoformat() for text in (begin, end)]
    answer = cast.api(cast.bob).get(f"{BASE}coverage/", {"from": asked[0], "to": asked[1]})
    first, last, whole = off[0] * 3600, off[1] * 3600, (end - begin).total_seconds()
    assert shape(answer, begin) == [
        (0, first, "stored", ""), (first, last, "off", "off"), (last, whole, "stored", ""),
    ]  # fmt: skip
    totals = answer.json()["totals"]
    assert (totals["stored"], totals["off"], totals["unknown"]) == (whole - last + first, last - first, 0)


def test_a_month_whose_clocks_are_put_back_can_be_asked_for_whole(cast: Cast) -> None:
    zone = ZoneInfo("Europe/Berlin")
    assert ask(cast, datetime(2025, 10, 1, tzinfo=zone), datetime(2025, 11, 1, tzinfo=zone)).status_code == 200


@pytest.mark.parametrize("month", ["", "2026", "2026-13", "26-01", "0001-01", "9999-12", "2026-01-01"])
def test_a_month_that_is_none_is_refused(cast: Cast, month: str) -> None:
    answer = cast.api(cast.bob).get(f"{BASE}days/?month={month}")
    assert (answer.status_code, answer.json()["code"]) == (400, "range_invalid")


def test_the_ledger_of_others_does_not_exist(cast: Cast) -> None:
    for path in ("coverage/", "days/"):
        query = "?from=2026-01-05T10:00:00Z&to=2026-01-05T11:00:00Z&month=2026-01"
        assert cast.api(cast.mallory).get(f"{BASE}{path}{query}").status_code == 404
        assert cast.api(cast.bob).get(f"/api/cameras/cam001@elsewhere.loc/{path}{query}").status_code == 404
        assert cast.api(None).get(f"{BASE}{path}{query}").status_code == 401
