"""Footage comes in over tus, and only footage."""

import base64
import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import ProtectedError
from django.utils import timezone

from cameras.models import Camera, DeviceToken
from storage.index import entries
from storage.models import Chunk, Total
from tests.conftest import Cast
from tests.storage.footage import BOOT, TEN_O_CLOCK, TEN_O_CLOCK_MS, Device, Footage


def content_of(media: Path, chunk: Chunk) -> bytes:
    return (media / chunk.path).read_bytes()


def test_a_chunk_shipped_fragment_by_fragment_is_stored(device: Device, footage: Footage, media: Path) -> None:
    url = device.create()["Location"]
    sent = b""
    for number, fragment in enumerate(footage.fragments[:5]):
        piece = (footage.init if not number else b"") + fragment
        answer = device.patch(url, len(sent), piece)
        sent += piece
        assert (answer.status_code, answer["Upload-Offset"]) == (204, str(len(sent)))
    assert device.patch(url, len(sent), b"", length=len(sent)).status_code == 204
    chunk = Chunk.objects.get()
    assert content_of(media, chunk) == sent
    assert (chunk.state, chunk.bytes, chunk.length, chunk.frames) == ("closed", len(sent), len(sent), 50)
    assert (chunk.started_ms, chunk.ended_ms) == (TEN_O_CLOCK_MS, TEN_O_CLOCK_MS + 5000)
    assert (chunk.width, chunk.height, chunk.codec[:5]) == (320, 240, "avc1.")
    index = list(entries(bytes(chunk.fragments)))
    assert [entry.at_ms for entry in index] == [0, 1000, 2000, 3000, 4000]
    assert [sent[entry.offset + 4 : entry.offset + 8] for entry in index] == [b"moof"] * 5


def test_totals_and_the_end_of_what_is_stored_are_kept(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5), 1)
    device.ship(footage.chunk(5, 5), 2, started_ms=TEN_O_CLOCK_MS + 5000)
    total = Total.objects.get(camera=cast.camera)
    assert (total.bytes, total.ms, total.chunks) == (sum(chunk.bytes for chunk in Chunk.objects.all()), 10_000, 2)
    cast.camera.refresh_from_db()
    assert cast.camera.latest_at == TEN_O_CLOCK + timedelta(seconds=10)


@pytest.mark.parametrize("piece", [1, 97, 1000, 4096])
def test_a_standard_client_may_cut_anywhere(device: Device, footage: Footage, media: Path, piece: int) -> None:
    content = footage.chunk(0, 1 if piece < 100 else 4)
    content = content[:150] if piece == 1 else content
    url = device.create(length=len(footage.chunk(0, 4)))["Location"]
    for offset in range(0, len(content), piece):
        answer = device.patch(url, offset, content[offset : offset + piece])
        assert answer.status_code == 204, answer.content
    assert content_of(media, Chunk.objects.get()) == content
    assert Chunk.objects.get().bytes == len(content)


def test_creating_the_same_chunk_again_changes_nothing(device: Device, footage: Footage) -> None:
    first = device.create()
    device.patch(first["Location"], 0, footage.chunk(0, 1))
    again = device.create()
    assert (again.status_code, again["Location"]) == (201, first["Location"])
    assert again["Upload-Offset"] == str(len(footage.chunk(0, 1)))
    assert Chunk.objects.count() == 1


def test_head_tells_how_far_it_has_come(device: Device, footage: Footage) -> None:
    url = device.create()["Location"]
    device.patch(url, 0, footage.chunk(0, 2))
    answer = device.head(url)
    assert (answer.status_code, answer["Upload-Offset"]) == (200, str(len(footage.chunk(0, 2))))
    assert (answer["Upload-Defer-Length"], answer["Cache-Control"]) == ("1", "no-store")


def test_options_tells_what_the_server_can(device: Device) -> None:
    answer = device.api.options("/api/device/chunks/")
    assert (answer.status_code, answer["Tus-Version"], answer["Tus-Max-Size"]) == (204, "1.0.0", str(2**31))
    assert answer["Tus-Extension"] == "creation,creation-defer-length,checksum"


def test_bytes_that_were_never_confirmed_are_cut(device: Device, footage: Footage, media: Path) -> None:
    url = device.create()["Location"]
    first = footage.chunk(0, 1)
    device.patch(url, 0, first)
    with (media / Chunk.objects.get().path).open("ab") as file:
        file.write(b"left behind by a crash" * 10_000)
    assert device.patch(url, len(first), footage.fragments[1]).status_code == 204
    assert content_of(media, Chunk.objects.get()) == footage.chunk(0, 2)


def test_the_last_empty_patch_may_come_twice(device: Device, footage: Footage) -> None:
    content = footage.chunk(0, 1)
    url = device.ship(content)
    assert device.patch(url, len(content), b"", length=len(content)).status_code == 204
    refused = device.patch(url, len(content), footage.fragments[1])
    assert (refused.status_code, refused.json()["code"]) == (403, "chunk_closed")


