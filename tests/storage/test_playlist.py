"""Stored footage as HLS by byte ranges."""

import asyncio
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from cameras.models import Membership
from storage.models import Chunk
from storage.range import text_of
from tests.conftest import Cast
from tests.storage.footage import DAY, TEN_O_CLOCK_MS, Device, Footage

BASE = "/api/cameras/cam001@studio.loc/"


def playlist(cast: Cast, from_s: float, to_s: float | None = None, person: Any = None, more: str = "") -> Any:
    query = f"?from={text_of(TEN_O_CLOCK_MS + int(from_s * 1000))}"
    query += "" if to_s is None else f"&to={text_of(TEN_O_CLOCK_MS + int(to_s * 1000))}"
    return cast.api(person or cast.bob).get(f"{BASE}playlist.m3u8{query}{more}")


def body(answer: Any) -> bytes:
    async def pieces() -> bytes:
        return b"".join([piece async for piece in answer])

    return asyncio.run(pieces())


def seconds(text: str) -> float:
    return sum(float(each) for each in re.findall(r"#EXTINF:([\d.]+)", text))


def test_two_chunks_of_a_run_are_one_stream(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 10), 1)
    device.ship(footage.chunk(10, 10), 2, started_ms=TEN_O_CLOCK_MS + 10_000)
    answer = playlist(cast, 0, 20)
    text = answer.content.decode()
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    assert text.startswith("#EXTM3U\n")
    assert text.endswith("#EXT-X-ENDLIST\n")
    assert "PLAYLIST-TYPE:VOD" in text
    assert (text.count("#EXT-X-MAP"), text.count("#EXT-X-PROGRAM-DATE-TIME"), text.count("DISCONT")) == (1, 2, 0)
    assert seconds(text) == 20
    assert text.count("#EXTINF") == 4
    assert f"#EXT-X-PROGRAM-DATE-TIME:{DAY}T10:00:10.000Z" in text


def test_the_byte_ranges_are_the_fragments(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 10))
    text = playlist(cast, 0, 10).content.decode()
    uri, size = re.search(r'MAP:URI="(.*?)",BYTERANGE="(\d+)@0"', text).groups()  # type: ignore[union-attr]
    found = [(int(length), int(offset)) for length, offset in re.findall(r"BYTERANGE:(\d+)@(\d+)", text)]
    pieces = [(int(size), 0), *found]
    api = cast.api(cast.bob)
    answers = [api.get(BASE + uri, HTTP_RANGE=f"bytes={at}-{at + length - 1}") for length, at in pieces]
    assert {answer.status_code for answer in answers} == {206}
    assert b"".join(body(answer) for answer in answers) == footage.chunk(0, 10)


def test_a_range_is_cut_to_whole_fragments_around_it(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 10))
    text = playlist(cast, 2.5, 6.2).content.decode()
    assert f"#EXT-X-PROGRAM-DATE-TIME:{DAY}T10:00:02.000Z" in text
    assert seconds(text) == 5


def test_an_open_list_grows_and_what_it_had_stays(cast: Cast, device: Device, footage: Footage) -> None:
    url = device.ship(footage.chunk(0, 7), close=False)
    first = playlist(cast, 0).content.decode()
    assert "PLAYLIST-TYPE:EVENT" in first
    assert "ENDLIST" not in first
    assert seconds(first) == 5
    device.patch(url, len(footage.chunk(0, 7)), b"".join(footage.fragments[7:12]))
    second = playlist(cast, 0).content.decode()
    assert second.startswith(first)
    assert seconds(second) == 10


def test_an_open_chunk_that_grows_no_more_is_shown_to_its_end(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 7), close=False)
    Chunk.objects.update(appended_at=f"{DAY}T10:00:00Z")
    assert seconds(playlist(cast, 0).content.decode()) == 7


