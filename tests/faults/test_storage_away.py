"""Storage is away in one of five ways: when it is back there is no second missing and nothing there twice."""

from __future__ import annotations

import pytest

from tests.faults.campaign import Campaign, forms
from tests.faults.product import Product, now_ms, settled, states
from tests.faults.weather import CLEAR, WAYS

SHORT_WAYS = ("refused", "half_closed")
AWAY_FRAGMENTS = 4


@forms("rounds", 2, 25)
def test_storage_away(campaign: Campaign, product: Product, rounds: int) -> None:
    product.until_recorded(1)
    drained: dict[str, float] = {}
    for number in range(rounds):
        chance = campaign.round(number)
        way = WAYS[number % len(WAYS)] if campaign.long else SHORT_WAYS[number]
        gone_ms = now_ms()
        product.weather.set(way)
        product.until_recorded(AWAY_FRAGMENTS + (chance.randrange(60) if campaign.long else 0), 120)
        back_ms, durable = now_ms(), product.durable()
        product.weather.set(CLEAR)
        drained[way] = max(drained.get(way, 0.0), round(product.until_drained(durable), 1))
        spans = product.until_accounted(gone_ms, back_ms)
        print(f"round {number}: {way} for {back_ms - gone_ms} ms, drained after {drained[way]} s")
        assert states(spans) == {"stored"}
        campaign.figures["drained_s_max"] = drained
    product.manage("check_storage")


def test_a_second_that_is_missing_is_noticed(product: Product) -> None:
    """A fragment that never comes, and a stretch that nobody knows of."""
    product.until_recorded(1)
    name, content = next(iter(product.durable().items()))
    assert product.until_drained({name: content}) < 60
    spans = product.coverage(now_ms() - 10 * 365 * 86_400_000, now_ms() - 10 * 365 * 86_400_000 + 5000)
    assert not settled(spans)
    product_wants = {name: content + b"one byte more than there ever was" * 10_000}
    with pytest.raises(Exception, match="everything that was recorded is stored"):
        product.until_drained(product_wants, within_s=0.5)
