"""A camera records when its schedule says so, and being off by choice is no loss."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime
from typing import Any

import pytest
from ucam_agent import schedule
from ucam_protocol import Day, Period, Settings

from .conftest import MakeRecorder
from .recording import until

NIGHTS = Settings(timezone="Europe/Berlin", schedule=[Period(days=["mon", "fri"], from_="20:00", to="07:00")])
EVERY_DAY: list[Day] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
NEVER: list[dict[str, Any]] = [
    {"days": EVERY_DAY, "from": "00:00", "to": "00:01"},
    {"days": EVERY_DAY, "from": "12:00", "to": "12:01"},
]


def never() -> list[dict[str, Any]]:
    """A schedule that leaves the camera off now."""
    return [one for one in NEVER if abs(datetime.now(UTC).hour - int(str(one["from"])[:2])) > 1][:1]


@pytest.mark.parametrize(
    ("utc", "on"),
    [
        ("2026-11-23T18:59", False),  # Monday 19:59 in Berlin
        ("2026-11-23T19:00", True),
        ("2026-11-24T05:59", True),  # Tuesday morning belongs to Monday's night
        ("2026-11-24T06:00", False),
        ("2026-11-24T19:00", False),
        ("2026-07-20T18:00", True),  # Monday 20:00 in summer time
        ("1970-01-05T12:00", True),  # nobody knows the time
    ],
)
def test_times_of_day_are_those_of_the_place(utc: str, on: bool) -> None:
    assert schedule.shall_record(NIGHTS, datetime.fromisoformat(utc).replace(tzinfo=UTC)) is on


def test_without_a_schedule_it_records_always() -> None:
    assert schedule.shall_record(Settings(), datetime.now(UTC))


def test_words_tell_until_when_it_is_off() -> None:
    assert schedule.words(NIGHTS, datetime(2026, 11, 24, 12, tzinfo=UTC)) == "Off by its schedule until Friday 20:00."


def test_an_unknown_time_zone_goes_by_utc() -> None:
    unknown = Settings(timezone="Mars/Olympus", schedule=[Period(days=EVERY_DAY, from_="08:00", to="09:00")])
    assert schedule.shall_record(unknown, datetime(2026, 11, 24, 8, 30, tzinfo=UTC))


def test_a_schedule_stops_and_starts_the_recorder_with_a_gap_by_choice(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    listener.send_settings(schedule=never())
    off = listener.event("state", part="recorder", state="off")
    assert off["words"].startswith("Off by its schedule until")
    before = recorder.fragments()
    listener.send_settings()
    listener.event("fragment")
    until(lambda: recorder.fragments() > before and len(recorder.sidecars()) > 1, "recording again")
    gaps = until(recorder.gaps, "the gap")
    assert {gap["cause"] for gap in gaps} == {"off"}
    first, second = recorder.sidecars()[0], recorder.sidecars()[-1]
    ended_ms = first["started_ms"] + (first["ended_mono_ns"] - first["started_mono_ns"]) // 1_000_000
    assert 0 <= ended_ms - gaps[0]["from_ms"] <= 600, "a gap may overlap by a fragment, never leave a hole out"
    assert gaps[-1]["to_ms"] == second["started_ms"]


def test_killed_while_off_it_is_still_off_and_knows_since_when(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.start()
    recorder.connect().event("fragment")
    recorder.end()
    recorder.write_settings(schedule=never())
    recorder.start()
    recorder.connect().event("state", part="recorder", state="off")
    until(lambda: json.loads((recorder.state / "spool" / "boot.json").read_text())["rested_ms"], "known to be off")
    recorder.end(signal.SIGKILL)
    recorder.start()
    recorder.connect().event("state", part="recorder", state="off")
    causes = until(lambda: len(recorder.gaps()) >= 2 and [gap["cause"] for gap in recorder.gaps()], "gaps")
    assert causes == ["recorder", "recorder"]
    gaps = recorder.gaps()
    assert gaps[0]["to_ms"] == gaps[1]["from_ms"], "the gaps follow each other"
