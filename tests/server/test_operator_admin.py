"""The operator's admin: ten cameras of which three are in trouble are found, judged and mended there."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as configured
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import AuditEntry, User
from cameras.device import enrol
from cameras.models import Alert, Camera, DeviceToken, EnrolmentCode, Location, Membership
from cameras.room.line import ALL
from storage.models import Chunk, Gap, Installation, SpoolReport, Total
from storage.models.chunk import ms_of
from storage.today import days, midnight_ms
from tests.conftest import Cast

LIST = "/admin/cameras/camera/"
WELL = {"recording": True, "version": "1.2.3", "clock_offset_ms": 12, "parts": {"clock": {"state": "ok"}}}


@pytest.fixture
def client(cast: Cast) -> Client:
    """alice, signed in to the admin; the cast's own cameras are out of the way."""
    Camera.objects.all().delete()
    client = Client()
    client.force_login(cast.alice, backend="sesame.backends.ModelBackend")
    return client


def add(place: Location, number: int, **values: Any) -> Camera:
    """A camera that is well, its whole day stored."""
    now = timezone.now()
    fresh: dict[str, Any] = {
        "connected_at": now - timedelta(hours=1),
        "latest_at": now,
        "status": WELL,
        "status_at": now,
    }
    camera = Camera.objects.create(location=place, local=f"cam{number:03}", **(fresh | values))
    Camera.objects.filter(pk=camera.pk).update(created_at=now - timedelta(days=3))
    DeviceToken.objects.issue(camera)
    begin = midnight_ms(place.timezone, now)
    for seq, (from_ms, to_ms) in enumerate([(begin - 60_000, begin + 1), (begin + 1, ms_of(now))]):
        Chunk.objects.create(
            camera=camera, boot="ab" * 16, seq=seq, run=1, told_ms=from_ms, started_mono_ns=0, clock="synchronised",
            placed="told", started_ms=from_ms, ended_ms=to_ms, state="closed", path=f"{camera.pk}/{seq}", bytes=10**6,
            whole_bytes=10**6,
        )  # fmt: skip
    return camera


def ten(place: Location) -> list[Camera]:
    """cam003 is away, cam005 does not record, cam008 is not enrolled."""
    cameras = [add(place, number) for number in range(1, 11)]
    away, idle, new = cameras[2], cameras[4], cameras[7]
    gone = timezone.now() - timedelta(hours=2)
    Camera.objects.filter(pk=away.pk).update(disconnected_at=timezone.now(), latest_at=gone)
    Alert.objects.raise_("camera_offline", Alert.Level.CRITICAL, "cam003 is not connected", "Check.", camera=away)
    Camera.objects.filter(pk=idle.pk).update(status=WELL | {"recording": False})
    Alert.objects.raise_("recording_stopped", Alert.Level.CRITICAL, "cam005 does not record", "Look.", camera=idle)
    new.tokens.all().delete()
    return cameras


def shown(client: Client, query: str = "") -> list[str]:
    """JIDs of the list, without the place."""
    return [camera.local for camera in client.get(f"{LIST}{query}").context["cl"].result_list]


def act(client: Client, action: str, *cameras: Camera, **fields: object) -> str:
    """Send an action for these cameras; the page that follows."""
    data = {"action": action, "index": "0", "_selected_action": [camera.pk for camera in cameras], **fields}
    return client.post(LIST, data, follow=True).content.decode()


def test_the_list_says_how_each_camera_is(cast: Cast, client: Client) -> None:
    ten(cast.studio)
    html = client.get(LIST).content.decode()
    for words in (
        "cam003 is not connected",
        "cam005 does not record",
        "not enrolled yet",
        "2 h ago",
        "1.2.3",
        "+12 ms",
    ):
        assert words in html
    assert " style=" not in html[html.index('id="result_list"') :]


