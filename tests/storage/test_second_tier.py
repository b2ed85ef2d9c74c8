"""Finished footage moves to a second tier, a folder or a bucket, and everything goes on as before."""

import hashlib
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from moto.server import ThreadedMotoServer

from cameras.models import Alert
from storage import moving, retention
from storage.errors import SecondTierAway
from storage.models import Chunk, Export, Gap, Hold, Installation, Move, Total
from storage.models.chunk import ms_of
from storage.moving import move_due, tell_pass, tell_reached
from storage.tasks import make_exports
from storage.tier import names, reached_tier
from storage.volume import Volume
from tests.conftest import Cast
from tests.storage.footage import Device, Footage
from ucam.environment import second_tier as entry_of

DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def access(s3: str) -> dict[str, str]:
    return {"endpoint_url": s3, "region_name": "us-east-1", "access_key": "test", "secret_key": "test"}


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, access: dict[str, str], settings: Any) -> str:
    """A second tier of each kind, empty; footage moves there after two days."""
    if request.param == "folder":
        (tmp_path / "second").mkdir()
        return str(tmp_path / "second")
    name = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:20]
    client_of(access).create_bucket(Bucket=name)
    return f"s3://{name}/shop"


@pytest.fixture
def tier(place: str, access: dict[str, str], db: None, settings: Any) -> None:
    set_up(settings, place, access)


def set_up(settings: Any, place: str, access: dict[str, str]) -> None:
    settings.STORAGES = settings.STORAGES | entry_of(place, **access)
    Installation.objects.this()
    Installation.objects.update(move_after_days=2)


def client_of(access: dict[str, str]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=access["endpoint_url"],
        region_name=access["region_name"],
        aws_access_key_id=access["access_key"],
        aws_secret_access_key=access["secret_key"],
    )


@pytest.fixture
def three(device: Device, footage: Footage) -> list[Chunk]:
    """Chunks of five seconds: three days old, two and a half, one."""
    return ship_three(device, footage)


def ship_three(device: Device, footage: Footage) -> list[Chunk]:
    now = ms_of(timezone.now())
    for seq, days in enumerate((3.0, 2.5, 1.0), 1):
        device.ship(footage.chunk(5 * (seq - 1), 5), seq, started_ms=now - int(days * DAY_MS))
    return list(Chunk.objects.order_by("seq"))


def files(media: Path) -> list[str]:
    return sorted(str(path.relative_to(media)) for path in media.rglob("*.mp4"))


def sound() -> None:
    """check_storage finds nothing."""
    call_command("check_storage")


def moved() -> list[int]:
    return list(Chunk.objects.exclude(moved_at=None).order_by("seq").values_list("seq", flat=True))


def body(response: Any) -> bytes:
    async def read() -> bytes:
        return b"".join([piece async for piece in response])

    return async_to_sync(read)()


def test_old_chunks_move_and_the_young_stay(tier: None, three: list[Chunk], media: Path) -> None:
    assert move_due(timezone.now(), 60) == 2
    assert moved() == [1, 2]
    assert files(media) == [three[2].path]
    assert sorted(names(reached_tier())) == sorted(chunk.path for chunk in three[:2])
    total = Total.objects.get()
    assert (total.bytes, total.moved_bytes) == (sum(c.bytes for c in three), three[0].bytes + three[1].bytes)
    assert not Move.objects.exists()
    assert move_due(timezone.now(), 60) == 0
    sound()


def test_moved_footage_plays_by_range_and_shows_stills(
    tier: None, cast: Cast, three: list[Chunk], footage: Footage
) -> None:
    move_due(timezone.now(), 60)
    content = footage.chunk(0, 5)
    bob = cast.api(cast.bob)
    address = f"/api/cameras/cam001@studio.loc/chunks/{three[0].pk}.mp4"
    assert body(bob.get(address)) == content
    part = bob.get(address, HTTP_RANGE="bytes=700-1999")
    assert (part.status_code, body(part)) == (206, content[700:2000])
    still = bob.get("/api/cameras/cam001@studio.loc/snapshot.jpg", {"at": three[0].started_at.isoformat()})
    assert still.content.startswith(b"\xff\xd8")
    spans = bob.get(
        "/api/cameras/cam001@studio.loc/coverage/",
        {"from": three[0].started_at.isoformat(), "to": three[0].ended_at.isoformat()},
    ).json()["spans"]
    assert [span["state"] for span in spans] == ["stored"]