@pytest.mark.parametrize("second", [{"run": 2}, {"started_ms": TEN_O_CLOCK_MS + 60_000, "first": 15}])
def test_a_new_run_or_a_gap_is_a_discontinuity(
    cast: Cast, device: Device, footage: Footage, second: dict[str, Any]
) -> None:
    device.ship(footage.chunk(0, 5))
    facts = {"started_ms": TEN_O_CLOCK_MS + 5000, "first": 5} | second
    device.ship(footage.chunk(facts.pop("first"), 5), 2, **facts)
    text = playlist(cast, 0, 100).content.decode()
    assert (text.count("#EXT-X-DISCONTINUITY\n"), text.count("#EXT-X-MAP"), seconds(text)) == (1, 2, 10)


def test_a_missing_fragment_within_a_chunk_is_a_discontinuity(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 3) + b"".join(footage.fragments[5:8]))
    text = playlist(cast, 0, 100).content.decode()
    assert (text.count("#EXT-X-DISCONTINUITY\n"), seconds(text)) == (1, 6)
    assert f"#EXT-X-PROGRAM-DATE-TIME:{DAY}T10:00:05.000Z" in text


def test_who_wants_the_first_picture_soon_asks_for_short_segments(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 7), close=False)
    text = playlist(cast, 0, more="&segment_ms=1000").content.decode()
    assert (text.count("#EXTINF:1.000,"), seconds(text)) == (7, 7)
    assert "#EXT-X-TARGETDURATION:1\n" in text
    assert playlist(cast, 0, more="&segment_ms=2000").content.decode().count("#EXTINF:2.000,") == 3


@pytest.mark.parametrize("asked", ["0", "-1", "10001", "five", "1e3", "٣", "9" * 5000])
def test_a_length_of_segments_that_makes_no_sense_is_refused_in_words(cast: Cast, asked: str) -> None:
    answer = playlist(cast, 0, more=f"&segment_ms={asked}")
    assert (answer.status_code, answer.json()["code"]) == (400, "range_invalid")
    assert "from 1 to 10000" in answer.json()["message"]


def test_nothing_stored_is_said_in_words(cast: Cast) -> None:
    answer = playlist(cast, 0, 100)
    assert (answer.status_code, answer.json()["code"]) == (404, "nothing_stored")


