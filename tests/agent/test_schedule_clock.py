"""A schedule goes by a time that somebody has confirmed: a Pi wakes with the time of its last shutdown."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime

import pytest
from ucam_agent import wallclock
from ucam_agent.readers import CLOCK
from ucam_agent.timetable import Timetable
from ucam_protocol import Period, Settings

from .conftest import MakeRecorder
from .recording import Listener, until
from .test_schedule import EVERY_DAY, never

DAYTIME = Settings(schedule=[Period(days=EVERY_DAY, from_="08:00", to="18:00")])
NIGHT, DAY = datetime(2026, 11, 24, 3, tzinfo=UTC), datetime(2026, 11, 24, 12, tzinfo=UTC)


def offset_ms(now: datetime) -> int:
    """UTC minus the monotonic clock, were it `now`."""
    return round(now.timestamp() * 1000 - time.monotonic_ns() / 1e6)


def told(now: datetime, *, agrees: bool = True) -> bytes:
    """What the live process says of the time."""
    return json.dumps({"agrees": agrees, "utc_minus_mono_ms": offset_ms(now)}).encode()


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the kernel says of the clock: the last of these."""
    said = ["unsynchronised"]
    monkeypatch.setattr(wallclock, "kernel_state", lambda: said[-1])
    monkeypatch.setattr(wallclock, "_agrees", None)
    return said


def timetable(known_ms: int | None = None) -> tuple[Timetable, list[int]]:
    kept: list[int] = []
    return Timetable(known_ms, kept.append), kept


def test_nobody_knows_the_time_so_it_records_and_says_so_once(kernel: list[str]) -> None:
    table, kept = timetable()
    assert table.shall_record(DAYTIME)
    state, words = table.news(DAYTIME) or ("", "")
    assert (state, words.startswith("Nobody has confirmed the time")) == ("degraded", True)
    assert table.news(DAYTIME) is None
    assert kept == []


def test_the_servers_time_counts_and_not_the_wall_clocks(kernel: list[str]) -> None:
    table, kept = timetable()
    table.news(DAYTIME)
    table.heard(told(NIGHT, agrees=False))
    assert not table.shall_record(DAYTIME)
    assert table.off_words(DAYTIME) == "Off by its schedule until 2026-11-24T08:00:00Z."
    assert (table.news(DAYTIME) or ("",))[0] == "ok"
    table.heard(told(DAY, agrees=False))
    assert table.shall_record(DAYTIME)
    assert len(kept) == 2


def test_a_time_service_is_as_good_as_the_server(kernel: list[str]) -> None:
    table, kept = timetable()
    kernel.append("synchronised")
    hour = datetime.now(UTC).hour
    other = Period(days=EVERY_DAY, from_=f"{(hour + 6) % 24:02}:00", to=f"{(hour + 7) % 24:02}:00")
    assert not table.shall_record(Settings(schedule=[other]))
    kernel.append("unsynchronised")  # nobody has disciplined it for hours: it is still known well enough
    assert not table.shall_record(Settings(schedule=[other]))
    assert len(kept) == 1


def test_what_was_known_earlier_in_this_boot_is_known_still(kernel: list[str]) -> None:
    table, _ = timetable(offset_ms(NIGHT))
    assert not table.shall_record(DAYTIME)
    assert table.news(DAYTIME) is None


def test_a_server_that_lives_in_1970_knows_no_time(kernel: list[str]) -> None:
    table, _ = timetable()
    for now in (datetime(1970, 1, 5, 3, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)):
        table.heard(told(now))
        table.heard(json.dumps({"agrees": False, "utc_minus_mono_ms": 2**62}).encode())
        assert table.shall_record(DAYTIME)


def say_time(listener: Listener) -> None:
    """It is now, in truth."""
    listener.say(CLOCK, told(datetime.now(UTC), agrees=False))


def test_a_camera_that_wakes_weeks_behind_records_until_it_knows_the_time(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(module="tests.agent.lost_clock_recorder", schedule=never())
    recorder.start()
    listener = recorder.connect()
    assert "Nobody has confirmed" in listener.event("state", part="recorder", state="degraded")["words"]
    listener.event("fragment")
    say_time(listener)
    listener.event("state", part="recorder", state="ok")
    assert listener.event("state", part="recorder", state="off")["words"].startswith("Off by its schedule until")


def test_the_time_outlives_the_recorder_and_the_room_within_one_boot(make_recorder: MakeRecorder) -> None:
    recorder = make_recorder(module="tests.agent.lost_clock_recorder", schedule=never())
    recorder.start()
    listener = recorder.connect()
    listener.event("fragment")
    say_time(listener)
    listener.event("state", part="recorder", state="off")
    recorder.end(signal.SIGKILL)
    before = recorder.fragments()
    recorder.start()
    recorder.connect().event("state", part="recorder", state="off")
    until(lambda: len(recorder.gaps()) > 1, "the gap of the restart is told")
    assert recorder.fragments() == before
