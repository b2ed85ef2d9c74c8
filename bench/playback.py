"""From a press on the timeline to the first recorded picture there, in Chromium: on a fresh page, then on and on.

An hour of footage, 720p30 at 2 Mbit/s in chunks of a minute, behind the whole server; its camera is away.
"""

from __future__ import annotations

import random

from playwright.sync_api import BrowserContext, Page
from playwright.sync_api import Error as PlaywrightError

from bench.harness import UCAM, Row, percentile, report, rounds
from bench.measure.browser import OPEN_WITHIN_MS, chromium, sign_in
from bench.measure.contestants import scratch
from bench.measure.ledger import python
from bench.measure.recording import recorded
from tests.e2e.stack import Stack

SECONDS, CHUNKS, AGO_MS = 60, 60, 10 * 60_000  # so old that what is played does not grow meanwhile
SEEKS = 10  # a page
PICTURE_WITHIN_MS = 10_000
VIDEO = 'video[data-part="past"]'
STRIP = """() => {
  const { left, top, width, height } = document.querySelector('#tl-strip').getBoundingClientRect();
  const { min, max } = document.querySelector('#tl-playhead');
  return [left, top, width, height, Number(min), Number(max), Date.now() / 1000];
}"""


def pressed(page: Page, jid: str, place: float) -> float:
    """ms from a press on the timeline (0: begin of what is stored, 1: its end) to its picture."""
    left, top, width, height, first, last, now = page.evaluate(STRIP)
    end = now - AGO_MS / 1000 - 60
    begin = max(end - CHUNKS * SECONDS + 300, first)
    at = begin + place * (min(end, last) - begin)
    x = left + width * (at - first) / (last - first)
    script = (
        "([jid, video, limit]) => { window.coming = bench.played(jid, video, limit); window.coming.catch(() => 0) }"
    )
    page.evaluate(script, [jid, VIDEO, PICTURE_WITHIN_MS])
    page.mouse.click(x, top + height / 2)
    try:
        return float(page.evaluate("() => window.coming"))
    except PlaywrightError as error:  # counted with the longest that is waited for, never left out
        print(f"  a press got no picture: {error.message.splitlines()[0]}", flush=True)
        return float(PICTURE_WITHIN_MS)


def visit(context: BrowserContext, stack: Stack, chance: random.Random) -> tuple[float, list[float]]:
    """One page: its first picture, and then those of random places."""
    page = context.new_page()
    try:
        page.goto(f"{stack.url}/cameras/{stack.camera_jid}/")
        page.wait_for_load_state("networkidle", timeout=OPEN_WITHIN_MS)
        first_ms = pressed(page, stack.camera_jid, chance.random())
        return first_ms, [pressed(page, stack.camera_jid, chance.random()) for _ in range(SEEKS)]
    finally:
        page.close()


def main() -> None:
    count, chance = rounds(20, 3), random.Random(4)
    first: list[float] = []
    seeks: list[float] = []
    with scratch() as folder, Stack(folder, with_camera=False) as stack, chromium() as context:
        source = recorded(folder / "chunk.mp4", SECONDS, 2000)
        env = stack.env | {"DJANGO_SETTINGS_MODULE": "ucam.settings"}
        step = ["fill", str(source), str(CHUNKS), str(SECONDS * 1000), str(AGO_MS)]
        python(env, "-m", "bench.measure.shelf", *step)
        sign_in(context, stack.sign_in_link())
        visit(context, stack, chance)  # what is loaded once
        for number in range(count):
            first_ms, more = visit(context, stack, chance)
            first.append(first_ms)
            seeks += more
            print(f"  page {number + 1} of {count}: {first_ms:.0f} ms, seeks {percentile(more, 50):.0f} ms", flush=True)
    rows = []
    for name, values in (("press to first frame", first), ("seek", seeks)):
        tail = {UCAM: [percentile(values, 95)]}
        none = {"no_picture": values.count(PICTURE_WITHIN_MS)}
        note = f"{len(values)} presses"
        rows.append(
            Row(f"{name}, p50", "ms", {UCAM: values}, "p50 <= 250 ms", note, at_most={"median": 250}, details=none)
        )
        rows.append(Row(f"{name}, p95", "ms", tail, "p95 <= 400 ms", at_most={"median": 400}))
    report("playback", rows)


if __name__ == "__main__":
    main()