HOSTILE = {
    "html": b"<!DOCTYPE html><script>alert(1)</script>" * 40,
    "a huge box": b"\xff\xff\xff\xffftyp" + b"x" * 100,
    "zeros": bytes(5000),
    "a moov that never ends": b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00" + b"\x00\x04\x00\x00moov" + bytes(70_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_footage_is_refused_and_not_kept(device: Device, media: Path, name: str) -> None:
    url = device.create()["Location"]
    answer = device.patch(url, 0, HOSTILE[name])
    assert (answer.status_code, answer.json()["code"]) == (422, "not_fragmented_mp4")
    assert content_of(media, Chunk.objects.get()) == b""
    assert device.head(url)["Upload-Offset"] == "0"


def test_rubbish_behind_good_fragments_is_refused_and_the_good_ones_stay(
    device: Device, footage: Footage, media: Path
) -> None:
    url = device.create()["Location"]
    good = footage.chunk(0, 2)
    device.patch(url, 0, good)
    answer = device.patch(url, len(good), footage.fragments[2] + b"<html>" * 100)
    assert answer.status_code == 422
    assert content_of(media, Chunk.objects.get()) == good
    assert device.patch(url, len(good), footage.fragments[2]).status_code == 204


def test_a_chunk_cannot_end_within_a_fragment(device: Device, footage: Footage) -> None:
    content = footage.chunk(0, 2)[:-100]
    answer = device.patch(device.create()["Location"], 0, content, length=len(content))
    assert answer.status_code == 422
    assert Chunk.objects.get().bytes == 0


def test_fragments_whose_times_go_backwards_are_refused(device: Device, footage: Footage) -> None:
    answer = device.patch(device.create()["Location"], 0, footage.init + footage.fragments[3] + footage.fragments[0])
    assert answer.status_code == 422


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_wrong_requests_get_their_words(device: Device, footage: Footage) -> None:
    url, content = device.create()["Location"], footage.chunk(0, 1)
    wrong = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert refusal(device.patch(url, 5, content)) == (409, "offset_wrong")
    assert refusal(device.patch(url, 0, content, HTTP_UPLOAD_CHECKSUM=f"sha256 {wrong}")) == (460, "checksum_wrong")
    assert refusal(device.patch(url, 0, content, HTTP_UPLOAD_CHECKSUM="md5 AAAA")) == (400, "header_invalid")
    assert refusal(device.patch(url, 0, content, HTTP_UPLOAD_CHECKSUM="sha256 %")) == (400, "header_invalid")
    assert refusal(device.patch(url, 0, content, HTTP_TUS_RESUMABLE="0.2.2")) == (412, "tus_version")
    assert refusal(device.patch(url, 0, content, HTTP_UPLOAD_OFFSET="-1")) == (400, "header_invalid")
    assert refusal(device.patch(url, 0, content, content_type="text/html")) == (415, "unsupported_media_type")
    assert refusal(device.patch(url, 0, content, length=10)) == (413, "too_large")
    assert refusal(device.patch(url, 0, content, length=2**40)) == (413, "too_large")
    assert refusal(device.patch(url, 0, content, CONTENT_LENGTH="99999999999")) == (413, "too_large")
    assert refusal(device.patch(url, 0, content, CONTENT_LENGTH="")) == (400, "header_invalid")
    assert Chunk.objects.get().bytes == 0


def test_a_body_without_a_length_is_refused(device: Device) -> None:
    url = device.create()["Location"]
    answer = device.api.generic(
        "PATCH", url, "", content_type="application/offset+octet-stream",
        HTTP_TUS_RESUMABLE="1.0.0", HTTP_UPLOAD_OFFSET="0",
    )  # fmt: skip
    assert refusal(answer) == (411, "length_required")


@pytest.mark.parametrize(
    "more",
    [
        {"boot": "../../etc/passwd"}, {"boot": BOOT.upper()}, {"seq": 0}, {"seq": "1; rm"}, {"seq": 10**30},
        {"run": -1}, {"started_mono_ns": "x"}, {"clock": "sundial"}, {"started_ms": "1e9"},
    ],
)  # fmt: skip
def test_impossible_names_are_refused(device: Device, more: dict[str, Any], media: Path) -> None:
    assert refusal(device.create(**more)) == (400, "metadata_invalid")
    assert not media.exists()


@pytest.mark.parametrize("told", [0, -5, 10**17, 2**61, TEN_O_CLOCK_MS * 2])
def test_an_impossible_time_is_placed_by_arrival(device: Device, footage: Footage, told: int) -> None:
    device.ship(footage.chunk(0, 2), started_ms=told)
    chunk = Chunk.objects.get()
    assert (chunk.told_ms, chunk.clock, chunk.placed) == (told, "unsynchronised", "arrival")
    assert abs(chunk.started_at - timezone.now()) < timedelta(seconds=30)


def test_an_unsynchronised_chunk_is_placed_beside_others_of_its_boot(device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2), 5, started_mono_ns=100 * 10**9)
    device.ship(footage.chunk(0, 2), 4, started_mono_ns=40 * 10**9, clock="unsynchronised", started_ms=12)
    chunk = Chunk.objects.get(seq=4)
    assert (chunk.started_ms, chunk.placed, chunk.told_ms) == (TEN_O_CLOCK_MS - 60_000, "boot", 12)


def test_a_device_writes_its_own_camera_only(cast: Cast, device: Device, footage: Footage) -> None:
    url = device.create()["Location"]
    other = Device(cast.device(cast.foreign))
    assert other.head(url).status_code == 404
    assert refusal(other.patch(url, 0, footage.chunk(0, 1))) == (404, "not_found")
    assert device.head("/api/device/chunks/12").status_code == 404


def test_only_devices_may_ship(cast: Cast, device: Device) -> None:
    url = device.create()["Location"]
    for person in (cast.alice, cast.mallory, None):
        assert refusal(Device(cast.api(person)).create(2)) == (401, "token_invalid")
    DeviceToken.objects.revoke(timezone.now())
    assert device.head(url).status_code == 401
    assert refusal(device.create()) == (401, "token_invalid")


def test_a_camera_with_footage_is_not_deleted_by_accident(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 1))
    with pytest.raises(ProtectedError):
        Camera.objects.get(pk=cast.camera.pk).delete()
