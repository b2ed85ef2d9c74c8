"""What is recorded arrives, whole: with the live process killed, with the server away, and nothing leaves unwatched."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.agent.recording import numbers
from tests.agent.watching import udp_ports
from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

CAMERA = f"/cameras/{Stack.camera_jid}/"
AWAY_S = 12.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A small stamped picture: each frame has its number drawn in."""
    settings = {
        "source": {"kind": "test", "stamp": True},
        "width": 320,
        "height": 240,
        "fps": 10,
        "bitrate_kbit": 300,
        "chunk_s": 10,
    }
    with Stack(tmp_path_factory.mktemp("product"), settings=settings) as running:
        yield running


def stored(stack: Stack) -> list[Path]:
    """Chunk files on storage, in order of their sequence numbers."""
    return sorted((stack.data / "media").rglob("*.mp4"), key=lambda path: path.name)


def holes(paths: list[Path]) -> list[tuple[int, int]]:
    """Where the frame numbers, read from the pixels of these files, do not go up by one."""
    seen = numbers(paths)
    assert seen
    return [(one, other) for one, other in itertools.pairwise(seen) if other != one + 1]


def coverage(stack: Stack, from_s: float, to_s: float) -> dict[str, Any]:
    """Coverage of a range, by seconds since 1970."""
    span = "&".join(
        f"{name}={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))}"
        for name, at in (("from", from_s), ("to", to_s))
    )
    answer = stack.request("GET", f"/api/cameras/{stack.camera_jid}/coverage/?{span}", access=stack.access())
    assert isinstance(answer, dict)
    return answer


def watch(stack: Stack, browser: Browser) -> Page:
    """Somebody who sees the camera live."""
    page = sign_in(browser, stack, "alice@example.com", CAMERA)
    expect(page.locator("#stage")).to_have_attribute("data-live", "live", timeout=60_000)
    return page


def test_no_packet_leaves_the_camera_while_nobody_watches(stack: Stack, browser: Browser) -> None:
    until(lambda: udp_ports(stack.agent.pids["live"]) == 0, "no socket for media", 20)
    page = watch(stack, browser)
    assert udp_ports(stack.agent.pids["live"]) > 0
    page.context.close()
    until(lambda: udp_ports(stack.agent.pids["live"]) == 0, "media has stopped", 15)


def test_the_live_process_dies_watched_and_the_recording_has_no_hole(stack: Stack, browser: Browser) -> None:
    page = watch(stack, browser)
    recorder = stack.agent.pids["recorder"]
    for _ in range(3):
        before = stack.agent.pids["live"]
        stack.agent.kill("live")
        until(lambda old=before: stack.agent.pids.get("live", old) != old, "the live process is back", 10)  # type: ignore[misc]
        until(stack.camera_is_online, "the camera is in the room again", 15)
    expect(page.locator("#stage")).to_have_attribute("data-live", "live", timeout=60_000)
    page.context.close()
    assert stack.agent.pids["recorder"] == recorder
    count = len(stored(stack))
    until(lambda: len(stored(stack)) > count + 1, "what was recorded meanwhile is stored", 40)
    assert holes(stored(stack)[:-1]) == []


def test_what_was_recorded_while_the_server_was_stopped_is_there_afterwards(stack: Stack) -> None:
    stack.stop_server()
    gone_at = time.time()
    until(lambda: time.time() > gone_at + AWAY_S, "the server stays away", AWAY_S + 5)
    back_at = time.time()
    stack.start_server()
    until(
        lambda: coverage(stack, gone_at, back_at)["totals"]["stored"] >= back_at - gone_at - 1.5,
        "the backlog has arrived",
        60,
    )
    states = {span["state"] for span in coverage(stack, gone_at, back_at)["spans"]}
    assert states == {"stored"}
    count = len(stored(stack))
    until(lambda: len(stored(stack)) > count, "the chunk of the present is closed", 30)
    assert holes(stored(stack)[:-1]) == []
    assert stack.manage("check_storage")
