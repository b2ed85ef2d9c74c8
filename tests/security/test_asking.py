"""Asking for a link tells nobody whether an address is known: not by the answer, not by its time."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import SignInLink, User
from tests.conftest import Cast
from tests.e2e.stack import until
from tests.faults.campaign import Campaign
from tests.faults.conftest import campaign
from tests.room.servers import ROOT, Redis, WebServer, database_url

__all__ = ["campaign"]

ASKED = int(os.environ.get("CAMPAIGN_ROUNDS", 1000))
BY_CHANCE = 0.001  # below it two samples are called different
QUEUE = "celery"
ADDRESSES = ("bob@example.com", "nobody@example.com")


# ---------------------------------------------------------------- the answer, and what is done before it is given


def asked(address: str) -> tuple[int, bytes, dict[str, str], int, int]:
    """What comes back (status, body, headers), and what it took: queries, and messages put on the queue."""
    with redis.Redis.from_url(settings.REDIS_URL) as broker, CaptureQueriesContext(connection) as queries:
        waiting = int(str(broker.llen(QUEUE)))
        answer = APIClient().post("/api/sign-in/", {"email": address})
        more = int(str(broker.llen(QUEUE))) - waiting
    return answer.status_code, answer.content, dict(answer.headers), len(queries), more


def test_known_and_unknown_addresses_cost_the_request_the_same(cast: Cast) -> None:
    known, unknown = map(asked, ADDRESSES)
    assert known == unknown
    assert (known[0], known[3:]) == (202, (0, 1))  # no look into the database; one task, whoever asks
    assert mail.outbox == []
    assert not SignInLink.objects.exists()


def test_mail_that_is_sent_while_somebody_waits_is_noticed(cast: Cast, worker_in_this_process: None) -> None:
    known, unknown = map(asked, ADDRESSES)
    assert known != unknown
    assert mail.outbox


# ---------------------------------------------------------------- the time, a thousand times


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Redis]:
    started = Redis(tmp_path).start()
    yield started
    started.kill()


@pytest.fixture
def worker(own_redis: Redis, tmp_path: Path) -> Iterator[Path]:
    """The worker as production has it, in a process of its own; its mails stand in the file that it answers."""
    printed = tmp_path / "mails.txt"
    told = os.environ | {
        "DJANGO_SETTINGS_MODULE": "ucam.settings", "DATABASE_URL": database_url(), "REDIS_URL": own_redis.url,
        "EMAIL_URL": "consolemail://", "PYTHONPATH": f"{ROOT}:{ROOT / 'agent' / 'src'}",
    }  # fmt: skip
    argv = ["-m", "celery", "-A", "ucam.celery:app", "--quiet", "worker", "--queues", QUEUE, "--concurrency", "2"]
    with open(printed, "wb") as output:
        process = subprocess.Popen([sys.executable, *argv], env=told, cwd=ROOT, stdout=output, stderr=output)
    yield printed
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()


class Asker:
    """Asks a server over one connection. Each question comes from another address, so that none is throttled."""

    def __init__(self, server: WebServer) -> None:
        self.answers: set[tuple[int, bytes, tuple[tuple[str, str], ...]]] = set()
        self._number = 0
        self._line = HTTPConnection("127.0.0.1", server.port, timeout=60)
        until(self._answered, "the server answers", 120)

    def _answered(self) -> bool:
        try:
            self._line.request("GET", "/healthz")
            return self._line.getresponse().read() != b""
        except OSError:
            self._line.close()
            return False

    def ask(self, address: str) -> float:
        """Milliseconds until the whole answer is there."""
        self._number += 1
        sender = f"203.0.{self._number // 256}.{self._number % 256}"
        headers = {"Content-Type": "application/json", "X-Forwarded-For": sender}
        began = time.perf_counter_ns()
        self._line.request("POST", "/api/sign-in/", f'{{"email": "{address}"}}', headers)
        answer = self._line.getresponse()
        body = answer.read()
        took_ms = (time.perf_counter_ns() - began) / 1e6
        told = tuple((name, value) for name, value in answer.getheaders() if name != "Date")
        self.answers.add((answer.status, body, told))
        return took_ms


def measure(server: WebServer, people: list[str], chance: Random) -> dict[str, Any]:
    """Each person's address and one that nobody has, in turn, who is first by chance; how alike the times are."""
    asker, times = Asker(server), ([], [])  # type: tuple[Asker, tuple[list[float], list[float]]]
    for address in ADDRESSES * 5:
        asker.ask(address)  # the first ones load modules
    for number, person in enumerate(people):
        pair = [(0, person), (1, f"{number}-{person}")]
        for which, address in chance.sample(pair, 2):
            times[which].append(asker.ask(address))
    assert len(asker.answers) == 1
    return compare(*times, chance)