def test_what_is_older_than_the_camera_itself_does_not_stand_for_its_day(cast: Cast, client: Client) -> None:
    camera = add(cast.studio, 1)
    now = timezone.now()
    begin, end = midnight_ms(cast.studio.timezone, now), ms_of(now)
    Camera.objects.update(created_at=now - timedelta(milliseconds=(end - begin) / 2))
    Chunk.objects.filter(seq=1).update(ended_ms=begin + (end - begin) // 2)
    facts = days([Camera.objects.select_related("location").get(pk=camera.pk)], now)[camera.pk]
    assert facts.stored == pytest.approx(0, abs=5)


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        ("alert", ["cam003", "cam005"]), ("offline", ["cam003"]), ("idle", ["cam005"]), ("behind", ["cam003"]),
        ("new", ["cam008"]), ("clock", []), ("waiting", []),
    ],
)  # fmt: skip
def test_the_troubled_ones_are_found_by_their_trouble(
    cast: Cast, client: Client, trouble: str, found: list[str]
) -> None:
    ten(cast.studio)
    assert shown(client, f"?trouble={trouble}") == found


def test_coverage_of_the_day_counts_what_is_stored_waiting_or_off(cast: Cast, client: Client) -> None:
    camera = add(cast.studio, 1)
    now = timezone.now()
    begin, end = midnight_ms(cast.studio.timezone, now), ms_of(now)
    length = end - begin
    Chunk.objects.filter(seq=1).update(ended_ms=begin + length // 2)

    def day() -> Any:
        return client.get(LIST).context["cl"].result_list[0].facts.day

    assert day().percent == pytest.approx(50, abs=1) or length < 120_000
    Gap.objects.create(
        camera=camera, gap_id="a", cause="off", from_ms=begin + length // 2, to_ms=begin + length * 3 // 4
    )
    SpoolReport.objects.create(camera=camera, unshipped=[[begin + length * 3 // 4, end]])
    assert day().missing == 0


@pytest.mark.parametrize(
    "page",
    [LIST, "/admin/cameras/location/", "/admin/cameras/alert/", "/admin/storage/total/", f"{LIST}figures.json"],
)
def test_a_hundred_cameras_take_as_many_queries_as_ten(
    cast: Cast, client: Client, page: str, settings: Any, tmp_path: Path
) -> None:
    settings.UCAM_MEDIA = tmp_path / "media"
    counts = []
    for numbers in (range(1, 11), range(11, 101)):
        for number in numbers:
            camera = add(cast.studio, number)
            Alert.objects.raise_("camera_offline", Alert.Level.CRITICAL, "away", camera=camera)
            Total.objects.add(camera.pk, bytes=2 * 10**6, chunks=2)
        client.get(page)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(page).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.fixture
def line() -> Iterator[Any]:
    """What is said in the room."""
    with redis.Redis.from_url(configured.REDIS_URL) as server, server.pubsub() as heard:
        heard.subscribe(ALL)
        heard.get_message(timeout=5)
        yield heard


def heard_by(line: Any, camera: Camera) -> str:
    """The first frame that is for this camera."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = line.get_message(timeout=1)
        if message and message["type"] == "message" and b"blink" in message["data"] and b'"may"' in message["data"]:
            return str(message["data"])
    raise AssertionError("nothing was said to the camera")


def test_a_camera_is_asked_to_blink_and_the_trail_says_by_whom(cast: Cast, client: Client, line: Any) -> None:
    camera, away = add(cast.studio, 1), add(cast.studio, 2, connected_at=None)
    html = act(client, "identify", camera, away)
    assert "alice@example.com" in heard_by(line, camera)
    assert "Asked cam001@studio.loc: blink" in html
    assert "Not asked, for it is not connected: cam002@studio.loc" in html
    entry = AuditEntry.objects.get(action="settings")
    assert (entry.actor, entry.subject) == ("alice@example.com", "cam001@studio.loc")


def test_settings_of_many_are_changed_and_one_that_cannot_does_not_stop_the_others(cast: Cast, client: Client) -> None:
    one, slow, two = add(cast.studio, 1), add(cast.studio, 2, keyframe_ms=10_000), add(cast.studio, 3)
    assert "Leave all as it is" in act(client, "change_settings", one, slow, two)
    html = act(client, "change_settings", one, slow, two, bitrate_kbit=20_000, apply="1")
    assert "Left as it is: cam002@studio.loc. These settings cannot be used" in html
    assert list(Camera.objects.values_list("bitrate_kbit", flat=True)) == [20_000, 2000, 20_000]
    assert AuditEntry.objects.filter(action="settings").count() == 2


def test_a_camera_moves_with_its_alerts_unless_its_name_is_taken(cast: Cast, client: Client) -> None:
    camera, other = add(cast.studio, 1), add(cast.studio, 2)
    add(cast.elsewhere, 2)
    Alert.objects.raise_("camera_offline", Alert.Level.CRITICAL, "away", camera=camera)
    assert "decides who may see it" in act(client, "move", camera, other)
    html = act(client, "move", camera, other, location=cast.elsewhere.pk, apply="1")
    assert "Done with cam001@studio.loc: moved to elsewhere.loc" in html
    assert "Left as it is: cam002@studio.loc. There is a camera of that name already" in html
    camera.refresh_from_db()
    assert (str(camera.jid), Alert.objects.get().location) == ("cam001@elsewhere.loc", cast.elsewhere)


def test_tokens_are_revoked_only_after_a_page_that_says_what_that_means(cast: Cast, client: Client) -> None:
    camera = add(cast.studio, 1)
    assert "cut off within seconds" in act(client, "revoke_tokens", camera)
    assert camera.tokens.alive().exists()
    act(client, "revoke_tokens", camera, apply="1")
    assert not camera.tokens.alive().exists()


def test_a_new_enrolment_ends_the_token_before_it(cast: Cast) -> None:
    old = DeviceToken.objects.issue(cast.camera)
    new = str(enrol(EnrolmentCode.objects.issue(cast.camera))["token"])
    assert DeviceToken.objects.holder(old) is None
    assert DeviceToken.objects.holder(new) is not None


def test_people_are_listed_with_what_they_may_do(cast: Cast, client: Client) -> None:
    Membership.objects.filter(user=cast.bob).update(replay_hours=12)
    html = client.get("/admin/accounts/user/").content.decode()
    assert "studio.loc: watch, replay (last 12 h)" in html
    assert "everything, everywhere" in html
    with CaptureQueriesContext(connection) as few:
        client.get("/admin/accounts/user/")
    for number in range(30):
        user = User.objects.create_user(f"p{number}@example.com")
        Membership.objects.create(user=user, location=cast.studio, may_watch=True)
    with CaptureQueriesContext(connection) as many:
        client.get("/admin/accounts/user/")
    assert len(few) == len(many)


def test_totals_say_what_fits_of_each_camera_or_why_that_is_not_known(
    cast: Cast, client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.UCAM_MEDIA = tmp_path / "media"
    camera, now = add(cast.studio, 1, max_bytes=10**6), timezone.now()
    Total.objects.add(camera.pk, bytes=2 * 10**6, chunks=2)
    Chunk.objects.filter(seq=0).update(
        started_ms=ms_of(now - timedelta(days=2)), ended_ms=ms_of(now - timedelta(days=1))
    )

    def fits() -> str:
        return str(client.get("/admin/storage/total/").context["cl"].result_list[0].fits)

    assert "full now: the camera's maximum space is used up" in fits()
    Installation.objects.update(uuid=uuid.uuid4())
    assert "disk" in fits()


def test_the_figures_are_for_operators_and_say_what_they_show(
    cast: Cast, client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.UCAM_MEDIA = tmp_path / "media"
    ten(cast.studio)
    html = client.get(f"{LIST}figures/").content.decode()
    assert "js/admin/figures.js" in html
    figures = json.loads(client.get(f"{LIST}figures.json").content)
    assert figures["alerts"]["lines"][0][-1] == 2
    assert figures["alerts"]["words"] == "2 alerts are open now."
    assert sum(figures["inflow"]["lines"][0]) > 0
    assert 0 < figures["coverage"]["lines"][0][-2] <= 100 or figures["coverage"]["lines"][0][-1] > 0
    assert len(figures["disk"]["at"]) == len(figures["disk"]["lines"][0]) == 61
    stranger = Client()
    stranger.force_login(cast.bob, backend="sesame.backends.ModelBackend")
    assert stranger.get(f"{LIST}figures.json").status_code == 302
