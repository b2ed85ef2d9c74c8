"""Gaps, exports and holds stand in the room among what was said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from asgiref.sync import sync_to_async
from django.utils import timezone
from rest_framework.test import APIClient
from ucam_protocol import Chat

from cameras.models import Message
from tests.conftest import Cast
from tests.room.peers import person

NOON_MS = 1_795_000_000_000


def report(client: APIClient, *gaps: dict[str, object]) -> None:
    answer = client.post("/api/device/report/", {"gaps": list(gaps)}, format="json")
    assert answer.status_code == 200, answer.content


def gap(name: str, length_ms: int, cause: str = "recorder") -> dict[str, object]:
    return {"id": name, "cause": cause, "from_ms": NOON_MS, "to_ms": NOON_MS + length_ms}


async def test_a_reported_gap_is_told_once_to_those_of_the_place(lasting_cast: Cast) -> None:
    bob, mallory = await person(lasting_cast, lasting_cast.bob), await person(lasting_cast, lasting_cast.mallory)
    camera = await sync_to_async(lasting_cast.device)(lasting_cast.camera)
    for _ in range(2):
        await sync_to_async(report)(camera, gap("long", 12_000), gap("blink", 300), gap("by-choice", 60_000, "off"))
    heard = await bob.hear(Chat)
    assert (heard.kind, heard.cause, heard.camera, heard.from_name) == (
        "gap",
        "recorder",
        "cam001@studio.loc",
        "Front door",
    )
    assert heard.at is not None
    assert heard.until is not None
    assert datetime.fromisoformat(heard.until) - datetime.fromisoformat(heard.at) == timedelta(seconds=12)
    assert await Message.objects.acount() == 1
    assert [one for one in await mallory.everything_so_far() if isinstance(one, Chat)] == []
    await bob.leave()
    await mallory.leave()


def test_an_export_and_a_hold_are_told_in_the_name_of_who_asked(cast: Cast) -> None:
    client, now = cast.api(cast.alice), timezone.now()
    span = {"from": (now - timedelta(minutes=2)).isoformat(), "to": (now - timedelta(minutes=1)).isoformat()}
    assert client.post("/api/exports/", {"cameras": ["cam001@studio.loc"], **span}, format="json").status_code == 202
    hold = {"camera": "cam001@studio.loc", "reason": "why", "until": (now + timedelta(days=1)).isoformat(), **span}
    assert client.post("/api/holds/", hold, format="json").status_code == 201
    told = cast.api(cast.bob).get("/api/messages/").json()
    assert [(one["kind"], one["from"]) for one in told] == [
        ("export", "alice@example.com"),
        ("hold", "alice@example.com"),
    ]


async def test_nobody_says_that_something_happened(lasting_cast: Cast) -> None:
    bob = await person(lasting_cast, lasting_cast.bob)
    await bob.say(Chat(text="hm", kind="gap", cause="power", until="2026-11-22T13:02:10Z"))
    heard = await bob.hear(Chat)
    assert (heard.kind, heard.cause, heard.until) == ("", "", None)
    await bob.leave()


def test_what_points_at_a_camera_within_a_range_is_found_however_long_ago(cast: Cast) -> None:
    begin = datetime(2025, 3, 1, tzinfo=UTC)
    for day in range(3):
        row = Message.objects.create(
            from_jid="bob@example.com",
            text=f"day {day}",
            camera=cast.camera,
            at=begin + timedelta(days=day),
            sent_at=begin,
        )
        row.locations.set([cast.studio])
    path = "/api/messages/?camera=cam001@studio.loc&from=2025-03-02T00:00:00Z&to=2025-03-03T00:00:00Z"
    assert [one["text"] for one in cast.api(cast.bob).get(path).json()] == ["day 1"]
    assert cast.api(cast.mallory).get(path).status_code == 404
    assert cast.api(cast.bob).get("/api/messages/?camera=cam001@studio.loc&from=soon&to=later").status_code == 400
