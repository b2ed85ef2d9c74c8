"""One IP camera films a clock, and two agents record it: the clock tells whether their time lines are true."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, expect

from tests.agent.ip_camera import IpCamera
from tests.agent.recording import stamps
from tests.e2e.clock import Clock
from tests.e2e.conftest import sign_in
from tests.e2e.stack import Agent, Stack, until

pytestmark = pytest.mark.e2e

RIGHT, LATE = Stack.camera_jid, "cam002@studio.loc"
DAY_S, HOUR_S = 24 * 3600, 3600
EDGE_MS = 250
RECOVERED_S = 15
LAST_FRAGMENT_S = 3  # what is cut within a keyframe group is lost from its beginning


class Scene(NamedTuple):
    """Two cameras before one clock."""

    stack: Stack
    camera: IpCamera
    clock: Clock
    late: Agent
    began: datetime


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The second agent believes that it is 200 days ago."""
    folder = tmp_path_factory.mktemp("scene")
    camera = IpCamera(folder, "--stamp")
    camera.start()
    clock = Clock(folder / "clock", -200 * DAY_S)
    settings = {"source": {"kind": "rtsp", "url": camera.url()}, "chunk_s": 600}
    try:
        with Stack(folder / "product", settings=settings, with_camera=False) as stack:
            began = datetime.now(UTC)
            stack.add_camera(RIGHT)
            late = stack.add_camera(LATE, env=clock.env)
            yield Scene(stack, camera, clock, late, began)
    finally:
        camera.close()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def asked(stack: Stack, jid: str, what: str, since: datetime, until_: datetime) -> str:
    """Path of something of a camera in a range."""
    span = "&".join(f"{name}={at:%Y-%m-%dT%H:%M:%SZ}" for name, at in (("from", since), ("to", until_)))
    return f"/api/cameras/{jid}/{what}?{span}"


def spans(stack: Stack, jid: str, since: datetime, until_: datetime) -> list[dict[str, Any]]:
    answer = stack.request("GET", asked(stack, jid, "coverage/", since, until_), access=stack.access())
    return [one for one in answer["spans"] if _length_ms(one) > EDGE_MS]


def _length_ms(span: dict[str, Any]) -> float:
    return (instant(span["to"]) - instant(span["from"])).total_seconds() * 1000


def fetched(stack: Stack, path: str, access: str, bytes_: str = "") -> bytes:
    """As a player does it."""
    headers = {"Authorization": f"Bearer {access}", **({"Range": f"bytes={bytes_}"} if bytes_ else {})}
    with urllib.request.urlopen(urllib.request.Request(f"{stack.url}{path}", headers=headers), timeout=20) as response:
        content: bytes = response.read()
    return content


def placed(stack: Stack, jid: str, since: datetime, until_: datetime, file: Path) -> list[tuple[float, float]]:
    """(where the time line has it, what the clock in it shows), in s, of the first picture of each segment."""
    path, access = asked(stack, jid, "playlist.m3u8", since, until_), stack.access()
    init, at_s, found, length, offset = b"", 0.0, [], 0, 0
    for line in fetched(stack, path, access).decode().splitlines():
        if match := re.match(r'#EXT-X-MAP:URI="(.+)",BYTERANGE="(\d+)@0"', line):
            init = fetched(stack, urljoin(path, match[1]), access, f"0-{int(match[2]) - 1}")
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            at_s = instant(line.partition(":")[2]).timestamp()
        elif line.startswith("#EXTINF:"):
            lasts_s = float(line.partition(":")[2].rstrip(","))
        elif line.startswith("#EXT-X-BYTERANGE:"):
            length, offset = map(int, line.partition(":")[2].split("@"))
        elif line and not line.startswith("#"):
            file.write_bytes(init + fetched(stack, urljoin(path, line), access, f"{offset}-{offset + length - 1}"))
            found.append((at_s, stamps(file)[0][0] / 1000))
            at_s += lasts_s
    return found


def chunks(agent: Agent) -> int:
    """How many the camera has begun."""
    return len(list(agent.state.glob("spool/*/[0-9]*.mp4")))


def words_of_clock(agent: Agent) -> str:
    return str(agent.status()["parts"].get("clock", {}).get("words", ""))


