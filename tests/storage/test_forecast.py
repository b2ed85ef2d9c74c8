"""What retention can keep beside what was asked, in words; who is told when it is less, or when it stands still."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry
from cameras.models import Alert, Membership
from storage import pace, retention
from storage.models import Chunk, Installation, Total
from storage.models.chunk import ms_of
from storage.tasks import tell_what_fits
from tests.conftest import Cast
from tests.storage.footage import Device, Footage

URL = "/api/cameras/cam001@studio.loc/retention/"
GIB = 2**30


def rows(cast: Cast, days: int, bytes_a_day: int) -> None:
    """Rows of a camera that recorded for so many days: a chunk an hour."""
    now = ms_of(timezone.now())
    for number in range(days * 24):
        begin, size = now - (number + 1) * 3_600_000 + 60_000, bytes_a_day // 24
        Chunk.objects.create(
            camera=cast.camera, boot="0" * 32, seq=10**6 - number, run=1, told_ms=begin, started_mono_ns=0,
            started_ms=begin, ended_ms=begin + 3_600_000, clock="synchronised", placed="told", state="closed",
            bytes=size, whole_bytes=size, closed_at=timezone.now(), path=f"1/1/{number}.mp4",
        )  # fmt: skip
    Total.objects.update_or_create(camera=cast.camera, defaults={"bytes": days * bytes_a_day, "chunks": days * 24})


def told(cast: Cast) -> dict[str, Any]:
    answer = cast.api(cast.alice).get(URL)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def keep(cast: Cast, **limits: int) -> None:
    for key, value in limits.items():
        setattr(cast.camera, key, value)
    cast.camera.save()


def test_thirty_asked_twenty_two_fit(cast: Cast) -> None:
    rows(cast, 2, GIB)
    keep(cast, retention_days=30, max_bytes=22 * GIB + GIB // 2)
    found = told(cast)
    assert (found["asked_days"], found["fits_days"], found["short"]) == (30, 22, True)
    full_in = datetime.fromisoformat(found["full_at"]) - timezone.now()
    assert full_in / timedelta(days=1) == pytest.approx(20.5, rel=0.05)
    assert found["words"].startswith("30 days asked, 22 fit, full on ")
    assert found["bytes_per_day"] == pytest.approx(GIB, rel=0.05)


def test_what_is_used_up_is_full_now(cast: Cast) -> None:
    rows(cast, 3, GIB)
    keep(cast, retention_days=30, max_bytes=3 * GIB)
    assert "full now: the camera's maximum space is used up" in told(cast)["words"]


def test_what_fits_is_not_short(cast: Cast) -> None:
    rows(cast, 2, 2**20)
    found = told(cast)
    assert (found["short"], found["full_at"]) == (False, None)
    assert found["words"].startswith("30 days asked, a")


def test_without_footage_nothing_is_guessed(cast: Cast) -> None:
    assert "what fits is not known" in told(cast)["words"]


def test_the_installation_asks_for_less(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2), 1, started_ms=ms_of(timezone.now()) - 60 * 3_600_000)
    Installation.objects.this()
    Installation.objects.update(retention_days=3)
    retention.enforce(timezone.now())
    assert Chunk.objects.count() == 1
    assert told(cast)["asked_days"] == 3
    Installation.objects.update(retention_days=2)
    retention.enforce(timezone.now())
    assert Chunk.objects.count() == 0


def test_an_operator_sets_it_in_the_admin_and_the_trail_knows(cast: Cast, client: Client) -> None:
    Installation.objects.this()
    client.force_login(cast.alice)
    assert client.get("/admin/storage/total/").status_code == 200
    assert client.post("/admin/storage/installation/1/change/", {"retention_days": "14"}).status_code == 302
    assert Installation.objects.this().retention_days == 14
    assert AuditEntry.objects.get().details["changes"] == [{"changed": {"fields": ["Footage is kept for days"]}}]
    assert client.post("/admin/storage/installation/1/change/", {"retention_days": "0"}).status_code == 200


def test_less_than_asked_is_told_once_and_taken_back(cast: Cast) -> None:
    rows(cast, 1, GIB)
    keep(cast, retention_days=30, max_bytes=22 * GIB)
    tell_what_fits()
    tell_what_fits()
    alert = Alert.objects.get()
    assert (alert.kind, alert.camera, alert.level) == ("retention_short", cast.camera, "warning")
    assert "30 days asked" in alert.text
    keep(cast, max_bytes=31 * GIB)  # fits, but only just: it stays
    tell_what_fits()
    assert Alert.objects.open().exists()
    keep(cast, max_bytes=40 * GIB)
    tell_what_fits()
    assert not Alert.objects.open().exists()


def test_who_may_not_operate_is_not_told(cast: Cast) -> None:
    assert cast.api(cast.bob).get(URL).status_code == 404
    assert cast.api(cast.mallory).get(URL).status_code == 404
    assert cast.api(None).get(URL).status_code == 401
    Membership.objects.update(may_operate=True)
    assert cast.api(cast.bob).get(URL).status_code == 200
    assert cast.api(cast.bob).get("/api/cameras/cam001@elsewhere.loc/retention/").status_code == 404


def test_a_dead_retention_is_told_by_ingest_and_by_readyz(cast: Cast, device: Device, client: Client) -> None:
    Installation.objects.this()
    assert client.get("/readyz").json()["retention"] is True
    Installation.objects.update(retention_at=timezone.now() - 2 * retention.late_after())
    assert client.get("/readyz").json() == {"ready": True, "database": True, "redis": True, "retention": False}
    assert device.create(1).status_code == 201
    assert Alert.objects.open().get().kind == "retention_stalled"


def test_a_slow_disk_is_told_and_taken_back_without_fluttering(db: None) -> None:
    disk = pace.Pace()

    def writes(seconds: float, count: int) -> bool:
        for _ in range(count):
            disk.note(seconds)
        disk.tell()
        return Alert.objects.open().filter(kind="storage_slow").exists()

    assert not writes(0.01, 190)
    assert not writes(2.0, 5)  # a few slow ones are no news
    assert writes(2.0, 20)
    assert writes(0.7, 300)  # better, but not yet good
    assert not writes(0.1, 300)
