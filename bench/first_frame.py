"""From the click to the first decoded frame taken after it, joining at random moments, 2 s between keyframes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from playwright.sync_api import Error as PlaywrightError

from bench.harness import Row, Samples, percentile, report, rounds
from bench.measure.browser import FIRST_WITHIN_MS, Viewing, bare_page, camera_page, chromium, sign_in
from bench.measure.contestants import Bare, Ucam, both

JOINS = 20  # a round
SEEN_S = 0.3
AWAY_MAX_S = 1.5
PEER = "bare webrtcbin"


def joins(side: Ucam | Bare, open_page: Callable[[], Viewing], chance: random.Random) -> list[float]:
    """One round on one page: come, look for a moment, go, stay away for a while. ms to the first frame of each."""
    side.start()
    viewing = (
        open_page()
    )  # its own first frame is not counted: a page is loaded, and the camera's WebRTC with its first viewer
    try:
        found = []
        for _ in range(JOINS):
            time.sleep(SEEN_S)
            viewing.end()
            time.sleep(0.1 + chance.uniform(0, AWAY_MAX_S))
            try:
                found.append(viewing.first_frame_ms())
            except PlaywrightError as error:  # counted with the longest that is waited for, never left out
                print(f"  a join got no picture: {error.message.splitlines()[0]}", flush=True)
                found.append(FIRST_WITHIN_MS)
        return found
    finally:
        viewing.page.close()
        side.stop()


def main() -> None:
    """Rounds of both in turn; only one camera runs at a time."""
    chance, samples, count = random.Random(2), Samples(ucam=[], **{PEER: []}), rounds(5, 1)
    with both() as (ucam, bare), chromium() as context:
        ucam.start()
        sign_in(context, ucam.stack.sign_in_link())
        ucam.stop()
        turns: list[tuple[str, Ucam | Bare, Callable[[], Viewing]]] = [
            ("ucam", ucam, lambda: camera_page(context, ucam)),
            (PEER, bare, lambda: bare_page(context, bare, 800)),
        ]
        for number in range(count):
            for name, side, open_page in turns if number % 2 == 0 else reversed(turns):
                found = joins(side, open_page, chance)
                samples[name] += found
                print(f"  round {number + 1} of {count}: {name} {percentile(found, 50):.0f} ms", flush=True)
    tail = {name: [percentile(values, 95)] for name, values in samples.items()}
    report("first_frame", [
        Row("first frame, p50", "ms", samples, "p50 <= 300 ms", at_most={"median": 300},
            note=f"{count * JOINS} joins each",
            details={"no_picture": {name: values.count(FIRST_WITHIN_MS) for name, values in samples.items()}}),
        Row("first frame, p95", "ms", tail, "p95 <= 600 ms", at_most={"median": 600}),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
