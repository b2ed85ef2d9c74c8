"""Alerts: one open row for each kind and subject, claimed once, cleared once."""

import threading

from django.db import connection

from cameras.models import Alert
from tests.conftest import Cast


def test_raising_twice_makes_one_alert_and_brings_its_words_up_to_date(cast: Cast) -> None:
    first = Alert.objects.raise_("disk_low", "warning", "Disk is filling", "10 % left")
    second = Alert.objects.raise_("disk_low", "critical", "Disk is nearly full", "2 % left")
    assert first.pk == second.pk
    assert second.level == "critical"
    assert Alert.objects.count() == 1


def test_after_clearing_the_next_trouble_is_a_new_alert(cast: Cast) -> None:
    first = Alert.objects.raise_("camera_offline", "warning", "Offline", camera=cast.camera)
    assert Alert.objects.clear("camera_offline", camera=cast.camera)
    assert not Alert.objects.clear("camera_offline", camera=cast.camera)
    assert Alert.objects.raise_("camera_offline", "warning", "Offline", camera=cast.camera).pk != first.pk


def test_many_who_raise_at_once_make_one_alert(lasting_cast: Cast) -> None:
    barrier = threading.Barrier(8)

    def raise_it() -> None:
        barrier.wait()
        Alert.objects.raise_("disk_low", "warning", "Disk is filling")
        connection.close()

    threads = [threading.Thread(target=raise_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Alert.objects.filter(kind="disk_low").count() == 1


def test_the_first_to_claim_has_it(cast: Cast) -> None:
    alert = Alert.objects.raise_("camera_offline", "warning", "Offline", camera=cast.camera)
    answer = cast.api(cast.bob).post(f"/api/alerts/{alert.pk}/claim/")
    assert answer.status_code == 200
    assert answer.json()["claimed_by"] == "bob@example.com"
    late = cast.api(cast.alice).post(f"/api/alerts/{alert.pk}/claim/")
    assert late.status_code == 409
    assert late.json()["code"] == "already_claimed"


def test_a_foreign_alert_cannot_be_claimed(cast: Cast) -> None:
    alert = Alert.objects.raise_("camera_offline", "warning", "Offline", camera=cast.foreign)
    assert cast.api(cast.bob).post(f"/api/alerts/{alert.pk}/claim/").status_code == 404
    alert.refresh_from_db()
    assert alert.state == "raised"


def test_open_alerts_can_be_asked_for_alone(cast: Cast) -> None:
    Alert.objects.raise_("camera_offline", "warning", "Offline", camera=cast.camera)
    Alert.objects.clear("camera_offline", camera=cast.camera)
    Alert.objects.raise_("disk_low", "warning", "Disk is filling")
    assert [alert["kind"] for alert in cast.api(cast.alice).get("/api/alerts/?open=1").json()] == ["disk_low"]
