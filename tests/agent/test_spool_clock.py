"""The spool of a camera whose clock is wrong: what was off or lost has its place all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .test_spool import MakeFeed
from .test_spool import feed as feed

BEHIND_NS = 200 * 24 * 3600 * 10**9


@contextmanager
def clock_behind() -> Iterator[None]:
    """The wall clock shows a time of long ago."""
    real = time.time_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: real() - BEHIND_NS)
        yield


def test_off_with_a_clock_that_is_far_behind_is_told_all_the_same(feed: MakeFeed) -> None:
    before = feed()
    before.begin(start_ns=time.monotonic_ns() - 60 * 10**9)
    before.write(2)
    after = feed(boot="kernel-2")
    with clock_behind():
        begun_ns = time.monotonic_ns()
        after.spool.rest("Off.")
        after.spool.rest("Off.")
    gaps = sorted(after.gaps(), key=lambda gap: gap["to_mono_ns"])
    assert [gap["cause"] for gap in gaps] == ["power", "off"], "the boot before ended in the clock's future"
    assert gaps[0]["from_mono_ns"] is None
    assert begun_ns <= gaps[0]["to_mono_ns"] == gaps[1]["from_mono_ns"] <= gaps[1]["to_mono_ns"]


def test_the_hole_after_a_boot_with_a_wrong_clock_begins_by_the_time_that_was_confirmed(feed: MakeFeed) -> None:
    with clock_behind():
        before = feed()
        before.begin(start_ns=time.monotonic_ns() - 60 * 10**9)
        before.write(2)
        before.spool.know_time((time.time_ns() + BEHIND_NS - time.monotonic_ns()) // 10**6)
    after = feed(boot="kernel-2")
    after.begin(start_ns=time.monotonic_ns())
    after.write()
    (gap,) = after.gaps()
    assert abs(gap["to_ms"] - gap["from_ms"] - 56_000) < 1000


def test_off_and_killed_with_a_clock_set_back_the_rest_goes_on_where_it_was(feed: MakeFeed) -> None:
    before = feed()
    before.begin(start_ns=time.monotonic_ns() - 60 * 10**9)
    before.write(2)
    with clock_behind():
        before.spool.rest("Off.")
        rested_ns = max(gap["to_mono_ns"] for gap in before.gaps())
        after = feed()
        after.spool.rest("Off.")
    assert max(gap["from_mono_ns"] for gap in after.gaps()) == rested_ns
