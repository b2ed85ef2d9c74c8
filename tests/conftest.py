"""What every test stands on: a real Redis of this run, and the cast."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Session, User
from accounts.tokens import issue
from cameras.models import Camera, DeviceToken, Location, Membership
from tests import postgres
from tests.settings import POSTGRES
from ucam import celery_app

# Files in a browser that take longest. They are begun first, so that none is left to one worker when others are done.
LONG = (
    "test_player.py", "test_alerts.py", "test_everyday.py", "test_leaks.py", "test_camera_page.py",
    "test_late_footage.py", "test_never_loses.py", "test_one_scene.py", "test_pages.py", "test_main_job.py",
)  # fmt: skip
STARTED_WITHIN_S = 60  # a failure of this costs the whole run, and a busy machine may take its time


@pytest.fixture(scope="session", autouse=True)
def redis_server() -> Iterator[None]:
    """Redis on the run's own unix socket, unless REDIS_URL names another."""
    path = urlsplit(settings.REDIS_URL).path
    if not settings.REDIS_URL.startswith("unix:") or Path(path).exists():
        yield
        return
    binary = shutil.which("redis-server")
    assert binary, "redis-server is missing: run script/test, which installs it."
    arguments = ["--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL)
    client = redis.Redis(unix_socket_path=path)
    deadline = time.monotonic() + STARTED_WITHIN_S
    while True:
        try:
            client.ping()
            break
        except redis.ConnectionError:
            assert time.monotonic() < deadline, f"redis-server did not start within {STARTED_WITHIN_S} s"
            time.sleep(0.02)
    yield
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """With UCAM_TEST_POSTGRES=1 the tests' database is a PostgreSQL server of this run."""
    if POSTGRES is None:
        yield
        return
    with postgres.cluster(POSTGRES):
        yield
        connections.close_all()


@dataclass
class Cast:
    """alice looks after everything, bob may watch and replay the studio, mallory has an account and nothing else."""

    alice: User
    bob: User
    mallory: User
    studio: Location
    elsewhere: Location
    camera: Camera
    foreign: Camera

    def api(self, person: User | None) -> APIClient:
        """An HTTP client, signed in as that person."""
        client = APIClient()
        if person is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.access(person)}")
        return client

    def access(self, person: User) -> str:
        """An access token of a fresh session."""
        session, refresh = Session.objects.begin(person, "tests", timezone.now())
        return issue(session, refresh).access

    def device(self, camera: Camera) -> APIClient:
        """An HTTP client of that camera."""
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {DeviceToken.objects.issue(camera)}")
        return client


def make_cast() -> Cast:
    """The rows of the cast."""
    studio = Location.objects.create(domain="studio.loc", name="Studio", timezone="Europe/Berlin")
    elsewhere = Location.objects.create(domain="elsewhere.loc")
    bob = User.objects.create_user("bob@example.com", name="Bob")
    Membership.objects.create(user=bob, location=studio, may_watch=True, may_replay=True)
    return Cast(
        alice=User.objects.create_user("alice@example.com", name="Alice", is_staff=True, is_superuser=True),
        bob=bob,
        mallory=User.objects.create_user("mallory@example.com", name="Mallory"),
        studio=studio,
        elsewhere=elsewhere,
        camera=Camera.objects.create(location=studio, local="cam001", name="Front door"),
        foreign=Camera.objects.create(location=elsewhere, local="cam001"),
    )


@pytest.fixture
def cast(db: None) -> Cast:
    """The cast, inside the test's transaction."""
    return make_cast()


@pytest.fixture
def lasting_cast(transactional_db: None) -> Cast:
    """The cast, committed: for tests with threads, processes or sockets."""
    return make_cast()


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    """Limits and throttles count per test."""
    cache.clear()


@pytest.fixture
def worker_in_this_process() -> Iterator[None]:
    """Celery tasks run where they are asked for, for tests that have no worker."""
    celery_app.conf.task_always_eager = True
    yield
    celery_app.conf.task_always_eager = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a browser come last: Playwright's loop runs on in this thread, and no other loop can begin beside it.

    Files stay whole, for what their tests share and because a parallel run hands them out file by file.
    """
    browsing = {item.path for item in items if _in_browser(item)}
    places = {path: (_turn(path), str(path)) for path in browsing}
    items.sort(key=lambda item: (item.path in browsing, places.get(item.path, (0, "")), _in_browser(item)))


def _turn(path: Path) -> int:
    return LONG.index(path.name) if path.name in LONG else len(LONG)


def _in_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ())
