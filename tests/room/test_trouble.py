"""What check_cameras tells people of cameras that are away or unwell."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest
from django.utils import timezone
from ucam_protocol import PartState, Status
from ucam_sentences import kept

from cameras import trouble
from cameras.models import Alert, Camera, DeviceToken
from cameras.room.roster import Member
from cameras.tasks import check_cameras
from tests.conftest import Cast


def put(camera: Camera, **columns: object) -> None:
    Camera.objects.filter(pk=camera.pk).update(**columns)


def present(camera: Camera, since: str = "2026-11-22T10:00:00.000Z") -> Member:
    return Member(
        jid=f"{camera}/1", kind="camera", subject=camera.pk, name="", process="p", since=since,
        places=frozenset({camera.location_id}),
    )  # fmt: skip


def online_with(camera: Camera, **status: object) -> list[Member]:
    """The roster, with that camera in it, which says this of itself."""
    told = msgspec.to_builtins(Status(**({"recording": True} | status)))  # type: ignore[arg-type]
    now = timezone.now()
    put(camera, connected_at=now, disconnected_at=None, status=told, status_at=now)
    return [present(camera)]


def open_alerts() -> dict[str, Alert]:
    return {alert.kind: alert for alert in Alert.objects.open()}


def test_what_a_camera_said_that_was_taken_out_of_service_is_nobodys_trouble(cast: Cast) -> None:
    token = DeviceToken.objects.issue(cast.camera)
    Alert.objects.raise_("clock_unknown", "warning", "Front door does not know the time", camera=cast.camera)
    gone = timezone.now() - timedelta(hours=1)
    put(cast.camera, connected_at=gone - timedelta(hours=1), disconnected_at=gone)
    trouble.check([])
    assert set(open_alerts()) == {"clock_unknown", "camera_offline"}, token
    DeviceToken.objects.revoke(timezone.now())
    trouble.check([])
    assert open_alerts() == {}


def later(seconds: float) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def test_a_camera_that_is_away_for_half_a_minute_is_told(cast: Cast) -> None:
    DeviceToken.objects.issue(cast.camera)
    gone = timezone.now() - timedelta(seconds=20)
    put(cast.camera, connected_at=gone - timedelta(hours=1), disconnected_at=gone)
    trouble.check([])
    assert open_alerts() == {}
    put(cast.camera, disconnected_at=gone - timedelta(seconds=20))
    trouble.check([])
    alert = open_alerts()["camera_offline"]
    assert alert.title == "Front door is not connected"
    assert f"since {kept(gone - timedelta(seconds=20))}." in alert.text
    put(cast.camera, connected_at=timezone.now(), disconnected_at=None)
    trouble.check([present(cast.camera)])
    assert open_alerts() == {}


def test_a_camera_that_nobody_enrolled_is_not_missed(cast: Cast) -> None:
    trouble.check([])
    assert open_alerts() == {}


def test_a_camera_that_enrolled_and_never_came_is_missed(cast: Cast) -> None:
    DeviceToken.objects.issue(cast.camera)
    DeviceToken.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    trouble.check([])
    assert "has never been connected" in open_alerts()["camera_offline"].text


def test_a_ghost_is_marked_as_gone(cast: Cast) -> None:
    put(cast.camera, connected_at=timezone.now() - timedelta(hours=1), disconnected_at=None)
    check_cameras()
    cast.camera.refresh_from_db()
    assert not cast.camera.online


def test_a_camera_in_the_room_is_marked_as_there(cast: Cast) -> None:
    put(cast.camera, connected_at=timezone.now() - timedelta(hours=2), disconnected_at=timezone.now())
    trouble.check([present(cast.camera)])
    cast.camera.refresh_from_db()
    assert cast.camera.online


def test_a_broken_part_is_told_once_it_lasts_and_cleared_when_it_works(cast: Cast) -> None:
    roster = online_with(
        cast.camera, recording=False, parts={"camera": PartState("broken", "The camera is unplugged.")}
    )
    trouble.check(roster)
    assert open_alerts() == {}
    trouble.check(roster, later(10))
    alert = open_alerts()["recording_stopped"]
    assert (alert.title, alert.level) == ("Front door does not record", "critical")
    assert alert.text.startswith("The camera is unplugged. What was recorded before is safe.")
    roster = online_with(cast.camera, parts={"camera": PartState("ok")})
    trouble.check(roster)
    assert open_alerts() == {}


STORAGE_AWAY = {"storage": PartState("broken", "")}
BACKLOG = {"spool_unshipped_bytes": 1000}


@pytest.mark.parametrize(
    ("told", "kind", "level", "words"),
    [
        (
            {"parts": {"encoder": PartState("broken", "")}},
            "recording_stopped",
            "critical",
            "The encoder does not work.",
        ),
        ({"parts": {"spool": PartState("broken", "The disk is full.")}}, "spool_trouble", "critical", "disk is full"),
        ({"parts": {"spool": PartState("degraded", "")}}, "spool_trouble", "warning", "Replace the camera's card"),
        ({"parts": STORAGE_AWAY, "spool_holds_s": 90_000}, "storage_unreachable", "warning", "about 25 hours more"),
        (
            {"parts": STORAGE_AWAY, "spool_holds_s": 7 * 3600} | BACKLOG,
            "spool_filling",
            "warning",
            "about 7 hours more",
        ),
        (
            {"parts": STORAGE_AWAY, "spool_holds_s": 1500} | BACKLOG,
            "spool_filling",
            "critical",
            "about 20 minutes more",
        ),
        ({"parts": STORAGE_AWAY, "spool_holds_s": 0} | BACKLOG, "spool_filling", "critical", "a few minutes at most"),
        ({"parts": {"clock": PartState("unknown", "")}}, "clock_unknown", "warning", "not known to be right"),
    ],
)
def test_each_trouble_is_raised_with_its_words_and_cleared(
    cast: Cast, told: dict[str, object], kind: str, level: str, words: str
) -> None:
    roster = online_with(cast.camera, **told)
    trouble.check(roster)
    trouble.check(roster, later(10))
    alert = open_alerts()[kind]
    assert alert.level == level
    assert words in alert.text
    trouble.check(online_with(cast.camera))
    assert open_alerts() == {}


@pytest.mark.parametrize(
    "told",
    [
        {"parts": {"recorder": PartState("starting", ""), "storage": PartState("degraded", "Catching up.")}},
        {"parts": {"storage": PartState("degraded", "")}, "spool_holds_s": 60, "catch_up_s": 100} | BACKLOG,
        {"parts": {"storage": PartState("ok")}, "spool_holds_s": 60} | BACKLOG,
    ],
)
def test_what_mends_itself_is_no_news(cast: Cast, told: dict[str, object]) -> None:
    roster = online_with(cast.camera, **told)
    trouble.check(roster)
    trouble.check(roster, later(10))
    assert open_alerts() == {}


def test_dropped_pictures_are_told_while_they_are_dropped(cast: Cast) -> None:
    trouble.check(online_with(cast.camera, frames_dropped=100))
    assert open_alerts() == {}
    trouble.check(online_with(cast.camera, frames_dropped=140))
    assert open_alerts()["frames_dropped"].title == "Front door loses pictures"
    roster = online_with(cast.camera, frames_dropped=140)
    trouble.check(roster, later(30))
    assert "frames_dropped" in open_alerts()
    trouble.check(roster, later(90))
    assert open_alerts() == {}
