"""What newcomers need of the database, for all who came at the same moment by one job in its thread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from channels.db import database_sync_to_async
from ucam_protocol import Settings

from cameras.room import presence, standing, welcome
from cameras.room.standing import Standing
from cameras.room.together import Together
from cameras.room.welcome import Told

Q = TypeVar("Q")
A = TypeVar("A")


def _in_thread(
    verb: Callable[[Sequence[Q]], Sequence[A | Exception]],
) -> Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]:
    async def answer(questions: Sequence[Q]) -> Sequence[A | Exception]:
        return await database_sync_to_async(verb)(questions)

    return answer


def _arrive(came: Sequence[tuple[int, str]]) -> list[Exception | None]:
    presence.all_connected(came)
    return [None] * len(came)


people: Together[str, Standing] = Together(_in_thread(standing.of_people))  # by access token
welcomes: Together[int, Told] = Together(_in_thread(welcome.for_people))
settings: Together[int, Settings | None] = Together(_in_thread(welcome.settings_of))
arrivals: Together[tuple[int, str], None] = Together(_in_thread(_arrive))
