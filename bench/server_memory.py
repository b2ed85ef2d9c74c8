"""All processes of the server: idle, then for an hour with ten cameras and five people who watch; whether it grows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from bench.agent_memory import growth
from bench.harness import Row, report, rounds
from bench.measure.contestants import scratch
from bench.measure.memory import alone_kib, tree
from tests.e2e.stack import Stack
from tests.faults.crowd import Book, Crowd
from tests.faults.fleet import SETTINGS, Fleet

CAMERAS, VIEWERS = 10, 5
EVERY_S, SETTLE_S, IDLE_S = 15.0, 90.0, 60.0
GROWTH_SHARE_MAX = 0.02
MIB = 1024


def over(stack: Stack, seconds: float) -> list[float]:
    """MiB of the whole server, every 15 s."""
    assert stack.server
    found, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        found.append(alone_kib(tree(stack.server.pid)) / MIB)
        time.sleep(EVERY_S)
    return found


def idle(folder: Path) -> list[float]:
    """Without a camera and without anybody in the room."""
    folder.mkdir()
    with Stack(folder, with_camera=False) as stack:
        time.sleep(SETTLE_S)
        return over(stack, IDLE_S)


def people_of(fleet: Fleet) -> list[tuple[dict[str, Any], list[str], bool]]:
    """Those who watch, with their tokens and their cameras."""
    found = []
    for email, link in list(fleet.links.items())[:VIEWERS]:
        tokens = fleet.request("POST", "/api/token/", {"link": link.rstrip("/").rpartition("/")[2]})
        place = email.partition("@")[2]
        found.append((tokens, [jid for jid in fleet.cameras if jid.endswith(place)], True))
    return found


def busy(folder: Path, minutes: int) -> tuple[list[float], dict[str, int]]:
    """With all of them; and what the people did."""
    folder.mkdir()
    with Fleet(folder, CAMERAS) as fleet:
        book = Book(fleet.kills)
        crowd = Crowd(fleet.url, people_of(fleet), book, seed=1)
        try:
            time.sleep(SETTLE_S)
            return over(fleet, minutes * 60), dict(book.counts)
        finally:
            crowd.close()


def main() -> None:
    """A round is a minute."""
    minutes = rounds(60, 2)
    with scratch() as folder:
        nothing = idle(folder / "idle")
        samples, counts = busy(folder / "busy", minutes)
    settings = {name: SETTINGS[name] for name in ("width", "height", "fps", "bitrate_kbit")}
    report("server_memory", [
        Row("all processes, idle", "MiB", {"ucam": nothing}, note="as if alone on the machine"),
        Row(f"all processes, {CAMERAS} cameras, {VIEWERS} viewers", "MiB", {"ucam": samples},
            note="as if alone on the machine", details={"minutes": minutes, "people": counts, "cameras": settings}),
        Row("growth, second quarter to last", "share", {"ucam": [growth(samples) / samples[0]]},
            f"<= {GROWTH_SHARE_MAX:.0%} in an hour", at_most={"max": GROWTH_SHARE_MAX}),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
