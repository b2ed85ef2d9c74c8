"""Holds keep footage from deletion, whatever asks for it; who, why and until when is known."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from accounts.models import AuditEntry
from cameras.models import Alert, Membership
from storage import disk, guard, retention
from storage.models import Chunk, Export, Hold
from storage.models.chunk import ms_of
from storage.range import text_of
from storage.volume import Volume
from tests.conftest import Cast
from tests.storage.footage import Device, Footage

HOUR_MS = 3_600_000
HOLDS = "/api/holds/"


@pytest.fixture
def keeper(cast: Cast) -> Cast:
    """The cast, with bob allowed to hold."""
    Membership.objects.update(may_hold=True)
    return cast


def ship_six(device: Device, footage: Footage) -> int:
    """Six chunks of 2 s, the first 60 h old, each further one 10 h younger. Returns the instant of now."""
    now = ms_of(timezone.now())
    for seq in range(1, 7):
        device.ship(footage.chunk(0, 2), seq, started_ms=now - (70 - 10 * seq) * HOUR_MS)
    return now


def form(from_ms: int, to_ms: int, **more: Any) -> dict[str, Any]:
    until = (timezone.now() + timedelta(days=7)).isoformat()
    facts = {"camera": "cam001@studio.loc", "from": text_of(from_ms), "to": text_of(to_ms), "reason": "A theft."}
    return facts | {"until": until} | more


def place(cast: Cast, from_ms: int, to_ms: int, **more: Any) -> Any:
    return cast.api(cast.bob).post(HOLDS, form(from_ms, to_ms, **more))


def left() -> list[int]:
    return list(Chunk.objects.order_by("seq").values_list("seq", flat=True))


def test_a_hold_says_who_why_until_when_and_how_much(keeper: Cast, device: Device, footage: Footage) -> None:
    now = ship_six(device, footage)
    answer = place(keeper, now - 60 * HOUR_MS + 500, now - 49 * HOUR_MS)
    told = answer.json()
    assert (answer.status_code, told["owner"], told["reason"]) == (201, "bob@example.com", "A theft.")
    assert (told["active"], told["released_at"], told["stored_s"]) == (True, None, 3.5)
    assert told["bytes"] == 2 * len(footage.chunk(0, 2))
    listed = keeper.api(keeper.bob).get(f"{HOLDS}?camera=cam001@studio.loc").json()
    assert [hold["id"] for hold in listed] == [told["id"]]
    assert keeper.api(keeper.bob).get(f"{HOLDS}{told['id']}/").json()["stored_s"] == 3.5
    assert keeper.api(keeper.bob).get(f"{HOLDS}?from={text_of(now)}&to={text_of(now + 1)}").json() == []
    entry = AuditEntry.objects.get(action="hold")
    assert (entry.actor, entry.subject, entry.details["reason"]) == ("bob@example.com", "cam001@studio.loc", "A theft.")


@pytest.mark.parametrize("limit", ["age", "space", "location space", "reserve"])
def test_no_kind_of_retention_deletes_what_is_held(
    keeper: Cast, device: Device, footage: Footage, settings: Any, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    now, size = ship_six(device, footage), len(footage.chunk(0, 2))
    place(keeper, now - 60 * HOUR_MS + 1999, now - 50 * HOUR_MS + 1)  # the last moment of the first, one of the second
    expected = [1, 2, 5, 6]
    if limit == "age":
        keeper.camera.retention_days = 1
    elif limit == "space":
        keeper.camera.max_bytes = 4 * size
    elif limit == "location space":
        keeper.studio.max_bytes = 4 * size
    else:
        settings.UCAM_DISK_LOW_BYTES = 20 * size
        with Volume() as volume:
            short = disk.reserve(volume.size_bytes(), 20 * size) - 2 * size
        monkeypatch.setattr(Volume, "free_bytes", lambda self: short)
    keeper.camera.save()
    keeper.studio.save()
    retention.enforce(timezone.now())
    assert left() == expected


def test_a_released_or_ended_hold_keeps_nothing(keeper: Cast, device: Device, footage: Footage) -> None:
    now = ship_six(device, footage)
    number = place(keeper, now - 61 * HOUR_MS, now - 55 * HOUR_MS).json()["id"]
    place(keeper, now - 51 * HOUR_MS, now - 45 * HOUR_MS)
    keeper.camera.retention_days = 1
    keeper.camera.save()
    retention.enforce(timezone.now())
    assert left() == [1, 2, 5, 6]
    api = keeper.api(keeper.bob)
    assert api.delete(f"{HOLDS}{number}/").status_code == 204
    again = api.delete(f"{HOLDS}{number}/")
    assert (again.status_code, again.json()["code"]) == (409, "hold_released")
    retention.enforce(timezone.now())
    assert left() == [2, 5, 6]
    Hold.objects.update(until=timezone.now() - timedelta(seconds=1))
    retention.enforce(timezone.now())
    assert left() == [5, 6]
    assert api.get(HOLDS).json() == []
    ended = {hold["id"]: hold for hold in api.get(f"{HOLDS}?all=1").json()}
    assert (ended[number]["released_by"], ended[number]["active"]) == ("bob@example.com", False)
    assert AuditEntry.objects.filter(action="release").count() == 1


def test_held_footage_that_comes_late_is_taken(keeper: Cast, device: Device, footage: Footage) -> None:
    now = ms_of(timezone.now())
    for seq in (2, 3):
        device.ship(footage.chunk(0, 2), seq, started_ms=now - (70 - 10 * seq) * HOUR_MS)
    keeper.camera.retention_days = 1
    keeper.camera.save()
    retention.enforce(timezone.now())
    assert device.create(1, started_ms=now - 60 * HOUR_MS).status_code == 410
    place(keeper, now - 61 * HOUR_MS, now - 59 * HOUR_MS)
    device.ship(footage.chunk(0, 2), 1, started_ms=now - 60 * HOUR_MS)
    retention.enforce(timezone.now())
    assert left() == [1]


def test_when_only_held_footage_is_left_the_full_disk_is_told(
    keeper: Cast, device: Device, footage: Footage, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ship_six(device, footage)
    number = place(keeper, now - 90 * HOUR_MS, now).json()["id"]
    monkeypatch.setattr(Volume, "free_bytes", lambda self: 400)
    guard.check(timezone.now())
    alert = Alert.objects.open().get(kind="holds_fill_disk")
    assert (alert.level, "bob@example.com" in alert.text) == ("critical", True)
    retention.enforce(timezone.now())
    assert left() == [1, 2, 3, 4, 5, 6]
    keeper.api(keeper.bob).delete(f"{HOLDS}{number}/")
    guard.check(timezone.now())
    assert not Alert.objects.open().filter(kind="holds_fill_disk").exists()


def test_when_only_footage_of_waiting_exports_is_left_the_full_disk_is_told(
    keeper: Cast, device: Device, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = ship_six(device, footage)
    wish = {"from_ms": now - 90 * HOUR_MS, "to_ms": now, "exact": False, "archive": False, "reason": ""}
    export = Export.objects.ask(keeper.bob, [keeper.camera], **wish)
    monkeypatch.setattr(Volume, "free_bytes", lambda self: 400)
    guard.check(timezone.now())
    alert = Alert.objects.open().get(kind="holds_fill_disk")
    assert (alert.level, "exports of bob@example.com" in alert.text) == ("critical", True)
    export.cancel(timezone.now())
    guard.check(timezone.now())
    assert not Alert.objects.open().filter(kind="holds_fill_disk").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": ""}, "invalid"), ({"reason": None}, "invalid"),
        ({"until": "2021-01-01T00:00:00Z"}, "range_invalid"),
        ({"until": "2099-01-01T00:00:00Z"}, "range_invalid"), ({"to": "2020-01-01T00:00:00Z"}, "range_invalid"),
        ({"from": "2001-01-01T00:00:00Z"}, "range_invalid"), ({"from": "yesterday"}, "invalid"),
    ],
)  # fmt: skip
def test_a_hold_that_makes_no_sense_is_refused_in_words(keeper: Cast, change: dict[str, Any], code: str) -> None:
    now = ms_of(timezone.now())
    answer = place(keeper, now - HOUR_MS, now, **change)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["message"]
    assert not Hold.objects.exists()


def test_who_may_not_hold_cannot(cast: Cast, device: Device, footage: Footage) -> None:
    now = ship_six(device, footage)
    wanted = form(now - 61 * HOUR_MS, now)
    foreign = wanted | {"camera": "cam001@elsewhere.loc"}
    assert cast.api(cast.bob).post(HOLDS, wanted).status_code == 404
    assert cast.api(cast.mallory).post(HOLDS, wanted).status_code == 404
    assert cast.api(None).post(HOLDS, wanted).status_code == 401
    assert device.api.post(HOLDS, wanted).status_code == 401
    number = cast.api(cast.alice).post(HOLDS, wanted).json()["id"]
    theirs = cast.api(cast.alice).post(HOLDS, foreign).json()["id"]
    assert [hold["id"] for hold in cast.api(cast.bob).get(HOLDS).json()] == [number]  # bob may replay: he sees it
    assert cast.api(cast.bob).delete(f"{HOLDS}{number}/").status_code == 404
    assert cast.api(cast.mallory).get(HOLDS).json() == []
    assert cast.api(cast.mallory).get(f"{HOLDS}{number}/").status_code == 404
    assert cast.api(cast.mallory).get(f"{HOLDS}?camera=cam001@studio.loc").status_code == 404
    Membership.objects.update(may_hold=True)
    assert cast.api(cast.bob).post(HOLDS, foreign).status_code == 404
    assert cast.api(cast.bob).delete(f"{HOLDS}{theirs}/").status_code == 404
    assert Hold.objects.active(timezone.now()).count() == 2


def test_what_is_there_when_the_hold_is_placed_stays_even_beside_running_retention(
    lasting_cast: Cast, footage: Footage, media: Path
) -> None:
    device, now = Device(lasting_cast.device(lasting_cast.camera)), ms_of(timezone.now())
    for seq in range(1, 41):
        device.ship(footage.chunk(0, 1), seq, started_ms=now - (100 - seq) * HOUR_MS)
    lasting_cast.camera.retention_days = 1
    lasting_cast.camera.save()
    begun = threading.Event()

    def delete() -> None:
        try:
            with Volume() as volume:
                for key in Chunk.objects.order_by("seq").values_list("pk", flat=True):
                    retention.delete(volume, Chunk.objects.deletable(timezone.now()).filter(pk=key))
                    begun.set()
        finally:
            connections.close_all()

    thread = threading.Thread(target=delete)
    thread.start()
    assert begun.wait(20)
    Hold.objects.place(
        lasting_cast.camera,
        now - 100 * HOUR_MS,
        now,
        lasting_cast.alice,
        "A theft.",
        timezone.now() + timedelta(days=1),
    )
    there = set(Chunk.objects.exclude(state="deleting").values_list("pk", flat=True))
    thread.join(60)
    assert there == set(Chunk.objects.values_list("pk", flat=True))
    assert 0 < len(there) < 40
    assert len(list(media.rglob("*.mp4"))) == len(there)
