"""Footage from before the clock was known goes where it belongs once a report tells the clock."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from cameras.models import Message
from storage.models import Chunk, Export, Gap, Hold
from tests.conftest import Cast
from tests.storage.footage import BOOT, TEN_O_CLOCK, TEN_O_CLOCK_MS, Device, Footage

URL = "/api/device/report/"
STALE: dict[str, Any] = {"clock": "unsynchronised", "started_ms": TEN_O_CLOCK_MS - 200 * 24 * 3600 * 1000}
# At 70 s of this boot it was ten o'clock and ten seconds.
ANCHOR: dict[str, Any] = {
    "synchronised": True,
    "offset_ms": 0,
    "boot": BOOT,
    "mono_ns": 70 * 10**9,
    "utc_ms": TEN_O_CLOCK_MS + 10_000,
}


def told(device: Device, **more: object) -> None:
    assert device.api.post(URL, {"clock": ANCHOR | more}, format="json").status_code == 200


def test_closed_chunks_of_that_boot_move_with_their_files(device: Device, footage: Footage, media: Path) -> None:
    device.ship(footage.chunk(0, 2), 1, started_mono_ns=20 * 10**9, **STALE)
    told(device)
    chunk = Chunk.objects.get()
    assert (chunk.started_ms, chunk.ended_ms) == (TEN_O_CLOCK_MS - 40_000, TEN_O_CLOCK_MS - 38_000)
    assert (chunk.clock, chunk.told_ms) == ("synchronised", STALE["started_ms"])
    assert list(media.rglob("*.mp4")) == [media / chunk.path]
    assert str(chunk.started_ms) in chunk.path
    assert (media / chunk.path).read_bytes() == footage.chunk(0, 2)


def test_a_later_report_does_not_move_them_again(device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2), 1, started_mono_ns=20 * 10**9, **STALE)
    told(device)
    told(device, utc_ms=TEN_O_CLOCK_MS + 15_000)
    assert Chunk.objects.get().started_ms == TEN_O_CLOCK_MS - 40_000


def test_open_chunks_other_boots_and_known_clocks_stay(device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2), 1, close=False, started_mono_ns=20 * 10**9, **STALE)
    device.ship(footage.chunk(0, 2), 2, boot="f" * 32, started_mono_ns=20 * 10**9, **STALE)
    device.ship(footage.chunk(0, 2), 3, started_mono_ns=90 * 10**9, started_ms=TEN_O_CLOCK_MS)
    before = dict(Chunk.objects.values_list("seq", "started_ms"))
    told(device)
    assert dict(Chunk.objects.values_list("seq", "started_ms")) == before


def test_an_instant_that_cannot_be_moves_nothing(device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 2), 1, started_mono_ns=20 * 10**9, **STALE)
    before = Chunk.objects.get().started_ms
    told(device, utc_ms=0)
    assert Chunk.objects.get().started_ms == before


def test_a_clock_that_was_right_without_knowing_it_is_taken_at_its_word(device: Device, footage: Footage) -> None:
    """The camera's gaps are told by that clock: beside them the chunk leaves no sliver that nobody knows of."""
    told_ms = TEN_O_CLOCK_MS - 40_000 - 400
    device.ship(footage.chunk(0, 2), 1, clock="unsynchronised", started_ms=told_ms, started_mono_ns=20 * 10**9)
    assert Chunk.objects.get().placed == Chunk.Placed.ARRIVAL
    told(device)
    chunk = Chunk.objects.get()
    assert (chunk.started_ms, chunk.clock) == (told_ms, "synchronised")


def test_who_held_footage_where_it_was_holds_it_where_it_goes(cast: Cast, device: Device, footage: Footage) -> None:
    """Placed by its arrival it was held as of now; it is kept where it really belongs as well, as long as the hold."""
    for seq in (1, 2, 3):
        mono_ns = (20 + 2 * seq) * 10**9
        device.ship(footage.chunk(2 * seq, 2), seq, started_mono_ns=mono_ns, **STALE)
    now = timezone.now()
    begin, end = Chunk.objects.get(seq=1).started_ms, Chunk.objects.get(seq=2).ended_ms
    hold = Hold.objects.place(cast.camera, begin - 10, end - 10, cast.alice, "police", now + timedelta(days=3))
    held = set(Chunk.objects.held(now).values_list("seq", flat=True))
    told(device)
    assert set(Chunk.objects.held(now).values_list("seq", flat=True)) >= held
    follower = Hold.objects.get(follows=hold)
    assert (follower.owner, follower.reason, follower.until) == (hold.owner, hold.reason, hold.until)
    assert hold.release(cast.alice, now)
    assert not Chunk.objects.held(now).exists()


