"""Uploads twice, in another order, cut short, changed on the way, never ended: one row, one file, right bytes.

Random schedules against the real doors, in this process. Each has two chunks, whose device loses count all the time.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from storage.models import Chunk
from tests.conftest import Cast
from tests.faults.campaign import Campaign, forms
from tests.faults.uploading import Shipping, Upload, forget_everything, prove, shipping
from tests.storage.footage import Device, Footage

ACTS = 7
WRONG_SUM: dict[str, Any] = {"HTTP_UPLOAD_CHECKSUM": "sha256 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}


@pytest.fixture
def device(cast: Cast, settings: Any, tmp_path: Path) -> Device:
    """A camera, and a disk that is never too small."""
    settings.UCAM_DISK_LOW_BYTES, settings.UCAM_MEDIA = 1000, tmp_path / "media"
    return Device(cast.device(cast.camera))


def repeated(ship: Shipping, upload: Upload, _: random.Random) -> None:
    """The answer was lost: the same bytes again at the same place."""
    if upload.confirmed:
        assert ship.send(upload, 0, upload.pieces[0]) in (403, 409, 410)


def reordered(ship: Shipping, upload: Upload, chance: random.Random) -> None:
    """A later fragment first."""
    number = chance.randrange(len(upload.pieces))
    offset = sum(len(piece) for piece in upload.pieces[:number])
    if offset > upload.confirmed:
        assert ship.send(upload, offset, upload.pieces[number]) in (403, 409, 410)


def truncated(ship: Shipping, upload: Upload, chance: random.Random) -> None:
    """Some of a fragment, which tus allows: the rest may follow, and never counts before it is whole."""
    piece = upload.next_piece()
    if len(piece) > 2 and not upload.closed:
        ship.send(upload, upload.confirmed, piece[: chance.randint(1, len(piece) - 1)])


def cut_body(ship: Shipping, upload: Upload, _: random.Random) -> None:
    """Cut off at a header that says less than there is: the sum is that of all."""
    piece = upload.next_piece()
    if piece and not upload.closed:
        code = ship.send(upload, upload.confirmed, piece, CONTENT_LENGTH=str(len(piece) - 1))
        assert code in (460, 410)


def corrupted(ship: Shipping, upload: Upload, _: random.Random) -> None:
    """A bit changed on the way: the sum is that of other bytes."""
    piece = upload.next_piece()
    if piece and not upload.closed:
        assert ship.send(upload, upload.confirmed, piece, **WRONG_SUM) in (460, 410)


def no_footage(ship: Shipping, upload: Upload, chance: random.Random) -> None:
    """Bytes that are no boxes of MP4, with the right sum."""
    if not upload.closed and upload.confirmed in _borders(upload):
        assert ship.send(upload, upload.confirmed, chance.randbytes(200)) in (422, 410)


def too_long(ship: Shipping, upload: Upload, _: random.Random) -> None:
    """More than there was said to be."""
    piece = upload.next_piece()
    if piece and not upload.closed:
        assert ship.send(upload, upload.confirmed, piece, 1) in (400, 413, 410)


def created_again(ship: Shipping, upload: Upload, _: random.Random) -> None:
    """A device that restarted."""
    if not ship.create(upload):
        assert upload.deleted


def asked(ship: Shipping, upload: Upload, _: random.Random) -> None:
    """HEAD."""
    ship.look(upload)


def advanced(ship: Shipping, upload: Upload, _: random.Random) -> None:
    """As it should be; this one often enough for chunks to come to their end."""
    if ship.advance(upload) == 410:
        upload.deleted = True


def deleted(ship: Shipping, _: Upload, __: random.Random) -> None:
    """Retention."""
    ship.delete()


ACTIONS = [
    repeated, reordered, truncated, cut_body, corrupted, no_footage, too_long, created_again, asked, deleted,
    *[advanced] * 10,
]  # fmt: skip


def _borders(upload: Upload) -> set[int]:
    """Offsets at which a fragment begins."""
    return {sum(len(piece) for piece in upload.pieces[:count]) for count in range(len(upload.pieces))}


def schedule(device: Device, footage: Footage, media: Path, seed: int) -> Counter[int]:
    """One schedule, then what a good device does to bring it to an end; a third of the chunks is abandoned."""
    chance = random.Random(seed)
    forget_everything()
    ship = shipping(device, footage, chance, 2, most=2)
    for _ in range(ACTS):
        upload = chance.choice(ship.uploads)
        action = chance.choice(ACTIONS) if upload.url else advanced
        action(ship, upload, chance)
    if chance.random() < 0.67:
        ship.finish()
        assert all(upload.closed or upload.deleted for upload in ship.uploads)
    prove(media, ship)
    return ship.codes


@forms("schedules", 150, 10_000)
def test_uploads(
    campaign: Campaign, device: Device, footage: Footage, tmp_path: Path, settings: Any, schedules: int
) -> None:
    codes: Counter[int] = Counter()
    for number in range(schedules):
        seed = campaign.round(number).randrange(2**32)
        print(f"round {number}, seed {seed}")
        settings.UCAM_MEDIA = tmp_path / f"media{number}"
        codes += schedule(device, footage, settings.UCAM_MEDIA, seed)
        campaign.figures["answers"] = dict(sorted(codes.items()))
    assert {204, 409, 410, 413, 422, 460} <= set(codes)


def test_without_the_check_of_sums_the_campaign_fails(
    device: Device, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.intake.check_sum", lambda header, body: None)
    with pytest.raises(AssertionError):
        sum((schedule(device, footage, tmp_path / "media", seed) for seed in range(50)), Counter())


def test_a_file_with_other_bytes_is_noticed(device: Device, footage: Footage, tmp_path: Path) -> None:
    ship = shipping(device, footage, random.Random(1), 1)
    ship.finish()
    path = tmp_path / "media" / Chunk.objects.get().path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(AssertionError):
        prove(tmp_path / "media", ship)