@pytest.mark.parametrize(
    "query",
    [
        "", "?to=2026-11-22T10:00:00Z", "?from=yesterday", "?from=2026-11-22T10:00:00",
        "?from=2026-11-22T11:00:00Z&to=2026-11-22T10:00:00Z", "?from=2026-11-22T11:00:00Z&to=2026-11-22T11:00:00Z",
        "?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", "?from=0001-01-01T00:00:00%2B23:59", "?from=%00",
    ],
)  # fmt: skip
def test_an_impossible_range_is_refused_in_words(cast: Cast, query: str) -> None:
    answer = cast.api(cast.bob).get(f"{BASE}playlist.m3u8{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "range_invalid")


def test_recordings_of_others_do_not_exist(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    number = Chunk.objects.get().pk
    Device(cast.device(cast.foreign)).ship(footage.chunk(0, 5))
    foreign = Chunk.objects.get(camera=cast.foreign).pk
    query = f"playlist.m3u8?from={DAY}T10:00:00Z"
    mallory, bob = cast.api(cast.mallory), cast.api(cast.bob)
    assert mallory.get(BASE + query).status_code == 404
    assert mallory.get(f"{BASE}chunks/{number}.mp4").status_code == 404
    assert bob.get(f"/api/cameras/cam001@elsewhere.loc/{query}").status_code == 404
    assert bob.get(f"/api/cameras/cam001@elsewhere.loc/chunks/{foreign}.mp4").status_code == 404
    assert bob.get(f"{BASE}chunks/{foreign}.mp4").status_code == 404
    assert device.api.get(BASE + query).status_code == 401
    assert cast.api(None).get(f"{BASE}chunks/{number}.mp4").status_code == 401


def test_who_may_only_watch_sees_no_recordings(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    Membership.objects.update(may_replay=False)
    assert playlist(cast, 0).status_code == 404


def test_bytes_come_whole_in_part_or_not_at_all(cast: Cast, device: Device, footage: Footage, media: Path) -> None:
    content = footage.chunk(0, 5)
    device.ship(content)
    with (media / Chunk.objects.get().path).open("ab") as file:
        file.write(b"never confirmed")
    url, api = f"{BASE}chunks/{Chunk.objects.get().pk}.mp4", cast.api(cast.bob)
    whole = api.get(url)
    assert (whole.status_code, body(whole)) == (200, content)
    assert (whole["Content-Type"], whole["Cache-Control"][:7]) == ("video/mp4", "private")
    assert whole["X-Content-Type-Options"] == "nosniff"
    part = api.get(url, HTTP_RANGE="bytes=10-19")
    assert (part.status_code, body(part)) == (206, content[10:20])
    assert part["Content-Range"] == f"bytes 10-19/{len(content)}"
    tail = api.get(url, HTTP_RANGE="bytes=-7")
    assert (tail.status_code, body(tail)) == (206, content[-7:])
    outside = api.get(url, HTTP_RANGE=f"bytes={len(content)}-")
    assert (outside.status_code, outside["Content-Range"]) == (416, f"bytes */{len(content)}")


def test_nginx_sends_the_bytes_where_it_stands_in_front(
    cast: Cast, device: Device, footage: Footage, settings: Any
) -> None:
    settings.UCAM_ACCEL = True
    device.ship(footage.chunk(0, 5))
    chunk = Chunk.objects.get()
    answer = cast.api(cast.bob).get(f"{BASE}chunks/{chunk.pk}.mp4")
    assert (answer["X-Accel-Redirect"], answer.content) == (quote(f"/_media/{chunk.path}"), b"")


@pytest.fixture
def limited(cast: Cast, device: Device, footage: Footage) -> tuple[int, int]:
    """Bob may see the last two hours; a chunk of 10 s begins 4 s before them, another is a day old. Their numbers."""
    border_ms = int(timezone.now().timestamp() * 1000) - 7_200_000
    device.ship(footage.chunk(0, 10), 1, started_ms=border_ms - 86_400_000)
    device.ship(footage.chunk(0, 10), 2, started_ms=border_ms - 4000)
    Membership.objects.update(replay_hours=2)
    old, young = Chunk.objects.order_by("seq").values_list("pk", flat=True)
    return old, young


def test_who_may_see_the_last_hours_gets_a_list_of_those(cast: Cast, limited: tuple[int, int]) -> None:
    begin = text_of(int(timezone.now().timestamp() * 1000) - 30 * 3_600_000)
    text = cast.api(cast.bob).get(f"{BASE}playlist.m3u8?from={begin}").content.decode()
    assert f"chunks/{limited[0]}.mp4" not in text
    assert "#EXT-X-MEDIA-SEQUENCE:3" in text
    assert "PLAYLIST-TYPE" not in text
    assert seconds(text) == 5
    assert seconds(cast.api(cast.alice).get(f"{BASE}playlist.m3u8?from={begin}").content.decode()) == 20


def test_who_may_see_the_last_hours_gets_no_older_bytes(cast: Cast, limited: tuple[int, int]) -> None:
    api, old = cast.api(cast.bob), f"{BASE}chunks/{limited[0]}.mp4"
    for asked in ("", "bytes=2000-3000", "bytes=0-", "bytes=-10"):
        answer = api.get(old, HTTP_RANGE=asked)
        assert (answer.status_code, answer.json()["code"]) == (403, "older_than_allowed")
    assert api.get(f"{BASE}chunks/{limited[1]}.mp4").status_code == 200
    assert cast.api(cast.alice).get(old).status_code == 200