def test_what_is_being_exported_moves_when_the_export_is_done(
    cast: Cast, device: Device, footage: Footage, media: Path
) -> None:
    device.ship(footage.chunk(0, 2), 1, started_mono_ns=20 * 10**9, **STALE)
    before = Chunk.objects.get()
    wish = {"from_ms": before.started_ms, "to_ms": before.ended_ms, "exact": False, "reason": ""}
    export = Export.objects.ask(cast.alice, [cast.camera], **wish)
    told(device)
    assert (Chunk.objects.get().path, Chunk.objects.get().started_ms) == (before.path, before.started_ms)
    assert [str(path.relative_to(media)) for path in media.rglob("*.mp4")] == [before.path]
    Export.objects.filter(pk=export.pk).update(state=Export.State.DONE)
    told(device)
    assert Chunk.objects.get().started_ms == TEN_O_CLOCK_MS - 40_000


def test_one_chunk_whose_file_is_gone_does_not_keep_the_others_where_they_are(
    device: Device, footage: Footage, media: Path
) -> None:
    for seq in (1, 2):
        device.ship(footage.chunk(0, 2), seq, started_mono_ns=seq * 20 * 10**9, **STALE)
    (media / Chunk.objects.get(seq=1).path).unlink()
    told(device)
    assert Chunk.objects.get(seq=2).started_ms == TEN_O_CLOCK_MS - 20_000


# Told by a clock that was 200 days behind, 20 s to 25 s into this boot.
EARLY: dict[str, Any] = {
    "id": "early", "boot": BOOT, "cause": "camera", "from_ms": STALE["started_ms"], "to_ms": STALE["started_ms"] + 5000,
    "from_mono_ns": 20 * 10**9, "to_mono_ns": 25 * 10**9,
}  # fmt: skip
PLACED = (TEN_O_CLOCK_MS - 40_000, TEN_O_CLOCK_MS - 35_000)


def lost(api: APIClient, *gaps: dict[str, Any]) -> None:
    assert api.post(URL, {"gaps": list(gaps)}, format="json").status_code == 200


def gaps() -> dict[str, tuple[int, int]]:
    return {gap.gap_id: (gap.from_ms, gap.to_ms) for gap in Gap.objects.all()}


def test_gaps_of_that_boot_go_where_they_belong_once(device: Device) -> None:
    lost(device.api, EARLY)
    assert gaps()["early"][0] == EARLY["from_ms"]
    for later_ms in (0, 5000):
        told(device, utc_ms=ANCHOR["utc_ms"] + later_ms)
        lost(device.api, EARLY)  # the answer was lost
        assert gaps() == {"early": PLACED}


def test_an_end_in_an_earlier_boot_stays(device: Device) -> None:
    since_ms = TEN_O_CLOCK_MS - 3_600_000
    lost(device.api, EARLY | {"cause": "power", "from_ms": since_ms, "to_ms": since_ms + 1, "from_mono_ns": None})
    told(device)
    assert gaps() == {"early": (since_ms, PLACED[1])}


def test_a_gap_by_a_clock_that_was_right_without_knowing_it_stays(device: Device) -> None:
    near = (PLACED[0] - 400, PLACED[1] - 400)
    lost(device.api, EARLY | {"from_ms": near[0], "to_ms": near[1]})
    told(device)
    assert gaps() == {"early": near}


def test_gaps_of_others_and_those_that_were_right_stay(cast: Cast, device: Device) -> None:
    known = {key: value for key, value in EARLY.items() if "mono" not in key}
    lost(
        device.api,
        known | {"id": "known"},
        EARLY | {"id": "other-boot", "boot": "f" * 32},
        EARLY | {"id": "no-boot", "boot": ""},
    )
    lost(cast.device(cast.foreign), EARLY | {"id": "other-camera"})
    Gap.objects.create(camera=cast.camera, gap_id="storage:1", boot=BOOT, cause="storage", from_ms=1, to_ms=2)
    before = gaps()
    told(device)
    assert gaps() == before


def test_nothing_moves_to_an_instant_that_cannot_be(device: Device) -> None:
    lost(device.api, EARLY, EARLY | {"id": "rogue", "from_mono_ns": 2**62, "to_mono_ns": 2**62})
    before = gaps()
    told(device, utc_ms=0)
    assert gaps() == before
    told(device)
    assert gaps() == before | {"early": PLACED}


def test_the_room_hears_of_it_when_it_is_in_its_place(cast: Cast, device: Device) -> None:
    lost(device.api, EARLY)
    assert not Message.objects.exists()
    told(device)
    (message,) = Message.objects.all()
    assert message.at == TEN_O_CLOCK - timedelta(seconds=40)
