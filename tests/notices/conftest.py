"""Time that the tests set, and one pass of planning and sending in this process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from cameras.models import Delivery
from cameras.notices import delivery, planning


def one_pass(now: datetime) -> None:
    """What beat and a worker do, at an instant."""
    planning.plan(now)
    delivery.take_up_orphans(now)
    for number in Delivery.objects.due(now):
        delivery.deliver(number, now)


@pytest.fixture
def tell() -> Callable[[datetime], None]:
    """One pass at an instant."""
    return one_pass
