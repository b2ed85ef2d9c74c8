"""From a picture's stamp, drawn just before the encoder, to the decoded frame in Chromium, read from its pixels."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from bench.harness import Row, alternate, percentile, report, rounds
from bench.measure.browser import Viewing, bare_page, camera_page, chromium, sign_in
from bench.measure.contestants import Bare, Ucam, both

SETTLE_S = 2.0  # the first frames of a session come late: decoder and jitter buffer are new
WATCH_MS = 6000
PEER = "bare webrtcbin"


def watched(side: Ucam | Bare, open_page: Callable[[], Viewing]) -> dict[str, Any]:
    """One session: lateness of each frame shown."""
    side.start()
    viewing = open_page()
    try:
        time.sleep(SETTLE_S)
        return viewing.lateness(WATCH_MS)
    finally:
        viewing.page.close()
        side.stop()


def main() -> None:
    """Rounds of both in turn, each on a fresh session of a fresh page; only one camera runs at a time."""
    late: dict[str, list[list[float]]] = {"ucam": [], PEER: []}
    shares: dict[str, list[float]] = {"ucam": [], PEER: []}
    count = rounds(7, 2)
    with both() as (ucam, bare), chromium() as context:
        ucam.start()
        sign_in(context, ucam.stack.sign_in_link())
        viewing = camera_page(context, ucam)
        width = float(viewing.page.evaluate("(video) => document.querySelector(video).clientWidth", viewing.video))
        viewing.page.close()
        ucam.stop()

        def measure(name: str, side: Ucam | Bare, open_page: Callable[[], Viewing]) -> float:
            found = watched(side, open_page)
            late[name].append(found["late"])
            shares[name].append(found["shown"] / found["span"])
            return percentile(found["late"], 50)

        alternate(count, {
            "ucam": lambda: measure("ucam", ucam, lambda: camera_page(context, ucam)),
            PEER: lambda: measure(PEER, bare, lambda: bare_page(context, bare, width)),
        })  # fmt: skip
    samples = {
        percent: {name: [percentile(values, percent) for values in of] for name, of in late.items()}
        for percent in (50, 95, 100)
    }
    details = {"frames": {name: sum(map(len, of)) for name, of in late.items()}, "video_width_px": width}
    report("live_latency", [
        Row("live latency, p50 of a round", "ms", samples[50], "median <= 80 ms and <= 1.0 times the peer",
            details=details, at_most={"median": 80, "ratio": 1.0}),
        Row("live latency, p95 of a round", "ms", samples[95]),
        Row("live latency, worst of a round", "ms", samples[100]),
        Row("frames shown of those taken", "", shares, note="larger is better"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