def compare(known: list[float], unknown: list[float], chance: Random) -> dict[str, Any]:
    """Medians, and how often chance alone makes two samples of one kind as unlike as these."""
    return {
        "asked": len(known) + len(unknown),
        "known_ms": round(statistics.median(known), 3),
        "unknown_ms": round(statistics.median(unknown), 3),
        "kolmogorov_smirnov_p": round(kolmogorov_smirnov(known, unknown), 6),
        "permutation_of_medians_p": round(permutation(known, unknown, chance), 6),
    }


def kolmogorov_smirnov(one: list[float], other: list[float]) -> float:
    """p of two samples (asymptotic)."""
    merged = sorted([(value, 1 / len(one)) for value in one] + [(value, -1 / len(other)) for value in other])
    height = widest = 0.0
    for _, step in merged:
        height += step
        widest = max(widest, abs(height))
    scaled = widest * math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    tail = 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, tail)) if scaled > 0.2 else 1.0


def permutation(one: list[float], other: list[float], chance: Random, rounds: int = 4000) -> float:
    """p of a difference between the medians."""
    seen, both = abs(statistics.median(one) - statistics.median(other)), [*one, *other]
    as_far = 0
    for _ in range(rounds):
        chance.shuffle(both)
        as_far += abs(statistics.median(both[: len(one)]) - statistics.median(both[len(one) :])) >= seen
    return (as_far + 1) / (rounds + 1)


def different(found: dict[str, Any]) -> bool:
    return min(float(found["kolmogorov_smirnov_p"]), float(found["permutation_of_medians_p"])) < BY_CHANCE


@pytest.mark.parametrize(("slower", "told"), [(0.0, False), (0.5, True)])
def test_the_comparison_tells_samples_apart(slower: float, told: bool) -> None:
    chance = Random(1)
    one, other = ([chance.gauss(10 + more, 1) for _ in range(500)] for more in (0.0, slower))
    assert different(compare(one, other, chance)) is told


@pytest.mark.campaign
def test_asking(campaign: Campaign, lasting_cast: Cast, own_redis: Redis, worker: Path) -> None:
    """1,000 times a real server with a real worker; the control sends its mail before it answers, and must be found."""
    people = [User.objects.create_user(f"person{number}@example.com").email for number in range(ASKED // 2)]
    of_control = [User.objects.create_user(f"other{number}@example.com").email for number in range(ASKED // 2)]
    settings_of = {"UCAM_ACCEL": "1", "EMAIL_URL": "consolemail://"}
    server = WebServer(own_redis.url, **settings_of)
    control = WebServer(own_redis.url, **settings_of, DJANGO_SETTINGS_MODULE="tests.security.inline_mail")
    try:
        campaign.figures["with_a_task"] = measure(server, people, campaign.chance)
        until(lambda: worker.read_bytes().count(b"To: person") == len(people), "every mail is sent", 600, every_s=0.5)
        campaign.figures["control_mails_inline"] = measure(control, of_control, campaign.chance)
    finally:
        server.kill()
        control.kill()
    assert different(campaign.figures["control_mails_inline"])
    assert not different(campaign.figures["with_a_task"])
