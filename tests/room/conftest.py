"""An empty room for each test."""

import pytest
import redis
from django.conf import settings


@pytest.fixture(autouse=True)
def empty_room() -> None:
    """Nobody is there, nothing is on its way."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
