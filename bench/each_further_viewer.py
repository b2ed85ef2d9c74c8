"""What one more viewer costs the sender: CPU-seconds per viewer-minute, the slope of a line over 1 to 16 viewers."""

from __future__ import annotations

import asyncio
import statistics
import time

from ucam_agent.session import SESSIONS_MAX, SESSIONS_PER_VIEWER_MAX

from bench.harness import Row, alternate, report, rounds
from bench.measure.contestants import Bare, Ucam, both
from bench.measure.receivers import audience, people

LEVELS = (1, 2, 4, 8, 16)
WINDOW_S = 6.0
PEER = "bare webrtcbin"
Costs = dict[str, dict[int, list[float]]]  # process: viewers: CPU-seconds per minute, one a round


async def window(side: Ucam | Bare) -> dict[str, float]:
    """CPU-seconds per minute of each of the sender's processes."""
    before, started = side.cpu_s(), time.monotonic()
    await asyncio.sleep(WINDOW_S)
    after, minutes = side.cpu_s(), (time.monotonic() - started) / 60
    return {name: (after[name] - before[name]) / minutes for name in before}


async def levels(side: Ucam | Bare, tokens: list[str]) -> dict[int, dict[str, float]]:
    """The same for each number of viewers."""
    found = {}
    async with audience(side, tokens) as viewers:
        watching = 0
        for level in LEVELS:
            while watching < level:
                await viewers.join()
                watching += 1
            found[level] = await window(side)
    return found


def slope(costs: dict[int, float]) -> float:
    """CPU-seconds per minute that each viewer adds."""
    return statistics.linear_regression(list(costs), list(costs.values())).slope


def main() -> None:
    """Rounds of both in turn; only one camera runs at a time. Viewers receive and decode nothing."""
    lines: dict[str, list[dict[int, float]]] = {"ucam": [], PEER: []}
    live: list[float] = []
    with both() as (ucam, bare):
        tokens = people(ucam, SESSIONS_MAX // SESSIONS_PER_VIEWER_MAX)

        def measure(name: str, side: Ucam | Bare) -> float:
            side.start()
            try:
                found = asyncio.run(levels(side, tokens))
            finally:
                side.stop()
            lines[name].append({level: sum(costs.values()) for level, costs in found.items()})
            if name == "ucam":
                live.append(slope({level: costs["live"] for level, costs in found.items()}))
            return slope(lines[name][-1])

        samples = alternate(rounds(3, 1), {"ucam": lambda: measure("ucam", ucam), PEER: lambda: measure(PEER, bare)})
    medians = {
        name: {level: statistics.median(line[level] for line in of) for level in LEVELS} for name, of in lines.items()
    }
    straight = {
        name: [statistics.correlation(list(line), list(line.values())) ** 2 for line in of]
        for name, of in lines.items()
    }
    report("each_further_viewer", [
        Row("each further viewer, all processes", "CPU-s per viewer-minute", samples, "<= 1.2 times the peer",
            note="long rounds, so only 3", at_most={"ratio": 1.2}, details={"cpu_s_per_minute": medians}),
        Row("straightness of the line (r squared)", "", straight, note="larger is better"),
        Row("each further viewer, live process alone", "CPU-s per viewer-minute", {"ucam": live}),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
