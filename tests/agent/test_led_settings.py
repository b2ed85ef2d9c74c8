"""The table [led] of the configuration file, and what systemd says in the environment."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ucam_agent.config import Leds, Systemd, load, systemd
from ucam_agent.errors import ConfigInvalid


def leds_of(tmp_path: Path, text: str) -> Leds:
    file = tmp_path / "agent.toml"
    file.write_text(text)
    return load(str(file), str(tmp_path)).leds


@pytest.mark.parametrize(
    ("text", "leds"),
    [
        ("", Leds(act=True, gpio=None)),
        ("[led]\ngpio = 17", Leds(act=True, gpio=17)),
        ("[led]\nact = false\ngpio = 0", Leds(act=False, gpio=0)),
    ],
)
def test_the_lights_are_chosen_in_the_file(tmp_path: Path, text: str, leds: Leds) -> None:
    assert leds_of(tmp_path, text) == leds


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[led]\nact = "yes"', "true or false"),
        ("[led]\ngpio = 99", "0 to 27"),
        ("[led]\ngpio = true", "BCM number"),
        ("[led]\ncolour = 1", "may have"),
        ("led = 5", "may have"),
    ],
)
def test_a_wrong_choice_is_told_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        leds_of(tmp_path, text)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, Systemd()),
        ({"NOTIFY_SOCKET": "/run/n"}, Systemd("/run/n")),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000"}, Systemd("/run/n", 30.0)),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, Systemd(None, 30.0)),
        ({"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, Systemd("/run/n")),
        ({"WATCHDOG_USEC": "soon"}, Systemd()),
    ],
)  # fmt: skip
def test_what_systemd_wants_is_in_the_environment(
    environment: dict[str, str], wanted: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert systemd() == wanted
