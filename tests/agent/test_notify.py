"""What systemd hears, through a real datagram socket; and that its watchdog is fed only while footage comes."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from ucam_agent.notify import Notifier, Watchdog
from ucam_agent.pulse import Beat, Pulse, file_sign, media_sign


class Systemd:
    """The listening end."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """All since the last time."""
        found = []
        with suppress(BlockingIOError):
            while True:
                found.append(self._socket.recv(4096).decode())
        return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def systemd(path: str) -> Iterator[Systemd]:
    listening = Systemd(path)
    yield listening
    listening.close()


def test_each_message_arrives_as_systemd_wants_it(systemd: Systemd, path: str) -> None:
    notifier = Notifier(path)
    assert all((notifier.ready(), notifier.status("Recording;\n2 watching."), notifier.alive(), notifier.stopping()))
    notifier.close()
    assert systemd.heard() == ["READY=1", "STATUS=Recording; 2 watching.", "WATCHDOG=1", "STOPPING=1"]


def test_the_abstract_namespace_works_too(tmp_path: Path) -> None:
    name = f"ucam-test-{tmp_path.name}-{id(tmp_path)}"
    listening, notifier = Systemd(f"\0{name}"), Notifier(f"@{name}")
    assert notifier.ready()
    assert listening.heard() == ["READY=1"]
    notifier.close()
    listening.close()


@pytest.mark.parametrize("address", [None, ""])
def test_without_systemd_nothing_is_said(address: str | None) -> None:
    notifier = Notifier(address)
    assert not notifier.ready()
    notifier.close()


def test_a_systemd_that_is_gone_harms_nobody(path: str) -> None:
    notifier = Notifier(path)
    assert not notifier.alive()
    notifier.close()
    notifier.close()
    assert not notifier.alive()


def test_a_systemd_that_does_not_read_holds_nobody_up(systemd: Systemd, path: str) -> None:
    notifier = Notifier(path)
    assert not all(notifier.alive() for _ in range(5000))
    notifier.close()


def test_the_watchdog_is_fed_only_while_all_is_well(
    systemd: Systemd, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    well = [True, False, False, True]
    watchdog = Watchdog(Notifier(path), 30, lambda: well.pop(0))
    assert [watchdog.feed() for _ in range(4)] == [True, False, False, True]
    assert systemd.heard() == ["WATCHDOG=1"] * 2
    assert len(caplog.records) == 1


async def test_the_watchdog_is_fed_several_times_within_the_limit(systemd: Systemd, path: str) -> None:
    task = asyncio.create_task(Watchdog(Notifier(path), 0.3, lambda: True).run())
    heard: list[str] = []
    async with asyncio.timeout(5):
        while len(heard) < 3:
            await asyncio.sleep(0.02)
            heard += systemd.heard()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert set(heard) == {"WATCHDOG=1"}


# ---------------------------------------------------------------- signs of life


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_pulse_beats_while_the_sign_changes() -> None:
    time, sign = Time(), [0]
    pulse = Pulse(lambda: sign[0], 10, 30, time)
    assert pulse.beat() is Beat.AWAITED
    sign[0] = 1
    assert pulse.beat() is Beat.BEATING
    time.now_s = 10
    assert pulse.beat() is Beat.BEATING
    time.now_s = 10.1
    assert pulse.beat() is Beat.STOPPED
    sign[0] = 2
    assert pulse.beat() is Beat.BEATING


def test_a_pulse_that_never_begins_has_stopped() -> None:
    time = Time()
    pulse = Pulse(lambda: None, 10, 30, time)
    time.now_s = 30.1
    assert pulse.beat() is Beat.STOPPED


def test_a_sign_that_vanishes_is_no_sign_of_life() -> None:
    time, sign = Time(), [1, 2, None, None]
    pulse = Pulse(lambda: sign.pop(0), 10, 30, time)
    assert pulse.beat() is Beat.BEATING
    time.now_s = 11
    assert pulse.beat() is Beat.STOPPED


def test_a_file_that_is_replaced_is_a_sign(tmp_path: Path) -> None:
    file, fresh = tmp_path / "live.json", tmp_path / "fresh"
    sign = file_sign(file)
    assert sign() is None
    file.write_text("a")
    before = sign()
    fresh.write_text("b")
    fresh.rename(file)
    assert before != sign()
    assert sign() == sign()


def test_footage_that_grows_is_a_sign(tmp_path: Path) -> None:
    sign = media_sign(tmp_path)
    assert sign() is None
    boot = tmp_path / "b"
    boot.mkdir()
    (tmp_path / "boot.json").write_text(json.dumps({"boot": "b", "next_seq": 2, "next_run": 1}))
    assert sign() is None
    (boot / "00000001.mp4").write_bytes(b"one")
    first = sign()
    (boot / "00000001.mp4").write_bytes(b"one, two")
    second = sign()
    (boot / "00000002.mp4").write_bytes(b"one, two")
    (tmp_path / "boot.json").write_text(json.dumps({"boot": "b", "next_seq": 3, "next_run": 1}))
    assert len({first, second, sign()}) == 3


@pytest.mark.parametrize("text", ["", "[]", "5", '{"boot": 5, "next_seq": "x"}'])
def test_a_torn_note_of_the_spool_is_no_sign(tmp_path: Path, text: str) -> None:
    (tmp_path / "boot.json").write_text(text)
    assert media_sign(tmp_path)() is None
