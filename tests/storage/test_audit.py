"""Whoever sees recordings leaves a row in the audit trail: one for each person, camera and ten minutes."""

from accounts.models import AuditEntry
from storage.models import Chunk
from tests.conftest import Cast
from tests.storage.footage import DAY, Device, Footage

BASE = "/api/cameras/cam001@studio.loc/"
PLAYLIST = f"{BASE}playlist.m3u8?from={DAY}T10:00:00Z&to={DAY}T10:00:05Z"


def trail() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "subject"))


def test_replay_leaves_one_row_however_often_it_is_asked_for(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    for person in (cast.bob, cast.bob, cast.alice):
        assert cast.api(person).get(PLAYLIST).status_code == 200
    cast.api(cast.bob).get(f"{BASE}chunks/{Chunk.objects.get().pk}.mp4")
    seen = "cam001@studio.loc"
    assert trail() == [("bob@example.com", "replay", seen), ("alice@example.com", "replay", seen)]
    assert AuditEntry.objects.order_by("pk")[0].details == {
        "from": f"{DAY}T10:00:00.000Z",
        "to": f"{DAY}T10:00:05.000Z",
    }


def test_bytes_without_a_playlist_leave_a_row_too(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    cast.api(cast.bob).get(f"{BASE}chunks/{Chunk.objects.get().pk}.mp4")
    assert trail() == [("bob@example.com", "replay", "cam001@studio.loc")]


def test_a_still_leaves_a_row(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    assert cast.api(cast.bob).get(f"{BASE}snapshot.jpg").status_code == 200
    assert trail() == [("bob@example.com", "still", "cam001@studio.loc")]


def test_who_sees_nothing_leaves_none(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    assert cast.api(cast.mallory).get(PLAYLIST).status_code == 404
    assert cast.api(cast.bob).get(f"{BASE}playlist.m3u8?from=2021-01-01T10:00:00Z").status_code == 400
    assert trail() == []
