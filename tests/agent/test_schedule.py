"""A camera records when its schedule says so, and being off by choice is no loss."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from ucam_agent import schedule
from ucam_protocol import Day, Period, Settings

from .conftest import MakeRecorder
from .recording import numbers, until

NIGHTS = Settings(timezone="Europe/Berlin", schedule=[Period(days=["mon", "fri"], from_="20:00", to="07:00")])
EVERY_DAY: list[Day] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
NEVER: list[dict[str, Any]] = [
    {"days": EVERY_DAY, "from": "00:00", "to": "00:01"},
    {"days": EVERY_DAY, "from": "12:00", "to": "12:01"},
]


def never() -> list[dict[str, Any]]:
    """A schedule that leaves the camera off now."""
    hour = datetime.now(UTC).hour
    return [one for one in NEVER if 1 < (int(str(one["from"])[:2]) - hour) % 24 < 23][:1]


@pytest.mark.parametrize(
    ("utc", "on"),
    [
        ("2026-11-23T18:59", False),  # Monday 19:59 in Berlin
        ("2026-11-23T19:00", True),
        ("2026-11-24T05:59", True),  # Tuesday morning belongs to Monday's night
        ("2026-11-24T06:00", False),
        ("2026-11-24T19:00", False),
        ("2026-07-20T18:00", True),  # Monday 20:00 in summer time
    ],
)
def test_times_of_day_are_those_of_the_place(utc: str, on: bool) -> None:
    assert schedule.shall_record(NIGHTS, datetime.fromisoformat(utc).replace(tzinfo=UTC)) is on


def on_from_to(zone: str, period: Period, first: str, last: str) -> list[tuple[str, str]]:
    """The first and last minute of each stretch in which a period holds, between two instants of UTC."""
    settings = Settings(timezone=zone, schedule=[period])
    begin, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (first, last))
    minutes = [begin + timedelta(minutes=number) for number in range(int((end - begin).total_seconds() // 60))]
    on = [minute for minute in minutes if schedule.shall_record(settings, minute)]
    first_of = [one for one in on if one - timedelta(minutes=1) not in on]
    last_of = [one for one in on if one + timedelta(minutes=1) not in on]
    return [(f"{one:%dT%H:%M}", f"{two:%dT%H:%M}") for one, two in zip(first_of, last_of, strict=True)]


SPRING = "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T12:00"  # 2:00 becomes 3:00, at 1:00 UTC of the 29th
AUTUMN = "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T12:00"  # 3:00 becomes 2:00, at 1:00 UTC of the 25th


@pytest.mark.parametrize(
    ("when", "begin", "end", "on"),
    [
        (SPRING, "20:00", "07:00", [("28T19:00", "29T04:59")]),  # ten hours
        (SPRING, "01:30", "02:30", [("29T00:30", "29T00:59")]),  # its end is never shown
        (SPRING, "02:30", "04:00", [("29T01:00", "29T01:59")]),  # nor is its beginning
        (SPRING, "02:15", "02:45", []),  # the clock shows nothing of it
        (AUTUMN, "20:00", "07:00", [("24T18:00", "25T05:59")]),  # twelve hours
        (AUTUMN, "22:00", "02:30", [("24T20:00", "25T01:29")]),  # until 2:30 for the last time
        (AUTUMN, "02:30", "04:00", [("25T00:30", "25T02:59")]),  # from 2:30 for the first time
        (AUTUMN, "02:15", "02:45", [("25T00:15", "25T01:44")]),
        (AUTUMN, "03:00", "05:00", [("25T02:00", "25T03:59")]),
        (AUTUMN, "00:00", "24:00", [("24T12:00", "25T11:59")]),
    ],
)
def test_when_the_clocks_are_changed_no_period_has_a_hole(
    when: tuple[str, str, str], begin: str, end: str, on: list[tuple[str, str]]
) -> None:
    zone, *between = when
    assert on_from_to(zone, Period(days=EVERY_DAY, from_=begin, to=end), *between) == on


def test_a_night_that_begins_before_the_change_belongs_to_its_own_day() -> None:
    saturday = Period(days=["sat"], from_="22:00", to="02:30")
    assert on_from_to("Europe/Berlin", saturday, "2026-10-23T12:00", "2026-10-27T12:00") == [("24T20:00", "25T01:29")]


def test_where_the_change_is_at_midnight_a_day_is_whole() -> None:
    # In Santiago the 6th begins at 1:00, the clock is put forward at midnight; the 4th of April has 25 h.
    whole = Period(days=["sun"], from_="00:00", to="24:00")
    spring = on_from_to("America/Santiago", whole, "2026-09-05T12:00", "2026-09-08T12:00")
    assert spring == [("06T04:00", "07T02:59")]  # 23 hours
    autumn = on_from_to("America/Santiago", Period(days=["sat"]), "2026-04-03T12:00", "2026-04-06T12:00")
    assert autumn == [("04T03:00", "05T03:59")]  # 25 hours


def test_without_a_schedule_it_records_always() -> None:
    assert schedule.shall_record(Settings(), datetime.now(UTC))


def test_while_nobody_knows_the_time_it_records() -> None:
    assert schedule.shall_record(NIGHTS, None)


def test_words_tell_until_when_it_is_off() -> None:
    words = schedule.words(NIGHTS, datetime(2026, 11, 24, 12, tzinfo=UTC))
    assert words == "Off by its schedule until 2026-11-27T19:00:00Z."  # Friday, eight in the evening at the camera


def test_an_unknown_time_zone_goes_by_utc() -> None:
    unknown = Settings(timezone="Mars/Olympus", schedule=[Period(days=EVERY_DAY, from_="08:00", to="09:00")])
    assert schedule.shall_record(unknown, datetime(2026, 11, 24, 8, 30, tzinfo=UTC))


def test_a_schedule_stops_and_starts_the_recorder_with_a_gap_by_choice(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder()
    recorder.know_time()
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
    recorder.know_time()
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


def test_new_settings_that_also_switch_it_on_begin_one_run_only(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(schedule=never())
    recorder.know_time()
    recorder.start()
    listener = recorder.connect()
    listener.event("state", part="recorder", state="off")
    listener.send_settings(fps=10)
    until(lambda: recorder.fragments() > 8, "recording for some seconds")
    assert recorder.end() == 0
    seen = numbers(recorder.chunks())
    assert all(two > one for one, two in pairwise(seen)), "pictures of two pipelines"
    assert {gap["cause"] for gap in recorder.gaps()} <= {"off"}
