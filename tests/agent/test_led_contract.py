"""What every light promises, held by all of them: the fake, the board's own through sysfs, the pin through RPi.GPIO."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ucam_agent.fake.gpio import FakeGpio
from ucam_agent.fake.led import Edge, FakeLed
from ucam_agent.fake.sysfs import FakeSysfs
from ucam_agent.lights.gpio import GpioLed
from ucam_agent.lights.led import Led, LedFailed
from ucam_agent.lights.sysfs import SysfsLed

PIN = 17


@dataclass
class Bench:
    """A light, and eyes that see it from outside. `given_back`: it belongs to whom it belonged before."""

    led: Led
    edges: list[Edge]
    given_back: Callable[[], bool]


def _fake(tmp_path: Path) -> Bench:
    led = FakeLed()
    return Bench(led, led.edges, lambda: led.closed)


def _sysfs(tmp_path: Path) -> Bench:
    board = FakeSysfs(tmp_path)
    led = SysfsLed(board.directory, board.write)
    assert board.trigger == "none"
    return Bench(led, board.edges, lambda: board.trigger == "mmc0")


def _gpio(tmp_path: Path) -> Bench:
    gpio = sys.modules["RPi.GPIO"]
    assert isinstance(gpio, FakeGpio)
    led = GpioLed(PIN)
    assert gpio.gpio_function(PIN) == gpio.OUT
    return Bench(led, gpio.edges.setdefault(PIN, []), lambda: gpio.gpio_function(PIN) == gpio.IN)


@pytest.fixture(params=[_fake, _sysfs, _gpio], ids=["fake", "sysfs", "gpio"])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setitem(sys.modules, "RPi.GPIO", FakeGpio())
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the real GPIO library complains by warnings
        yield request.param(tmp_path)


def test_it_is_dark_at_first(bench: Bench) -> None:
    assert bench.edges == []
    assert not bench.given_back()


def test_it_goes_on_and_off_in_order(bench: Bench) -> None:
    for lit in (True, False, True):
        bench.led.light(lit)
    assert [edge.lit for edge in bench.edges] == [True, False, True]
    assert bench.edges[0].at_s <= bench.edges[1].at_s <= bench.edges[2].at_s


def test_the_same_again_is_no_edge(bench: Bench) -> None:
    bench.led.light(False)
    bench.led.light(True)
    bench.led.light(True)
    assert [edge.lit for edge in bench.edges] == [True]


def test_closing_makes_it_dark_and_gives_it_back(bench: Bench) -> None:
    bench.led.light(True)
    bench.led.close()
    assert [edge.lit for edge in bench.edges] == [True, False]
    assert bench.given_back()


def test_closing_twice_is_the_same_as_once(bench: Bench) -> None:
    bench.led.close()
    bench.led.close()
    assert bench.given_back()
    assert bench.edges == []


def test_a_closed_one_refuses_in_words(bench: Bench) -> None:
    bench.led.close()
    with pytest.raises(LedFailed, match="given back"):
        bench.led.light(True)
    assert bench.edges == []


def test_it_has_a_name_for_people(bench: Bench) -> None:
    assert bench.led.name in ("fake", "ACT", "GPIO17")
