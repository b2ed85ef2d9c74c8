"""The server's processes are killed under load: nothing that was confirmed is lost, room and picture are soon back."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from tests.e2e.stack import until
from tests.faults.campaign import Campaign, forms
from tests.faults.person import seconds_to_picture
from tests.faults.product import Product, is_alive, now_ms, process, states

PARTS = {
    "web": ("daphne",), "redis": ("redis-server",), "worker": ("celery@",), "beat": ("celery", "beat"),
    "ingest": ("take_fragments",),
}  # fmt: skip
SHORT_PARTS = ("ingest", "redis", "web")
EMPTY_THE_ROOM = ("web", "redis")
SETTLED_S = 11.0  # a camera that was thrown out again before that takes it for the same trouble, and waits longer
BACK_S_MAX = 5.0
PATIENCE_S = 30.0


def kill(product: Product, part: str) -> float:
    """SIGKILL; seconds until its successor runs and the server says that it is ready."""
    assert product.server
    supervisor, words = product.server.pid, PARTS[part]
    pid = process(supervisor, *words)
    os.kill(pid, signal.SIGKILL)
    begun_s = time.monotonic()
    until(lambda: not is_alive(pid) and process(supervisor, *words), f"{part} runs again", 20)
    until(lambda: product.answers("/readyz"), "the server is ready again", 30)
    return time.monotonic() - begun_s


@forms("rounds", 3, 50)
def test_server_killed(campaign: Campaign, product: Product, rounds: int) -> None:
    begun_ms, access = now_ms(), product.access()
    emptied_s = 0.0
    ready, picture = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0.0)
    for number in range(rounds):
        part = (tuple(PARTS) if campaign.long else SHORT_PARTS)[number % (len(PARTS) if campaign.long else 3)]
        product.until_recorded(campaign.round(number).randint(1, 2))
        if part in EMPTY_THE_ROOM and campaign.long:
            until(lambda at=emptied_s: time.monotonic() > at + SETTLED_S, "the room has settled", 20)  # type: ignore[misc]
        ready[part] = round(max(ready[part], kill(product, part)), 2)
        took_s = asyncio.run(seconds_to_picture(product, product.access() if campaign.long else access, PATIENCE_S))
        emptied_s = time.monotonic() if part in EMPTY_THE_ROOM else emptied_s
        picture[part] = round(max(picture[part], took_s), 2)
        print(f"round {number}: {part} ready after {ready[part]} s, picture {took_s:.2f} s later")
        campaign.figures |= {"ready_s_max": ready, "picture_s_max": picture}
        assert took_s <= BACK_S_MAX
    ended_ms, durable = now_ms(), product.durable()
    product.until_drained(durable)
    spans = product.until_accounted(begun_ms, ended_ms)
    assert states(spans) == {"stored"}
    product.manage("check_storage")
