"""The camera page on recordings: pictures under the pointer, ranges, exports, holds, gaps, two cameras on one clock."""

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import sign_in
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.e2e

OTHER = "cam002@studio.loc"
CAMERA = f"/cameras/{Stack.camera_jid}/"
IN_STEP_MS = 200
CLOCK = "(jid) => window.ucam.clocks.get(jid)?.precise ?? null"
CLOCKS = "([a, b]) => [a, b].map((jid) => window.ucam.clocks.get(jid)?.precise ?? null)"
FOOTAGE_S = 20  # before the gap, of both cameras: the earliest instant asked for lies 18 s before it
GAP_S = 8
AFTER_S = 6


@pytest.fixture(scope="module")
def recorded(stack: Stack) -> Stack:
    """Two cameras, the first with some footage, then a gap because it was stopped, then footage again."""
    stack.add_camera(OTHER, name="Till", source={"kind": "test", "pattern": "ball"}, width=320, height=240)
    access = stack.access()
    for jid in (stack.camera_jid, OTHER):
        until(lambda of=jid: stored_s(stack, access, of) >= FOOTAGE_S, f"footage of {jid} is stored")  # type: ignore[misc]
    stack.agent.stop()
    until(lambda: quiet_s(stack, access) >= GAP_S, "some seconds without footage")
    stack.agent.start()
    until(lambda: cause_of(stack, access) == "recorder", "the gap is told")
    before = stored_s(stack, access)
    until(lambda: stored_s(stack, access) >= before + AFTER_S, "footage after the gap is stored")
    return stack


@pytest.fixture(scope="module")
def alice(recorded: Stack, browser: Browser) -> Iterator[Page]:
    page = sign_in(browser, recorded, "alice@example.com")
    yield page
    page.context.close()


def spans(stack: Stack, access: str, jid: str = Stack.camera_jid) -> list[dict[str, str]]:
    now = datetime.now(UTC)
    begin, end = (f"{one:%Y-%m-%dT%H:%M:%S}.000Z" for one in (now - timedelta(minutes=10), now))
    path = f"/api/cameras/{jid}/coverage/?from={begin}&to={end}"
    found: list[dict[str, str]] = stack.request("GET", path, access=access)["spans"]
    return found


def stored_s(stack: Stack, access: str, jid: str = Stack.camera_jid) -> float:
    stored = [one for one in spans(stack, access, jid) if one["state"] == "stored"]
    return sum((instant(one["to"]) - instant(one["from"])).total_seconds() for one in stored)


def quiet_s(stack: Stack, access: str) -> float:
    """Seconds since the newest footage."""
    newest = max(instant(one["to"]) for one in spans(stack, access) if one["state"] == "stored")
    return (datetime.now(UTC) - newest).total_seconds()


def cause_of(stack: Stack, access: str) -> str | None:
    return next((one["cause"] for one in spans(stack, access) if one["state"] == "lost"), None)


def lost(stack: Stack) -> tuple[datetime, datetime]:
    found = next(one for one in spans(stack, stack.access()) if one["state"] == "lost")
    return instant(found["from"]), instant(found["to"])


def instant(text: str | None) -> datetime:
    assert text is not None
    return datetime.fromisoformat(text)


def opened(page: Page, at: datetime, more: str = "") -> None:
    """The camera page at an instant, its picture standing."""
    page.goto(f"{CAMERA}?at={at.isoformat().replace('+00:00', 'Z')}{more}")
    expect(page.locator("#stage")).to_have_attribute("data-show", "past", timeout=20_000)


def place_of(page: Page, at: datetime) -> tuple[float, float]:
    """Where an instant stands on the zoomed timeline, in pixels of the page."""
    for _ in range(6):
        page.locator("#tl-in").click()
    box = page.locator("#tl-strip").bounding_box()
    head = page.locator("#tl-playhead")
    assert box is not None
    first, last = (float(head.get_attribute(name) or 0) for name in ("min", "max"))
    return box["x"] + box["width"] * (at.timestamp() - first) / (last - first), box["y"] + box["height"] / 2


