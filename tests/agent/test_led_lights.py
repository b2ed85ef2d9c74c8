"""The lights at work: in time, without drift, on all LEDs, whatever one of them does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

import pytest
from ucam_agent.fake.led import FakeLed
from ucam_agent.lights import pattern
from ucam_agent.lights.lights import LOOK_WITHOUT_LEDS_S, Lights
from ucam_agent.lights.situation import Condition, Situation

WATCHED = Situation(Condition.OK, Condition.OK, viewers=1)
BROKEN = Situation(Condition.BROKEN, Condition.OK)


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class WaitedLed(FakeLed):
    """Tells of each switching."""

    at_edge: Callable[[], object]

    def light(self, lit: bool) -> None:
        super().light(lit)
        self.at_edge()


def play(lights: Lights, time: Time, for_s: float, late_s: float = 0.0) -> None:
    """Steps as the loop would, each time up to `late_s` late."""
    end_s = time.now_s + for_s
    while time.now_s < end_s:
        pause_s = lights.step()
        time.now_s += max(pause_s, 1e-6) + random.uniform(0, late_s)


def test_it_blinks_in_time_and_does_not_drift_when_every_step_is_late() -> None:
    time = Time()
    led = FakeLed(clock=time)
    play(Lights(lambda: WATCHED, [led], time), time, for_s=200, late_s=0.02)
    on = [edge.at_s - 1000 for edge in led.edges if edge.lit][0::2]
    assert len(on) == 100
    assert all(0 <= at - 2 * number < 0.03 for number, at in enumerate(on))


def test_a_new_situation_shows_within_a_second() -> None:
    time = Time()
    led = FakeLed(clock=time)
    situation = [Situation(Condition.OK, Condition.OK)]
    lights = Lights(lambda: situation[0], [led], time)
    play(lights, time, for_s=5)
    assert [edge.lit for edge in led.edges] == [True]
    situation[0] = BROKEN
    play(lights, time, for_s=1)
    assert lights.pattern is pattern.FRANTIC
    assert len(led.edges) > 5


def test_asking_to_show_itself_ends_by_itself() -> None:
    time = Time()
    lights = Lights(lambda: Situation(Condition.OK, Condition.OK, 0, identify_until_s=1005.0), [FakeLed()], time)
    play(lights, time, for_s=4)
    assert lights.pattern is pattern.IDENTIFY
    play(lights, time, for_s=2)
    assert lights.pattern is pattern.RECORDING


def test_all_leds_say_the_same_at_once() -> None:
    time = Time()
    one, two = FakeLed("one", time), FakeLed("two", time)
    play(Lights(lambda: BROKEN, [one, two], time), time, for_s=3)
    assert one.edges == two.edges
    assert len(one.edges) > 30


def test_a_led_that_fails_is_left_alone_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    bad, good = FakeLed("bad", time), FakeLed("good", time)
    bad.broken = True
    play(Lights(lambda: BROKEN, [bad, good], time), time, for_s=3)
    assert len(good.edges) > 30
    assert bad.closed
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_closing_twice_gives_every_led_back_once() -> None:
    led = FakeLed()
    lights = Lights(lambda: WATCHED, [led])
    lights.step()
    lights.close()
    lights.close()
    assert (led.lit, led.closed) == (False, True)


async def test_as_a_task_it_blinks_and_ends_dark() -> None:
    led, seen = WaitedLed(), asyncio.Event()
    led.at_edge = lambda: seen.set() if len(led.edges) >= 6 else None
    task = asyncio.create_task(Lights(lambda: BROKEN, [led]).run())
    await asyncio.wait_for(seen.wait(), 5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (led.lit, led.closed) == (False, True)
    beats = [after.at_s - before.at_s for before, after in zip(led.edges[:5], led.edges[1:6], strict=True)]
    assert min(beats) < 0.2


def test_without_leds_it_only_looks_and_tells() -> None:
    time = Time()
    told: list[str] = []
    lights = Lights(lambda: BROKEN, [], time, on_pattern=lambda shown: told.append(shown.name))
    assert lights.step() == pytest.approx(LOOK_WITHOUT_LEDS_S)
    play(lights, time, for_s=3)
    assert told == ["frantic"]
