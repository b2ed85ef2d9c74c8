"""Which pattern says what, and that each can be told from the others."""

from __future__ import annotations

import itertools

import pytest
from ucam_agent.lights import pattern
from ucam_agent.lights.pattern import PATTERNS, Pattern
from ucam_agent.lights.situation import Condition, Situation, pattern_for

OK, OFF, BROKEN, STARTING = Condition.OK, Condition.OFF, Condition.BROKEN, Condition.STARTING


def flashes(shown: Pattern, length_ms: int = 10_000) -> list[tuple[int, bool]]:
    """Edges from the start, walked as the lights walk them."""
    at: float | None = 0.0
    found = []
    while at is not None and at < length_ms:
        lit, after = shown.at(at)
        found.append((round(at), lit))
        at = after
    return found


@pytest.mark.parametrize(
    ("situation", "wanted"),
    [
        (Situation(), pattern.STARTING),
        (Situation(OK, OK), pattern.RECORDING),
        (Situation(OK, STARTING), pattern.RECORDING),
        (Situation(OK, OK, viewers=1), pattern.WATCHED),
        (Situation(OFF, OK), pattern.OFF),
        (Situation(OFF, OK, viewers=1), pattern.WATCHED),
        (Situation(BROKEN, OK), pattern.FRANTIC),
        (Situation(OK, BROKEN), pattern.FRANTIC),
        (Situation(OK, BROKEN, viewers=3), pattern.FRANTIC),
        (Situation(OFF, BROKEN), pattern.FRANTIC),
        (Situation(BROKEN, BROKEN, identify_until_s=101.0), pattern.IDENTIFY),
        (Situation(BROKEN, OK, identify_until_s=100.0), pattern.FRANTIC),
    ],
    ids=str,
)
def test_the_most_important_is_said(situation: Situation, wanted: Pattern) -> None:
    assert pattern_for(situation, now_s=100.0) is wanted


def test_broken_is_frantic_whatever_else_holds() -> None:
    for recording, storage, viewers in itertools.product(Condition, Condition, (0, 2)):
        frantic = pattern_for(Situation(recording, storage, viewers), 0.0) is pattern.FRANTIC
        assert frantic == (BROKEN in (recording, storage))


def test_recording_is_steady_and_nothing_else_is() -> None:
    assert pattern.RECORDING.at(0) == (True, None)
    assert [shown.name for shown in PATTERNS if shown.at(123_456)[1] is None] == ["recording", "dark"]


def test_being_watched_is_a_slow_double_blink() -> None:
    assert flashes(pattern.WATCHED, 4000) == [
        (0, True), (200, False), (400, True), (600, False),
        (2000, True), (2200, False), (2400, True), (2600, False),
    ]  # fmt: skip


def test_frantic_flashes_faster_than_all_others() -> None:
    count = {shown.name: len(flashes(shown)) for shown in PATTERNS}
    assert count.pop("frantic") > 2 * max(count.values())


def test_no_two_patterns_look_alike() -> None:
    assert len({tuple(flashes(shown)) for shown in PATTERNS}) == len(PATTERNS)


def test_every_beat_is_long_enough_for_an_eye() -> None:
    assert all(beat >= 50 for shown in PATTERNS for beat in shown.beats_ms)


@pytest.mark.parametrize("shown", PATTERNS, ids=lambda shown: shown.name)
def test_a_pattern_says_the_same_after_a_year(shown: Pattern) -> None:
    year_ms = sum(shown.beats_ms) * 10_000_000
    assert shown.at(year_ms + 30)[0] == shown.at(30)[0]
