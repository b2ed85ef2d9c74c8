"""Each light's own ways: triggers and rights of sysfs, refusals of the GPIO library, boards without lights."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from ucam_agent.fake.gpio import FakeGpio, GpioError
from ucam_agent.fake.sysfs import FakeSysfs
from ucam_agent.lights import sysfs
from ucam_agent.lights.gpio import GpioLed
from ucam_agent.lights.led import LedFailed, LedMissing
from ucam_agent.lights.lights import find_leds


@pytest.fixture
def gpio(monkeypatch: pytest.MonkeyPatch) -> FakeGpio:
    module = FakeGpio()
    monkeypatch.setitem(sys.modules, "RPi.GPIO", module)
    return module


# ---------------------------------------------------------------- sysfs


@pytest.mark.parametrize("trigger", ["mmc0", "heartbeat", "default-on"])
def test_the_trigger_that_was_there_comes_back(tmp_path: Path, trigger: str) -> None:
    board = FakeSysfs(tmp_path, trigger=trigger)
    led = sysfs.find(tmp_path, board.write)
    led.light(True)
    assert board.trigger == "none"
    led.close()
    assert board.trigger == trigger


def test_after_a_killed_agent_the_card_gets_its_light_back(tmp_path: Path) -> None:
    board = FakeSysfs(tmp_path)
    sysfs.find(tmp_path, board.write)  # never closed
    sysfs.find(tmp_path, board.write).close()
    assert board.trigger == "mmc0"


def test_the_old_name_of_the_light_is_known(tmp_path: Path) -> None:
    board = FakeSysfs(tmp_path, name="led0", max_brightness=1)
    led = sysfs.find(tmp_path, board.write)
    led.light(True)
    assert (led.name, board.lit) == ("led0", True)


def test_a_light_without_rights_names_the_udev_rule(tmp_path: Path) -> None:
    board = FakeSysfs(tmp_path)
    board.read_only = True
    with pytest.raises(LedMissing, match=r"99-ucam-leds\.rules"):
        sysfs.find(tmp_path, board.write)
    assert board.trigger == "mmc0"


def test_a_light_that_vanishes_says_so(tmp_path: Path) -> None:
    board = FakeSysfs(tmp_path)
    led = sysfs.find(tmp_path, board.write)
    (board.directory / "brightness").unlink()
    with pytest.raises(LedFailed, match="ACT cannot be switched: No such file"):
        led.light(True)
    led.close()


def test_the_real_writer_makes_no_file_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sysfs.write_attribute(tmp_path / "brightness", "1")
    (tmp_path / "brightness").write_text("0")
    sysfs.write_attribute(tmp_path / "brightness", "1")
    assert (tmp_path / "brightness").read_text() == "1"


# ---------------------------------------------------------------- the fake library refuses what the real one refuses


def test_the_library_wants_a_numbering_first() -> None:
    with pytest.raises(RuntimeError, match="numbering mode"):
        FakeGpio().setup(17, FakeGpio.OUT)


def test_the_library_refuses_output_before_setup(gpio: FakeGpio) -> None:
    gpio.setmode(gpio.BCM)
    with pytest.raises(RuntimeError, match="not been set up as an OUTPUT"):
        gpio.output(17, gpio.HIGH)


def test_the_library_refuses_output_on_an_input(gpio: FakeGpio) -> None:
    gpio.setmode(gpio.BCM)
    gpio.setup(17, gpio.IN)
    with pytest.raises(RuntimeError, match="OUTPUT"):
        gpio.output(17, gpio.HIGH)


def test_the_library_refuses_another_numbering(gpio: FakeGpio) -> None:
    gpio.setmode(gpio.BOARD)
    with pytest.raises(ValueError, match="different mode"):
        gpio.setmode(gpio.BCM)


def test_the_library_knows_both_numberings(gpio: FakeGpio) -> None:
    gpio.setmode(gpio.BOARD)
    gpio.setup(11, gpio.OUT, initial=gpio.HIGH)
    assert [edge.lit for edge in gpio.edges[17]] == [True]
    with pytest.raises(ValueError, match="invalid on a Raspberry Pi"):
        gpio.setup(1, gpio.OUT)


def test_the_library_complains_about_cleaning_up_twice(gpio: FakeGpio) -> None:
    gpio.setmode(gpio.BCM)
    gpio.setup(17, gpio.OUT)
    gpio.cleanup(17)
    with pytest.warns(RuntimeWarning, match="nothing to clean up"):
        gpio.cleanup(17)


# ---------------------------------------------------------------- the pin


def test_without_the_library_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "RPi.GPIO", None)
    with pytest.raises(LedMissing, match="sudo apt-get install python3-rpi-lgpio"):
        GpioLed(17)


def test_a_busy_pin_is_told_in_words(gpio: FakeGpio) -> None:
    gpio.busy.add(17)
    with pytest.raises(LedMissing, match="GPIO17 cannot be used: GPIO busy") as caught:
        GpioLed(17)
    assert isinstance(caught.value.__cause__, GpioError)


def test_a_pin_that_does_not_exist_is_told_in_words(gpio: FakeGpio) -> None:
    with pytest.raises(LedMissing, match="GPIO99 cannot be used"):
        GpioLed(99)


def test_a_pin_that_somebody_took_away_says_so(gpio: FakeGpio) -> None:
    led = GpioLed(17)
    gpio.cleanup(17)
    with pytest.raises(LedFailed, match="GPIO17 cannot be switched"):
        led.light(True)
    led.close()


def test_closing_one_pin_leaves_another_alone(gpio: FakeGpio) -> None:
    first, second = GpioLed(17), GpioLed(27)
    first.close()
    second.light(True)
    assert gpio.input(27) == 1


# ---------------------------------------------------------------- boards


def test_a_board_without_lights_is_no_error_but_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert find_leds(act=True, gpio=None, leds=tmp_path) == []
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "no activity light" in caplog.text


def test_the_pin_works_without_the_boards_own_light(tmp_path: Path, gpio: FakeGpio) -> None:
    assert [led.name for led in find_leds(act=True, gpio=17, leds=tmp_path)] == ["GPIO17"]


def test_lights_that_nobody_wants_are_not_looked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert find_leds(act=False, gpio=None, leds=tmp_path) == []
    assert caplog.text == ""
