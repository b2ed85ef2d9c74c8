"""What campaigns stand on: chance with a seed that is told on failure, real footage, and processes that are ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agent.conftest import make_recorder, muxed
from tests.faults.campaign import Campaign
from tests.faults.product import Product
from tests.storage.footage import Footage, make_footage

__all__ = ["make_recorder", "muxed"]


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """Its seed is printed, which pytest shows when the test fails."""
    name = request.node.originalname.removeprefix("test_")
    long = request.node.get_closest_marker("campaign") is not None
    running = Campaign(name, long=long)
    print(f"\n{name}: CAMPAIGN_SEED={running.seed}")
    failed_before = request.session.testsfailed
    yield running
    print(running.figures)
    running.save(passed=request.session.testsfailed == failed_before)


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """6 s of the test picture, 1 s a fragment."""
    return make_footage(tmp_path_factory.mktemp("footage") / "ball.mp4", 6)


@pytest.fixture(scope="package")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """One running product for all campaigns that need the whole of it; each leaves it working."""
    running = Product(tmp_path_factory.mktemp("product"))
    with running:
        yield running
