"""A campaign: a short form for every run of the tests, a long one behind `-m campaign`, both from one seed."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).parents[2] / "bench" / "campaigns" / "results"


def forms(name: str, short: int, long: int) -> pytest.MarkDecorator:
    """The test takes `name`, how often: `short`, or `long` (CAMPAIGN_ROUNDS says another number) as a campaign."""
    rounds = int(os.environ.get("CAMPAIGN_ROUNDS", long))
    return pytest.mark.parametrize(
        name, [pytest.param(short, id="short"), pytest.param(rounds, id="long", marks=pytest.mark.campaign)]
    )


class Campaign:
    """Its chance, and the figures that it leaves."""

    def __init__(self, name: str, *, long: bool) -> None:
        """CAMPAIGN_SEED repeats one; else the short form is the same each time, and the long one new."""
        self.name, self.long = name, long
        self.seed = int(os.environ.get("CAMPAIGN_SEED", time.time_ns() % 10**9 if long else 1))
        self.chance = random.Random(self.seed)
        self.figures: dict[str, Any] = {}
        self._began_s = time.monotonic()

    def round(self, number: int) -> random.Random:
        """The chance of one round: it does not depend on how many random numbers the rounds before it took."""
        self.figures["rounds"] = number + 1
        return random.Random(self.seed * 1_000_003 + number)

    def save(self, passed: bool) -> None:
        """`bench/campaigns/results/NAME.json`, of a long form only."""
        if self.long:
            facts = {"campaign": self.name, "passed": passed, "seed": self.seed, "date": time.strftime("%Y-%m-%d")}
            facts |= {"seconds": round(time.monotonic() - self._began_s), "load_average": os.getloadavg()[0]}
            RESULTS.mkdir(parents=True, exist_ok=True)
            text = json.dumps({**facts, "figures": self.figures}, indent=2)
            (RESULTS / f"{self.name}.json").write_text(f"{text}\n")
