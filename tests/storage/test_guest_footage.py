"""A guest sees the range of the link and no second more: playlist, bytes, stills, coverage, days."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry
from cameras.models import Guest
from storage.models import Chunk
from tests.conftest import Cast
from tests.storage.footage import TEN_O_CLOCK, Device, Footage

PATH = "/api/cameras/cam001@studio.loc/"


def guest(cast: Cast, first_s: float, last_s: float) -> APIClient:
    """One who may see these seconds after ten o'clock."""
    _, secret = Guest.objects.invite(
        cast.alice, "Jana", [cast.camera], live=False, from_=TEN_O_CLOCK + timedelta(seconds=first_s),
        to=TEN_O_CLOCK + timedelta(seconds=last_s), ends_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    client = APIClient()
    access = client.post("/api/guest/", {"link": secret}).json()["access"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


def at(seconds: float) -> str:
    return (TEN_O_CLOCK + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ranges(playlist: Any) -> list[tuple[int, int]]:
    """(offset, end) of the segments."""
    found = re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", playlist.content.decode())
    return [(int(offset), int(offset) + int(length)) for length, offset in found]


def fetch(client: APIClient, first: int, end: int) -> Any:
    number = Chunk.objects.get().pk
    return client.get(f"{PATH}chunks/{number}.mp4", headers={"range": f"bytes={first}-{end - 1}"})


def test_the_range_plays_and_what_lies_around_it_does_not(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    client = guest(cast, 6, 12)
    playlist = client.get(f"{PATH}playlist.m3u8", {"from": at(0), "to": at(20)})
    assert playlist.status_code == 200
    segments = ranges(playlist)
    shown = sum(end - first for first, end in segments)
    assert shown <= sum(map(len, footage.fragments[5:13]))
    for first, end in segments:
        assert fetch(client, first, end).status_code == 206
    assert fetch(client, 0, len(footage.init)).status_code == 206
    whole = ranges(cast.api(cast.alice).get(f"{PATH}playlist.m3u8", {"from": at(0), "to": at(20)}))
    before, after = whole[0], whole[-1]
    assert fetch(client, *before).status_code == 403
    assert fetch(client, *after).status_code == 403
    number = Chunk.objects.get().pk
    assert client.get(f"{PATH}chunks/{number}.mp4").status_code == 403
    several = client.get(f"{PATH}chunks/{number}.mp4", headers={"range": f"bytes=0-1,{after[0]}-{after[1]}"})
    assert several.status_code == 403


def test_a_condition_that_may_turn_a_range_into_the_whole_counts_as_the_whole(
    cast: Cast, device: Device, footage: Footage
) -> None:
    """nginx answers a Range whose If-Range does not match with all of the file."""
    device.ship(footage.chunk())
    client = guest(cast, 6, 12)
    first, end = ranges(client.get(f"{PATH}playlist.m3u8", {"from": at(6), "to": at(12)}))[0]
    asked = {"range": f"bytes={first}-{end - 1}", "if-range": '"another"'}
    assert client.get(f"{PATH}chunks/{Chunk.objects.get().pk}.mp4", headers=asked).status_code == 403
    everything = cast.api(cast.alice).get(f"{PATH}chunks/{Chunk.objects.get().pk}.mp4", headers=asked)
    assert (everything.status_code, everything["Content-Length"]) == (200, str(len(footage.chunk())))


def test_an_open_end_ends_with_the_link(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    client = guest(cast, 6, 12)
    playlist = client.get(f"{PATH}playlist.m3u8", {"from": at(0)})
    assert "#EXT-X-ENDLIST" in playlist.content.decode()
    assert client.get(f"{PATH}playlist.m3u8", {"from": at(13), "to": at(20)}).status_code == 404


def test_stills_are_of_the_range(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    client = guest(cast, 6, 12)
    for asked in ({}, {"at": at(19)}):
        still = client.get(f"{PATH}snapshot.jpg", asked)
        assert at(11) <= still["X-Ucam-At"] < at(12)
    assert client.get(f"{PATH}snapshot.jpg", {"at": at(3)}).status_code == 404


def test_the_ledger_tells_of_the_range_only(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    client = guest(cast, 6, 12)
    answer = client.get(f"{PATH}coverage/", {"from": at(0), "to": at(20)}).json()
    assert [(span["state"], span["cause"]) for span in answer["spans"]] == [
        ("unknown", "not_allowed"), ("stored", ""), ("unknown", "not_allowed"),
    ]  # fmt: skip
    assert answer["totals"]["stored"] == 6
    days = client.get(f"{PATH}days/", {"month": f"{TEN_O_CLOCK:%Y-%m}"}).json()["days"]
    assert list(days.values()) == [6]


def test_every_look_is_in_the_audit_trail_under_the_guests_name(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    client = guest(cast, 6, 12)
    client.get(f"{PATH}playlist.m3u8", {"from": at(6), "to": at(12)})
    client.get(f"{PATH}snapshot.jpg")
    found = AuditEntry.objects.filter(actor__endswith="@guest.invalid").order_by("pk")
    assert [row.action for row in found] == ["sign_in", "replay", "still"]