def test_moved_footage_is_exported(
    tier: None, cast: Cast, three: list[Chunk], settings: Any, tmp_path: Path, worker_in_this_process: None
) -> None:
    settings.UCAM_EXPORTS = tmp_path / "exports"
    move_due(timezone.now(), 60)
    wish = {"from_ms": three[0].started_ms, "to_ms": three[0].ended_ms, "exact": False, "reason": ""}
    export = Export.objects.ask(cast.alice, [cast.camera], **wish)
    make_exports()
    export.refresh_from_db()
    assert (export.state, export.file.stat().st_size) == ("done", export.bytes)
    assert export.bytes
    assert export.bytes > three[0].bytes * 0.9


def test_retention_deletes_from_both(tier: None, cast: Cast, three: list[Chunk], media: Path) -> None:
    move_due(timezone.now(), 60)
    until, span = timezone.now() + timedelta(days=1), (three[1].started_ms, three[1].ended_ms)
    Hold.objects.place(cast.camera, *span, owner=cast.alice, reason="police", until=until)
    cast.camera.max_bytes = 1
    cast.camera.save()
    retention.enforce(timezone.now())
    assert moved() == [2]
    assert list(names(reached_tier())) == [three[1].path]
    assert files(media) == []
    assert Total.objects.get().moved_bytes == three[1].bytes
    sound()


def test_a_clock_that_becomes_known_places_moved_chunks_too(
    tier: None, cast: Cast, device: Device, footage: Footage
) -> None:
    now = ms_of(timezone.now())
    device.ship(footage.chunk(0, 5), 1, clock="unsynchronised", started_ms=0, started_mono_ns=10**9)
    Chunk.objects.update(started_ms=now - 4 * DAY_MS, ended_ms=now - 4 * DAY_MS + 5000)
    assert move_due(timezone.now(), 60) == 1
    clock = {"boot": Chunk.objects.get().boot, "mono_ns": 10**9, "utc_ms": now - 5 * DAY_MS}
    told = {"gaps": [], "clock": {"synchronised": True, **clock}}
    assert device.api.post("/api/device/report/", told).status_code == 200
    chunk = Chunk.objects.get()
    assert (chunk.started_ms, chunk.moved_at) == (now - 5 * DAY_MS, None)
    assert move_due(timezone.now(), 60) == 1
    sound()


def test_a_moved_file_that_is_gone_does_not_keep_a_camera_from_telling_its_gaps(
    tier: None, device: Device, footage: Footage
) -> None:
    now = ms_of(timezone.now())
    device.ship(footage.chunk(0, 5), 1, clock="unsynchronised", started_ms=0, started_mono_ns=10**9)
    Chunk.objects.update(started_ms=now - 4 * DAY_MS, ended_ms=now - 4 * DAY_MS + 5000)
    assert move_due(timezone.now(), 60) == 1
    reached_tier().delete(Chunk.objects.get().path)
    clock = {"boot": Chunk.objects.get().boot, "mono_ns": 10**9, "utc_ms": now - 5 * DAY_MS}
    gap = {"id": "one", "cause": "power", "from_ms": now - 1000, "to_ms": now}
    told = {"gaps": [gap], "clock": {"synchronised": True, **clock}}
    answer = device.api.post("/api/device/report/", told, format="json")
    assert (answer.status_code, answer.json()) == (200, {"accepted": ["one"]})


def test_of_two_files_the_right_one_stays(tier: None, three: list[Chunk], media: Path, capsys: Any) -> None:
    content = (media / three[0].path).read_bytes()
    move_due(timezone.now(), 60)
    (media / three[0].path).parent.mkdir(parents=True, exist_ok=True)
    (media / three[0].path).write_bytes(content)  # of an older copy of the disk
    reached_tier().save(three[0].path, ContentFile(content[:-1] + bytes([content[-1] ^ 1])))
    with pytest.raises(CommandError):
        call_command("check_storage", "--repair")
    assert "file_twice: " in capsys.readouterr().out
    assert (media / three[0].path).read_bytes() == content
    reached_tier().save(three[0].path, ContentFile(content))
    call_command("check_storage", "--repair")
    assert not (media / three[0].path).exists()
    sound()


def test_a_copy_that_holds_more_than_the_first_disk_is_kept(
    tier: None, three: list[Chunk], media: Path, capsys: Any
) -> None:
    reached_tier().prove()
    content = (media / three[2].path).read_bytes()
    reached_tier().save(three[2].path, ContentFile(content))
    os.truncate(media / three[2].path, len(content) - 10)
    with pytest.raises(CommandError):
        call_command("check_storage", "--repair")
    assert "file_twice: " in capsys.readouterr().out
    assert reached_tier().size(three[2].path) == len(content)


