"""The picture at the instant of an alert: kept with it, seen by who may see the recordings of that instant."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.models import AuditEntry
from cameras.models import Alert, AlertPicture, Membership
from storage import pictures
from storage.models import Chunk
from tests.conftest import Cast
from tests.storage.footage import TEN_O_CLOCK, Device, Footage


def raised(cast: Cast, seconds: float) -> Alert:
    alert = Alert.objects.raise_("camera_offline", "critical", "Front door is away", camera=cast.camera)
    Alert.objects.filter(pk=alert.pk).update(raised_at=TEN_O_CLOCK + timedelta(seconds=seconds))
    return alert


def test_it_is_kept_when_the_footage_is_gone(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    alert = raised(cast, 7.5)
    assert pictures.keep(TEN_O_CLOCK + timedelta(seconds=20)) == 1
    assert pictures.keep(TEN_O_CLOCK + timedelta(seconds=30)) == 0
    told = cast.api(cast.bob).get("/api/alerts/").json()[0]
    assert told["picture_at"] == (TEN_O_CLOCK + timedelta(seconds=7)).isoformat(timespec="milliseconds")[:-6] + "Z"
    Chunk.objects.all().delete()
    answer = cast.api(cast.bob).get(f"/api/alerts/{alert.pk}/picture.jpg")
    assert answer["Content-Type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")
    assert len(answer.content) < 200_000
    assert "no-store" in answer["Cache-Control"]
    assert AuditEntry.objects.filter(actor="bob@example.com", action="still").count() == 1


def test_it_is_for_those_who_may_see_recordings(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    alert = raised(cast, 7)
    pictures.keep(TEN_O_CLOCK + timedelta(seconds=20))
    path = f"/api/alerts/{alert.pk}/picture.jpg"
    assert cast.api(cast.mallory).get(path).status_code == 404
    assert cast.api(None).get(path).status_code == 401
    rights = Membership.objects.filter(user=cast.bob)
    rights.update(replay_hours=1)
    assert cast.api(cast.bob).get(path).status_code == 404
    rights.update(replay_hours=None, may_replay=False)
    assert cast.api(cast.bob).get(path).status_code == 404
    assert cast.api(cast.alice).get(path).status_code == 200


def test_it_waits_for_footage_that_is_on_its_way(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5), close=False)
    raised(cast, 12)
    assert pictures.keep(TEN_O_CLOCK + timedelta(seconds=20)) == 0
    assert pictures.keep(TEN_O_CLOCK + timedelta(seconds=60)) == 1
    assert AlertPicture.objects.get().at == TEN_O_CLOCK + timedelta(seconds=4)


def test_without_footage_there_is_none_and_old_ones_go(cast: Cast, device: Device, footage: Footage) -> None:
    raised(cast, 0)
    assert pictures.keep(TEN_O_CLOCK + timedelta(seconds=60)) == 0
    assert cast.api(cast.bob).get(f"/api/alerts/{Alert.objects.get().pk}/picture.jpg").status_code == 404
    device.ship(footage.chunk())
    pictures.keep(TEN_O_CLOCK + timedelta(seconds=60))
    pictures.keep(timezone.now() + timedelta(days=91))
    assert not AlertPicture.objects.exists()
