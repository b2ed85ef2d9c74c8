"""The clock's offset comes from the quickest ping and survives steps of our own clock."""

from __future__ import annotations

import time

import pytest
from ucam_agent.clock import AGE_MAX_S, Clock, mono_ms


def test_without_a_pong_nothing_is_known() -> None:
    assert Clock().offset_ms is None


def test_the_quickest_ping_wins() -> None:
    clock, now_ms, wall_ms = Clock(), mono_ms(), time.time() * 1000
    clock.add(now_ms - 2000, now_ms, round(wall_ms + 5000))
    clock.add(now_ms - 10, now_ms, round(wall_ms + 5000 - 5))
    clock.add(now_ms - 900, now_ms, round(wall_ms + 9000))
    assert clock.offset_ms == pytest.approx(5000, abs=5)
    assert clock.error_ms == pytest.approx(5)


def test_a_ping_that_took_seconds_does_not_make_our_clock_wrong() -> None:
    clock, now_ms, now_ns, wall_ms = Clock(), mono_ms(), time.monotonic_ns(), round(time.time() * 1000)
    clock.add(now_ms - 4000, now_ms, wall_ms - 2000 + 1700)
    assert clock.agrees
    assert clock.corrected_ms(wall_ms, now_ns) == wall_ms
    clock.add(now_ms - 10, now_ms, wall_ms + 1700)
    assert clock.agrees is False
    assert clock.corrected_ms(wall_ms, now_ns) == pytest.approx(wall_ms + 1700, abs=20)


def test_a_ping_that_took_a_minute_excuses_little() -> None:
    clock, now_ms, wall_ms = Clock(), mono_ms(), round(time.time() * 1000)
    clock.add(now_ms - 60_000, now_ms, wall_ms - 30_000 + 8000)
    assert clock.agrees is False


def test_a_step_of_our_clock_changes_the_offset_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, now_ms, wall_s = Clock(), mono_ms(), time.time()
    clock.add(now_ms - 10, now_ms, round(wall_s * 1000))
    monkeypatch.setattr(time, "time", lambda: wall_s - 3600)
    assert clock.offset_ms == pytest.approx(3_600_000, abs=500)


def test_old_pings_are_forgotten() -> None:
    clock, now_ms = Clock(), mono_ms()
    clock.add(now_ms - AGE_MAX_S * 1000 - 20, now_ms - AGE_MAX_S * 1000 - 10, 0)
    assert clock.offset_ms is None


def test_a_pong_before_its_ping_is_not_believed() -> None:
    clock = Clock()
    clock.add(100.0, 90.0, 5)
    assert clock.best() is None