def test_a_camera_goes_on_with_a_chunk_that_was_given_up_and_moved(
    tier: None, cast: Cast, device: Device, footage: Footage
) -> None:
    begun = ms_of(timezone.now()) - 5 * DAY_MS
    address = device.ship(footage.chunk(0, 5), 1, close=False, started_ms=begun)
    Chunk.objects.update(appended_at=timezone.now() - timedelta(days=3))
    retention.enforce(timezone.now())
    assert move_due(timezone.now(), 60) == 1
    rest = footage.chunk(5, 5)[len(footage.init) :]
    offset = len(footage.chunk(0, 5))
    assert device.patch(address, offset, rest, offset + len(rest)).status_code == 204
    assert Chunk.objects.get().moved_at is None
    assert list(names(reached_tier())) == []
    assert move_due(timezone.now(), 60) == 1
    sound()
    assert device.patch(address, offset + len(rest), b"", offset + len(rest)).status_code == 204
    assert device.patch(address, offset + len(rest), b"x").status_code == 403


def test_rows_are_rebuilt_from_the_second_tier_alone(tier: None, three: list[Chunk], capsys: Any) -> None:
    move_due(timezone.now(), 60)
    before = Chunk.objects.values("seq", "started_ms", "ended_ms", "bytes", "sha256", "fragments").get(seq=1)
    Chunk.objects.filter(seq=1).delete()
    with pytest.raises(CommandError):
        call_command("check_storage")
    call_command("check_storage", "--repair")
    assert Chunk.objects.values(*before).get(seq=1) == before
    sound()


def test_a_database_that_is_older_than_the_files_finds_them(tier: None, three: list[Chunk]) -> None:
    move_due(timezone.now(), 60)
    Chunk.objects.filter(seq=1).update(moved_at=None, sha256="")
    call_command("check_storage", "--repair")
    assert moved() == [1, 2]
    sound()


def test_a_database_that_was_copied_in_the_middle_of_a_move_costs_no_footage(
    tier: None, cast: Cast, three: list[Chunk]
) -> None:
    """Its journal names a move, its row the first tier; but the move was completed after the backup."""
    move_due(timezone.now(), 60)
    Chunk.objects.filter(seq=1).update(moved_at=None, sha256="")
    Move.objects.create(path=three[0].path)
    call_command("check_storage", "--repair")
    assert moved() == [1, 2]
    assert body(cast.api(cast.bob).get(f"/api/cameras/cam001@studio.loc/chunks/{three[0].pk}.mp4"))
    assert not Move.objects.exists()
    sound()


def test_what_is_wrong_on_the_second_tier_is_told(tier: None, three: list[Chunk], capsys: Any) -> None:
    move_due(timezone.now(), 60)
    content = reached_tier().reader(three[0].path).read_at(0, three[0].bytes)
    reached_tier().save(three[0].path, ContentFile(content[:-1] + bytes([content[-1] ^ 1])))
    reached_tier().delete(three[1].path)
    reached_tier().save(three[2].path, ContentFile(b"a copy"))
    reached_tier().save("notes.txt", ContentFile(b"hello"))
    with pytest.raises(CommandError):
        call_command("check_storage")
    out = capsys.readouterr().out
    for code in ("moved_file_wrong", "file_missing", "file_twice", "file_foreign"):
        assert out.count(code) == 1
    with pytest.raises(CommandError):
        call_command("check_storage", "--repair")
    assert Gap.objects.get().detail == "The file was missing on storage."
    capsys.readouterr()
    reached_tier().delete("notes.txt")
    call_command("check_storage", "--sizes-only")
    with pytest.raises(CommandError):  # what was changed stays told: nobody knows the right bytes
        call_command("check_storage")


