"""Newcomers of one moment are answered by one job; each gets their own answer, and nothing of the others."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.errors import SessionEnded, TokenInvalid
from accounts.models import Session
from cameras.models import Message
from cameras.room import standing, welcome
from cameras.room.together import Together
from cameras.room.welcome import Told
from tests.conftest import Cast


class Job:
    """Doubles numbers, when it is let; zero cannot be doubled."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()

    async def __call__(self, questions: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(questions))
        await self.go.wait()
        return [2 * one if one else ValueError("zero") for one in questions]


async def asked(together: Together[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(together.ask(number)) for number in numbers]
    await asyncio.sleep(0)
    return tasks


async def test_who_asks_while_a_job_runs_is_answered_by_the_next_one() -> None:
    job = Job()
    together: Together[int, int] = Together(job)
    tasks = await asked(together, [1, 2])
    await asyncio.sleep(0)
    tasks += await asked(together, [3, 4])
    job.go.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8]
    assert job.batches == [[1, 2], [3, 4]]


async def test_an_error_is_for_the_one_who_asked() -> None:
    job = Job()
    job.go.set()
    good, bad = await asked(Together(job), [1, 0])
    assert await good == 2
    with pytest.raises(ValueError, match="zero"):
        await bad


async def test_a_job_that_fails_is_told_to_all_and_the_next_one_works() -> None:
    fails = True

    async def answer(questions: Sequence[int]) -> Sequence[int | Exception]:
        if fails:
            raise OSError("away")
        return questions

    together: Together[int, int] = Together(answer)
    for task in await asked(together, [1, 2]):
        with pytest.raises(OSError, match="away"):
            await task
    fails = False
    assert await together.ask(3) == 3


async def test_who_has_gone_meanwhile_disturbs_nobody() -> None:
    job = Job()
    together: Together[int, int] = Together(job)
    first, gone, last = await asked(together, [1, 2, 3])
    gone.cancel()
    await asyncio.sleep(0)
    job.go.set()
    assert (await first, await last) == (2, 6)


async def test_batches_have_a_bound() -> None:
    job = Job()
    job.go.set()
    assert await asyncio.gather(*await asked(Together(job, most=2), [1, 2, 3, 4, 5])) == [2, 4, 6, 8, 10]
    assert [len(batch) for batch in job.batches] == [2, 2, 1]


def told(found: list[Told | Exception]) -> list[tuple[list[str], set[str]]]:
    assert all(isinstance(one, Told) for one in found)
    return [([chat.text for chat in one.messages], one.cameras) for one in found if isinstance(one, Told)]


def say(text: str, from_: Any, to_jid: str = "", places: Sequence[Any] = ()) -> None:
    row = Message.objects.create(from_jid=str(from_.jid), to_jid=to_jid, text=text, sent_at=timezone.now())
    row.locations.set(places)


def test_people_who_come_together_are_told_what_each_is_told_alone(cast: Cast) -> None:
    say("to all of the studio", cast.alice, places=[cast.studio])
    say("to all elsewhere", cast.alice, places=[cast.elsewhere])
    say("to bob alone", cast.alice, str(cast.bob.jid))
    people = [cast.alice.pk, cast.bob.pk, cast.mallory.pk]
    together = told(welcome.for_people(people))
    assert together == [told(welcome.for_people([one]))[0] for one in people]
    assert together[1] == (["to all of the studio", "to bob alone"], {str(cast.camera.jid)})
    assert together[2] == ([], set())


def test_one_more_of_them_costs_two_queries(cast: Cast) -> None:
    counts = []
    for people in ([cast.bob.pk], [cast.bob.pk, cast.mallory.pk]):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            welcome.for_people(people)
        counts.append(len(queries))
    assert counts[1] - counts[0] <= 2


def test_tokens_that_are_judged_together_are_judged_each(cast: Cast) -> None:
    good, ended = cast.access(cast.bob), cast.access(cast.mallory)
    Session.objects.filter(user=cast.mallory).update(ended_at=timezone.now())
    bob, second, third, alice = standing.of_people([good, "no token", ended, cast.access(cast.alice)])
    assert isinstance(bob, standing.Standing)
    assert isinstance(alice, standing.Standing)
    assert (bob.subject, bob.operator, alice.subject, alice.operator) == (cast.bob.pk, False, cast.alice.pk, True)
    assert isinstance(second, TokenInvalid)
    assert isinstance(third, SessionEnded)


def test_a_person_or_camera_that_is_gone_is_not_found(cast: Cast) -> None:
    (nobody,) = welcome.for_people([10**6])
    (nothing,) = welcome.settings_of([10**6])
    assert (getattr(nobody, "code", ""), getattr(nothing, "code", "")) == ("not_found", "not_found")
    assert standing.people([uuid.uuid4()]) == {}