def select(page: Page, at: datetime, seconds: float) -> None:
    """A range, drawn with Shift and the mouse."""
    x, y = place_of(page, at)
    end, _ = place_of(page, at + timedelta(seconds=seconds))
    page.keyboard.down("Shift")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(end, y, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    expect(page.locator("#range")).to_be_visible()


def test_a_thumbnail_stands_under_the_pointer(recorded: Stack, alice: Page) -> None:
    begin, _ = lost(recorded)
    opened(alice, begin - timedelta(seconds=10))
    alice.mouse.move(*place_of(alice, begin - timedelta(seconds=8)))
    picture = alice.locator("#tl-peek-picture")
    expect(picture).to_be_visible(timeout=10_000)
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    until(lambda: int(picture.evaluate("(img) => img.naturalWidth")) > 0, "the thumbnail is a picture", 10)


def test_a_gap_says_why_under_the_pointer_in_the_list_and_in_the_player(recorded: Stack, alice: Page) -> None:
    begin, end = lost(recorded)
    middle = begin + (end - begin) / 2
    opened(alice, end + timedelta(seconds=1))
    alice.mouse.move(*place_of(alice, middle))
    expect(alice.locator("#tl-peek")).to_contain_text("the recorder had to start again")
    expect(alice.locator("#tl-peek-picture")).to_be_hidden()
    line = alice.locator("#moments .moment[data-kind=lost]").first
    expect(line).to_contain_text("the recorder had to start again")
    alice.goto(f"{CAMERA}?at={middle.isoformat().replace('+00:00', 'Z')}")
    expect(alice.locator("#stage .veil")).to_contain_text("the recorder had to start again", timeout=15_000)
    expect(alice.locator("#pictures img")).to_be_hidden()  # none of another time stands behind the words
    for video in alice.locator("#pictures video").all():
        expect(video).to_have_css("opacity", "0")


def test_playback_skips_a_gap_at_once_and_says_so(recorded: Stack, alice: Page) -> None:
    begin, end = lost(recorded)
    opened(alice, begin - timedelta(seconds=3))
    clock = alice.locator("#clock")
    started, shown = time.monotonic(), instant(clock.get_attribute("datetime"))
    assert shown < begin
    until(lambda: instant(clock.get_attribute("datetime")) > end, "the gap is behind", 15)
    assert time.monotonic() - started < (end - shown).total_seconds(), "it was waited through"
    expect(alice.locator("#stage [data-part=notice]").last).to_contain_text("Skipped")


def test_the_time_before_the_first_footage_is_called_calmly(alice: Page) -> None:
    alice.goto(CAMERA)
    expect(alice.locator("#tl-strip")).to_have_attribute("aria-label", re.compile("No footage yet"), timeout=15_000)


def test_wheel_and_two_fingers_show_less_time_or_more(recorded: Stack, alice: Page) -> None:
    alice.goto(CAMERA)
    expect(alice.locator("html")).to_have_attribute("data-room", "open", timeout=20_000)
    expect(alice.locator("#tl-strip")).to_be_visible(timeout=20_000)
    box = alice.locator("#tl-strip").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = shown_s(alice)
    alice.mouse.move(x, y)
    alice.mouse.wheel(0, -300)
    until(lambda: shown_s(alice) < before * 0.9, "the wheel shows less time", 10)
    narrow = shown_s(alice)
    fingers = alice.context.new_cdp_session(alice)
    for kind, apart in (("touchStart", 200), ("touchMove", 150), ("touchMove", 100), ("touchMove", 60)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    until(lambda: shown_s(alice) > narrow * 1.5, "two fingers that come together show more", 10)
    fingers.detach()


def shown_s(page: Page) -> float:
    """How much time the strip shows."""
    head = page.locator("#tl-playhead")
    first, last = (float(head.get_attribute(name) or 0) for name in ("min", "max"))
    return last - first


def test_the_calendar_names_days_with_footage_and_leads_to_them(recorded: Stack, alice: Page) -> None:
    alice.goto(CAMERA)
    expect(alice.locator("html")).to_have_attribute("data-room", "open", timeout=20_000)
    alice.locator("#tl-date").click()
    days = alice.locator("#calendar-card [data-cov=stored]")
    expect(days.first).to_have_attribute("aria-label", re.compile(r"stored$"), timeout=20_000)
    days.last.click()
    expect(alice.locator("#calendar-card")).to_be_hidden()


def test_a_typed_instant_is_gone_to(recorded: Stack, alice: Page) -> None:
    begin, _ = lost(recorded)
    alice.goto(CAMERA)
    wanted = (begin - timedelta(seconds=8)).replace(microsecond=0)
    local = alice.evaluate("(ms) => new Date(ms).toLocaleTimeString('en-GB')", wanted.timestamp() * 1000)
    alice.keyboard.press("g")
    alice.locator("#go-to").fill("soon")
    alice.keyboard.press("Enter")
    expect(alice.locator("#go-error")).to_contain_text("Type a time such as")
    alice.locator("#go-to").fill(local)
    alice.keyboard.press("Enter")
    expect(alice.locator("#stage")).to_have_attribute("data-show", "past", timeout=15_000)
    shown = instant(alice.locator("#clock").get_attribute("datetime"))
    assert timedelta(seconds=-1) <= shown - wanted < timedelta(seconds=8)


def test_speed_and_single_frames(recorded: Stack, alice: Page) -> None:
    begin, _ = lost(recorded)
    opened(alice, begin - timedelta(seconds=18))
    alice.locator("#rate").select_option("4")
    first = until(lambda: alice.evaluate(CLOCK, Stack.camera_jid), "a picture", 10)
    began = time.monotonic()
    until(lambda: (alice.evaluate(CLOCK, Stack.camera_jid) or 0) > first + 6000, "six seconds of footage", 10)
    assert time.monotonic() - began < 4
    alice.locator("#rate").select_option("1")
    alice.keyboard.press("k")
    expect(alice.locator("#play")).to_have_attribute("aria-label", "Play")
    before = until(lambda: alice.evaluate(CLOCK, Stack.camera_jid), "it stands", 5)
    alice.keyboard.press(".")
    after = until(lambda: moved(alice, before), "one frame on", 5)
    assert 20 < after - before < 150
    alice.keyboard.press(",")
    assert abs(until(lambda: moved(alice, after), "one frame back", 5) - before) < 60


def moved(page: Page, before: float) -> float:
    at = page.evaluate(CLOCK, Stack.camera_jid)
    return float(at) if at is not None and abs(at - before) > 5 else 0.0


def test_a_selected_range_is_exported_and_the_file_plays(recorded: Stack, alice: Page, tmp_path: Path) -> None:
    begin, _ = lost(recorded)
    opened(alice, begin - timedelta(seconds=15))
    select(alice, begin - timedelta(seconds=14), 8)
    expect(alice.locator("#range-words")).to_contain_text("all stored")
    alice.locator("#range-export").click()
    job = alice.locator("#exports-list .job").first
    expect(job).to_have_attribute("data-state", "done", timeout=60_000)
    alice.reload()
    expect(job.locator("a")).to_be_visible(timeout=15_000)
    with alice.expect_download() as download:
        job.locator("a").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.suffix == ".mp4"
    assert 6 <= duration_s(file) <= 14
    job.get_by_role("button", name="Delete").click()
    expect(alice.locator("#exports-list .job")).to_have_count(0, timeout=10_000)


def duration_s(file: Path) -> float:
    """As ffprobe reads it; every frame decodes without a complaint."""
    words = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "format=duration", "-of", "csv=p=0", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return float(done.stdout.strip())


def test_a_range_is_held_and_let_go(recorded: Stack, alice: Page) -> None:
    begin, _ = lost(recorded)
    opened(alice, begin - timedelta(seconds=15))
    alice.keyboard.press("k")
    alice.keyboard.press("i")
    alice.locator("#tl-grip-to").press("ArrowRight")
    alice.locator("#range-hold").click()
    alice.locator("#hold-form [type=submit]").click()
    expect(alice.locator("#hold-error")).to_contain_text("Say why")
    alice.locator("#hold-reason").fill("Delivery damaged")
    alice.keyboard.press("Enter")
    line: Locator = alice.locator("#moments li", has_text="Delivery damaged")
    expect(line).to_contain_text("Held by Alice")
    expect(alice.locator("#tl-strip .held")).to_have_count(1)
    line.get_by_role("button", name="Let go").click()
    alice.locator("#release-form [type=submit]").click()
    expect(line).to_have_count(0)
    expect(alice.locator("#tl-strip .held")).to_have_count(0)


def test_two_cameras_keep_one_clock(recorded: Stack, alice: Page) -> None:
    begin, _ = lost(recorded)
    opened(alice, begin - timedelta(seconds=18), f"&with={OTHER}")
    mate = alice.locator(f".mate[data-camera='{OTHER}']")
    expect(mate).to_have_attribute("data-show", "past", timeout=20_000)
    until(lambda: in_step(alice), "both play in step", 15)
    alice.keyboard.press("k")
    until(lambda: in_step(alice, 40), "both stand on the same instant", 10)
    alice.keyboard.press(".")
    until(lambda: in_step(alice, 40), "both are a frame on", 10)
    alice.keyboard.press("ArrowRight")
    until(lambda: in_step(alice, 40), "both are ten seconds on", 10)
    alice.keyboard.press("ArrowLeft")
    alice.keyboard.press("k")
    until(lambda: in_step(alice), "both play again", 15)
    assert max(offs(alice)) <= IN_STEP_MS
    mate.get_by_role("button", name="Put Till away").click()
    expect(mate).to_have_count(0)
    assert "with=" not in alice.url


def off(page: Page) -> float:
    a, b = page.evaluate(CLOCKS, [Stack.camera_jid, OTHER])
    return abs(a - b) if a is not None and b is not None else 1e9


def offs(page: Page) -> list[float]:
    """How far they are apart, in ms, over two seconds in which both play."""
    found = []
    for _ in range(20):
        page.wait_for_timeout(100)
        found.append(off(page))
    return found


def in_step(page: Page, near_ms: float = IN_STEP_MS) -> bool:
    return off(page) <= near_ms


def test_a_second_camera_without_footage_at_the_instant_says_so(recorded: Stack, alice: Page) -> None:
    begin, _ = lost(recorded)
    at = (begin + timedelta(seconds=GAP_S / 2)).isoformat().replace("+00:00", "Z")
    alice.goto(f"/cameras/{OTHER}/?at={at}&with={Stack.camera_jid}")
    expect(alice.locator("#stage")).to_have_attribute("data-show", "past", timeout=20_000)
    mate = alice.locator(f".mate[data-camera='{Stack.camera_jid}']")
    expect(mate.locator(".veil")).to_contain_text("the recorder had to start again", timeout=10_000)
    expect(mate).to_have_attribute("data-show", "past", timeout=20_000)
    until(lambda: in_step(alice), "it is back in step after the gap", 10)


def test_who_may_only_watch_live_is_asked_for_no_recordings(recorded: Stack, browser: Browser) -> None:
    recorded.add_user("wanda@example.com", "--location", Stack.location, "--may", "watch")
    page = sign_in(browser, recorded, "wanda@example.com")
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status in (403, 404) else None)
    for path in ("/", CAMERA):
        page.goto(path)
        expect(page.locator("html")).to_have_attribute("data-room", "open")
        expect(page.locator("[data-live=live]").first).to_be_visible(timeout=60_000)
    expect(page.locator("#no-replay")).to_be_visible()
    assert refused == []
    page.context.close()