def test_footage_moves_early_when_the_first_disk_gets_full(
    tier: None, three: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    Installation.objects.update(move_after_days=300)
    assert move_due(timezone.now(), 60) == 0
    monkeypatch.setattr(Volume, "free_bytes", lambda self: 1 if Chunk.objects.movable().count() > 1 else 10**9)
    assert move_due(timezone.now(), 60) == 2
    assert moved() == [1, 2]


def test_a_copy_that_is_not_the_same_costs_nothing(
    tier: None, three: list[Chunk], media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = type(reached_tier()).save

    def save(self: Any, name: str, content: Any) -> str:
        return really(self, name, ContentFile(content.read()[:-1] + b"?") if name.endswith(".mp4") else content)

    monkeypatch.setattr(type(reached_tier()), "save", save)
    assert tell_pass(timezone.now(), 60) == 0
    assert "other bytes" in Alert.objects.open().get(kind="moving_failed").text
    assert (moved(), len(files(media))) == ([], 3)
    monkeypatch.undo()
    assert tell_pass(timezone.now(), 60) == 2
    assert not Alert.objects.open().exists()
    sound()


def put_back(place: str) -> None:
    shutil.rmtree(place)
    os.rename(f"{place}.away", place)


def vanish(place: str, access: dict[str, str]) -> Any:
    """Take the second tier away; what brings it back."""
    if not place.startswith("s3:"):
        os.rename(place, f"{place}.away")
        os.mkdir(place)  # where a disk was mounted there is an empty folder
        return partial(put_back, place)
    client, bucket = client_of(access), place.split("/")[2]
    kept = {}
    for one in client.list_objects_v2(Bucket=bucket)["Contents"]:
        kept[one["Key"]] = client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
        client.delete_object(Bucket=bucket, Key=one["Key"])
    client.delete_bucket(Bucket=bucket)

    def bring() -> None:
        client.create_bucket(Bucket=bucket)
        for key, content in kept.items():
            client.put_object(Bucket=bucket, Key=key, Body=content)

    return bring


def test_losing_it_never_stops_recording_and_is_told(
    tier: None, cast: Cast, device: Device, three: list[Chunk], footage: Footage, media: Path, place: str,
    access: dict[str, str],
) -> None:  # fmt: skip
    move_due(timezone.now(), 60)
    assert tell_reached()
    bring = vanish(place, access)
    assert not tell_reached()
    assert "Recording goes on" in Alert.objects.open().get(kind="second_tier_away").text
    device.ship(footage.chunk(0, 5), 9)
    bob = cast.api(cast.bob)
    answer = bob.get(f"/api/cameras/cam001@studio.loc/chunks/{three[0].pk}.mp4")
    assert (answer.status_code, answer.json()["code"]) == (503, "second_tier_away")
    assert bob.get(f"/api/cameras/cam001@studio.loc/chunks/{three[2].pk}.mp4").status_code == 200
    cast.camera.max_bytes = 1
    cast.camera.save()
    retention.enforce(timezone.now())
    assert (moved(), files(media)) == ([1, 2], [])
    with pytest.raises(CommandError):
        call_command("check_storage", "--repair")
    assert moved() == [1, 2]
    bring()
    assert tell_reached()
    assert not Alert.objects.open().filter(kind="second_tier_away").exists()
    assert bob.get(f"/api/cameras/cam001@studio.loc/chunks/{three[0].pk}.mp4").status_code == 200
    retention.enforce(timezone.now())
    assert moved() == []
    sound()


def test_one_that_deletes_nothing_does_not_stop_the_first_from_being_emptied(
    tier: None, cast: Cast, three: list[Chunk], media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials without the right to delete, a bucket with a lock: it is there, and every deletion is refused."""
    move_due(timezone.now(), 60)

    def refuse(self: Any, name: str) -> None:
        raise SecondTierAway("The second storage refuses: Access Denied.")

    monkeypatch.setattr(type(reached_tier()), "delete", refuse)
    cast.camera.max_bytes = 1
    cast.camera.save()
    for _ in range(2):  # also when the pass before has left chunks marked
        retention.enforce(timezone.now())
    assert (moved(), files(media)) == ([1, 2], [])
    assert Installation.objects.this().retention_at is not None
    monkeypatch.undo()
    retention.enforce(timezone.now())
    assert moved() == []
    sound()


def test_one_of_another_installation_is_refused(tier: None, three: list[Chunk], place: str) -> None:
    reached_tier().prove()
    reached_tier().save(".ucam-storage", ContentFile(b"ffffffff-0000-0000-0000-000000000000"))
    with pytest.raises(SecondTierAway):
        move_due(timezone.now(), 60)
    call_command("check_storage", "--adopt-second-tier")
    assert move_due(timezone.now(), 60) == 2


STEPS = ["_prove_copy", "_change", "_settle", "nothing"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_a_move_that_is_killed_anywhere_is_settled(
    lasting_cast: Cast, footage: Footage, media: Path, settings: Any, place: str, access: dict[str, str], step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """By SIGKILL, before that step; "nothing": between the row and the end of the journal's line."""
    set_up(settings, place, access)
    three = ship_three(Device(lasting_cast.device(lasting_cast.camera)), footage)
    with Volume():
        pass  # marked before the fork
    connections.close_all()
    child = os.fork()
    if child == 0:
        _killed_at(step)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert Move.objects.count() == 1
    assert body(lasting_cast.api(lasting_cast.bob).get(f"/api/cameras/cam001@studio.loc/chunks/{three[0].pk}.mp4"))
    assert move_due(timezone.now(), 60) == (2 if step in STEPS[:2] else 1)
    assert moved() == [1, 2]
    assert files(media) == [three[2].path]
    assert sorted(names(reached_tier())) == sorted(chunk.path for chunk in three[:2])
    sound()


def _killed_at(step: str) -> None:
    """A pass that dies there."""

    def die(*args: Any, **kwargs: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    try:
        if step == "nothing":
            Volume.sync_folder = die  # type: ignore[method-assign]
        else:
            setattr(moving, step, die)
        move_due(timezone.now(), 60)
    finally:
        os._exit(1)