def test_recordings_of_one_scene_agree_though_one_clock_was_200_days_behind(scene: Scene, tmp_path: Path) -> None:
    stack, late = scene.stack, scene.late
    until(lambda: "slow" in words_of_clock(late), "the second camera says that its clock is slow", 20)
    until(lambda: chunks(late), "the second camera records")
    for ahead_s, words in ((0, "is right"), (HOUR_S, "fast"), (0, "is right")):  # known at last; stepped, and back
        before = chunks(late)
        scene.clock.step(ahead_s)
        until(lambda seen=before: chunks(late) > seen, "another chunk since the step", 30)  # type: ignore[misc]
        until(lambda said=words: said in words_of_clock(late), f"its clock {words}", 30)  # type: ignore[misc]
    recorded = datetime.now(UTC)
    for jid in (RIGHT, LATE):
        until(lambda of=jid: _all_there(stack, of, scene.began, recorded), f"all of {jid} is stored", 60)  # type: ignore[misc]
    found = {jid: placed(stack, jid, scene.began, recorded, tmp_path / "one.mp4") for jid in (RIGHT, LATE)}
    assert all(len(pictures) >= 2 for pictures in found.values())
    off_s = {jid: [at_s - shown_s for at_s, shown_s in pictures] for jid, pictures in found.items()}
    print(off_s)
    assert max(abs(one) for values in off_s.values() for one in values) < 1
    assert max(off_s[LATE]) - min(off_s[RIGHT]) < 1
    assert max(off_s[RIGHT]) - min(off_s[LATE]) < 1
    long_ago = datetime.fromtimestamp(time.time() - 200 * DAY_S, UTC)
    then = datetime.fromtimestamp(long_ago.timestamp() + HOUR_S, UTC)
    assert {one["state"] for one in spans(stack, LATE, long_ago, then)} == {"unknown"}


def _all_there(stack: Stack, jid: str, since: datetime, until_: datetime) -> bool:
    """From the first second of it to the end of the range; on a busy machine the stream may break, and is told so."""
    unknown, *found = spans(stack, jid, since, until_)
    states = [one["state"] for one in found]
    broke = {one["cause"] for one in found if one["state"] == "lost"} <= {"camera"}
    return unknown["state"] == "unknown" and "stored" in states and set(states) <= {"stored", "lost"} and broke


def test_an_ip_camera_is_watched_and_comes_back_after_a_cut(scene: Scene, browser: Browser) -> None:
    stack, camera = scene.stack, scene.camera

    def told() -> list[dict[str, Any]]:
        found = spans(stack, RIGHT, scene.began, datetime.now(UTC))
        return [one for one in found if instant(one["to"]).timestamp() >= cut_s - LAST_FRAGMENT_S]

    page = sign_in(browser, stack, "alice@example.com", f"/cameras/{RIGHT}/")
    expect(page.locator("#stage")).to_have_attribute("data-live", "live", timeout=60_000)
    until(lambda: page.evaluate(FRAMES) > 5, "pictures are decoded", 30)
    cut_s = time.time()
    camera.close()
    until(lambda: state_of_camera(stack) == "broken", "the cut is noticed", 15)
    page.goto(f"/cameras/{RIGHT}/")  # frames are counted anew
    camera.start()
    back_s = time.time()
    until(lambda: page.evaluate(FRAMES) > 5, "pictures are decoded again", 60)
    until(
        lambda: "lost" in [one["state"] for one in told()[:-1]] and told()[-1]["state"] == "stored", "a gap, told", 60
    )
    # A camera that has just come back may break once more, its first pictures coming too late on a busy machine: that
    # is a gap of its own, told as such. None lies outside of the cut and the time it may take to recover.
    lost = [one for one in told() if one["state"] == "lost"]
    assert {one["cause"] for one in lost} == {"camera"}, told()
    assert instant(lost[0]["from"]).timestamp() >= cut_s - LAST_FRAGMENT_S, told()
    assert instant(lost[-1]["to"]).timestamp() - back_s <= RECOVERED_S, told()
    page.context.close()


FRAMES = """() => document.querySelector('video[data-part="live"]').getVideoPlaybackQuality().totalVideoFrames"""


def state_of_camera(stack: Stack) -> str:
    """As it says itself."""
    return str(stack.agent.status()["parts"].get("camera", {}).get("state", ""))
