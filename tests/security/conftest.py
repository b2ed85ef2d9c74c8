"""The world of the doors: made once for a module, in a transaction that is rolled back at its end."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import transaction
from django.test.utils import override_settings

from tests.security.doors import DOORS
from tests.security.world import World, no_files_left
from tests.storage.footage import Footage, make_footage


@pytest.fixture(scope="session")
def second(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """A second of the test picture."""
    return make_footage(tmp_path_factory.mktemp("second") / "ball.mp4", 1)


@pytest.fixture(scope="module")
def world(
    second: Footage, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[World]:
    """Everything and everybody. Tests must take back what they change (`test_doors.knock`)."""
    folder = tmp_path_factory.mktemp("world")
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.flushdb()
    limits = {"UCAM_MEDIA": folder / "media", "UCAM_EXPORTS": folder / "exports", "UCAM_DISK_LOW_BYTES": 1000}
    with override_settings(**limits), django_db_blocker.unblock(), transaction.atomic():
        world = World(second)
        for door in DOORS:  # all that knock are there before the first test, whose own transaction takes back the rest
            for kind in door.who.tried:
                world.client(kind, door.who)
        yield world
        transaction.set_rollback(True)
    no_files_left()
