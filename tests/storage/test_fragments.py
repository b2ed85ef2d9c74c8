"""Fragments by the door behind nginx: the same answers, though it asks the database far less often."""

import base64
import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connections
from django.utils import timezone

from cameras.models import DeviceToken
from storage import confirm, fragments, ingest
from storage.check import check
from storage.errors import StorageFailing
from storage.fragments import Answer, Door
from storage.growth import Growth
from storage.models import Chunk, Total
from storage.pace import Pace
from storage.volume import MARKER, Volume
from tests.conftest import Cast
from tests.storage.footage import BOOT, TEN_O_CLOCK_MS, Device, Footage


class Front:
    """A camera whose fragments nginx has written to files."""

    def __init__(self, cast: Cast, folder: Path) -> None:
        self.door, self.folder, self.name, self.sent = Door(), folder, "", 0
        self.token = DeviceToken.objects.issue(cast.camera)
        self.device = Device(cast.device(cast.camera))

    def begin(self, seq: int = 1) -> None:
        """A new chunk."""
        self.name, self.sent = self.device.create(seq)["Location"].rpartition("/")[2], 0

    def meta(self, body: bytes, length: int | None = None, **more: str) -> dict[str, str]:
        """What nginx tells of a PATCH."""
        path = self.folder / "body"
        path.write_bytes(body)
        told = {} if length is None else {"HTTP_UPLOAD_LENGTH": str(length)}
        return {
            "UCAM_PATH": f"/api/device/chunks/{self.name}", "UCAM_BODY": str(path) if body else "",
            "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/offset+octet-stream",
            "HTTP_AUTHORIZATION": f"Bearer {self.token}", "HTTP_TUS_RESUMABLE": "1.0.0",
            "HTTP_UPLOAD_OFFSET": str(self.sent),
            "HTTP_UPLOAD_CHECKSUM": f"sha256 {base64.b64encode(hashlib.sha256(body).digest()).decode()}",
            **told, **more,
        }  # fmt: skip

    def patch(self, body: bytes, length: int | None = None, **more: str) -> Answer:
        """The next bytes."""
        answer = self.door.take(self.meta(body, length, **more))
        if answer.status == 204:
            self.sent = int(answer.headers["Upload-Offset"])
        return answer

    def create(self, **more: str) -> Answer:
        """A new chunk, by this door."""
        facts = {"boot": BOOT, "seq": "9", "run": "1", "started_ms": str(TEN_O_CLOCK_MS), "started_mono_ns": "1"}
        facts |= {"clock": "synchronised"}
        pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in facts.items())
        meta = {
            "UCAM_METHOD": "POST", "UCAM_PATH": "/api/device/chunks/", "HTTP_AUTHORIZATION": f"Bearer {self.token}",
            "HTTP_TUS_RESUMABLE": "1.0.0", "HTTP_UPLOAD_DEFER_LENGTH": "1", "HTTP_UPLOAD_METADATA": pairs,
        }  # fmt: skip
        return self.door.take({**meta, **more})


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, json.loads(answer.body)["code"]


@pytest.fixture
def front(cast: Cast, tmp_path: Path) -> Front:
    return Front(cast, tmp_path)


def test_a_chunk_is_stored_and_closed(front: Front, footage: Footage, media: Path) -> None:
    front.begin()
    for number in range(4):
        assert front.patch(footage.chunk(0, 1) if not number else footage.fragments[number]).status == 204
    assert front.patch(b"", length=front.sent).status == 204
    chunk = Chunk.objects.get()
    assert (media / chunk.path).read_bytes() == footage.chunk(0, 4)
    assert (chunk.state, chunk.bytes, chunk.frames) == ("closed", len(footage.chunk(0, 4)), 40)
    assert (Total.objects.get().bytes, Total.objects.get().ms) == (chunk.bytes, 4000)
    assert front.patch(b"", length=front.sent).status == 204, "its answer may have been lost"
    with Volume() as volume:
        assert list(check(volume, repair=False)) == []


def test_a_chunk_begins_once_however_often_it_is_asked_for(front: Front, footage: Footage, media: Path) -> None:
    first, again = front.create(), front.create()
    assert (first.status, first.headers) == (again.status, again.headers)
    assert first.headers == {
        "Location": f"/api/device/chunks/{BOOT}-9",
        "Upload-Offset": "0",
        "Upload-Defer-Length": "1",
    }
    assert (media / Chunk.objects.get().path).stat().st_size == 0
    front.name = f"{BOOT}-9"
    assert front.patch(footage.chunk(0, 2)).status == 204
    assert front.create().headers["Upload-Offset"] == str(front.sent)
    assert Total.objects.get().chunks == 1


def test_a_chunk_that_may_not_begin_gets_its_words(front: Front, media: Path) -> None:
    assert refusal(front.create(HTTP_AUTHORIZATION="")) == (401, "token_invalid")
    assert refusal(front.create(HTTP_TUS_RESUMABLE="0.2")) == (412, "tus_version")
    assert refusal(front.create(HTTP_UPLOAD_DEFER_LENGTH="")) == (400, "header_invalid")
    assert refusal(front.create(HTTP_UPLOAD_METADATA="boot !")) == (400, "metadata_invalid")
    assert refusal(front.create(HTTP_UPLOAD_LENGTH=str(3 * 2**30))) == (413, "too_large")
    DeviceToken.objects.revoke(timezone.now())
    assert refusal(front.create()) == (401, "token_invalid")
    assert not Chunk.objects.exists()
    assert list(media.rglob("*.mp4")) == []


def test_a_fragment_costs_few_queries(
    front: Front, footage: Footage, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "PACE", Pace())  # which asks for its alert now and then, whatever came before
    front.begin()
    front.patch(footage.chunk(0, 1))
    with django_assert_max_num_queries(5):  # chunk, totals, newest; the test's transaction adds a savepoint
        assert front.patch(footage.fragments[1]).status == 204


def test_a_token_that_is_revoked_meanwhile_adds_nothing(front: Front, footage: Footage, media: Path) -> None:
    front.begin()
    front.patch(footage.chunk(0, 1))
    DeviceToken.objects.revoke(timezone.now())
    assert refusal(front.patch(footage.fragments[1])) == (401, "token_invalid")
    chunk = Chunk.objects.get()
    assert (media / chunk.path).read_bytes() == footage.chunk(0, 1)
    assert chunk.bytes == front.sent == Total.objects.get().bytes
    assert refusal(front.patch(footage.fragments[1])) == (401, "token_invalid")


def test_what_another_process_changed_is_noticed(front: Front, footage: Footage, media: Path) -> None:
    front.begin()
    front.patch(footage.chunk(0, 1))
    url = f"/api/device/chunks/{front.name}"
    assert front.device.patch(url, front.sent, footage.fragments[1]).status_code == 204
    assert refusal(front.patch(footage.fragments[2])) == (409, "offset_wrong")
    front.sent = int(front.device.head(url)["Upload-Offset"])
    assert front.patch(footage.fragments[2]).status == 204
    assert (media / Chunk.objects.get().path).read_bytes() == footage.chunk(0, 3)


def test_a_row_that_was_changed_is_not_overwritten(front: Front, footage: Footage) -> None:
    front.begin()
    front.patch(footage.chunk(0, 1))
    Chunk.objects.update(state=Chunk.State.DELETING)
    assert refusal(front.patch(footage.fragments[1])) == (410, "chunk_deleted")
    assert Chunk.objects.get().bytes == front.sent


def test_another_disk_is_noticed_at_once(front: Front, footage: Footage, media: Path) -> None:
    front.begin()
    front.patch(footage.chunk(0, 1))
    (media / MARKER).write_text("00000000-0000-0000-0000-000000000000\n")
    answer = front.patch(footage.fragments[1])
    assert refusal(answer) == (503, "storage_wrong_disk")
    assert answer.headers["Retry-After"] == "10"


def test_the_day_is_counted_without_asking(front: Front, footage: Footage, settings: Any) -> None:
    front.begin()
    first, second = footage.chunk(0, 1), footage.fragments[1]
    settings.UCAM_CAMERA_DAY_BYTES = len(first) + len(second)
    assert front.patch(first).status == 204
    assert front.patch(second).status == 204
    assert refusal(front.patch(footage.fragments[2])) == (429, "upload_quota")
    assert Chunk.objects.get().bytes == len(first) + len(second)


def test_wrong_requests_get_their_words(front: Front, footage: Footage) -> None:
    front.begin()
    body = footage.chunk(0, 1)
    assert refusal(front.patch(body, HTTP_AUTHORIZATION="")) == (401, "token_invalid")
    assert refusal(front.patch(body, HTTP_AUTHORIZATION="Bearer nothing")) == (401, "token_invalid")
    assert refusal(front.patch(body, HTTP_TUS_RESUMABLE="0.2")) == (412, "tus_version")
    assert refusal(front.patch(body, UCAM_PATH="/api/device/chunks/../x")) == (404, "not_found")
    assert refusal(front.patch(body, CONTENT_TYPE="text/html")) == (415, "unsupported_media_type")
    assert refusal(front.patch(body, CONTENT_LENGTH=str(9 * 2**20))) == (413, "too_large")
    assert refusal(front.patch(body, CONTENT_LENGTH=str(len(body) + 1))) == (400, "header_invalid")
    assert refusal(front.patch(body, HTTP_UPLOAD_CHECKSUM="sha256 AAAA")) == (460, "checksum_wrong")
    assert refusal(front.patch(b"<html>" * 100)) == (422, "not_fragmented_mp4")
    meta = front.meta(body)
    del meta["CONTENT_LENGTH"]
    assert refusal(front.door.take(meta)) == (411, "length_required")
    assert Chunk.objects.get().bytes == 0


def test_a_database_that_fails_confirms_nothing(
    front: Front, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.begin()
    front.patch(footage.chunk(0, 1))
    real = confirm._write
    failures = iter([DatabaseError("locked"), DatabaseError("locked")])

    def fails_twice(change: confirm.Change) -> Exception | None:
        for error in failures:
            raise error
        return real(change)

    monkeypatch.setattr(confirm, "_write", fails_twice)
    assert refusal(front.patch(footage.fragments[1])) == (503, "storage_failing")
    assert front.patch(footage.fragments[1]).status == 204
    assert Chunk.objects.get().bytes == len(footage.chunk(0, 2)) == Total.objects.get().bytes


def test_what_breaks_the_turn_confirms_none_of_those_who_wait(
    front: Front, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    front.begin()
    front.patch(footage.chunk(0, 1))

    def breaks(change: confirm.Change) -> Exception | None:
        raise MemoryError

    monkeypatch.setattr(confirm, "_write", breaks)
    changes = [_change() for _ in range(3)]
    with pytest.raises(MemoryError):
        confirm._write_together(changes)
    for change in changes:
        assert change.answered.is_set()
        assert isinstance(change.error, StorageFailing)


def _change() -> confirm.Change:
    """Bytes that are durable and wait for their row."""
    chunk = Chunk.objects.get()
    growth = Growth(**{name: getattr(chunk, name) for name in Growth.__slots__})
    return confirm.Change(chunk, growth, 100, None, timezone.now())


@pytest.fixture
def listening(lasting_cast: Cast, tmp_path: Path) -> Iterator[tuple[Front, socket.socket]]:
    """The door's threads on a socket, with real transactions."""
    front = Front(lasting_cast, tmp_path)
    with fragments.listening(tmp_path / "s") as listener:
        threads = [threading.Thread(target=fragments._work, args=(listener, front.door)) for _ in range(4)]
        for thread in threads:
            thread.start()
        yield front, listener
        listener.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()


def say(listener: socket.socket, meta: dict[str, str], cut: int = 7) -> bytes:
    """The answer to a request that comes in two pieces."""
    told = {"CONTENT_LENGTH": "0", "SCGI": "1", **meta, "UCAM_LENGTH": meta.get("CONTENT_LENGTH", "")}
    words = "".join(f"{key}\0{value}\0" for key, value in told.items()).encode()
    request = b"%d:%b," % (len(words), words)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(listener.getsockname())
        client.sendall(request[:cut])
        client.sendall(request[cut:])
        return b"".join(iter(lambda: client.recv(4096), b""))


def test_it_speaks_scgi(listening: tuple[Front, socket.socket], footage: Footage) -> None:
    front, listener = listening
    front.begin()
    answer = say(listener, front.meta(footage.chunk(0, 1)))
    assert answer.startswith(b"Status: 204\r\nTus-Resumable: 1.0.0\r\n")
    assert f"Upload-Offset: {len(footage.chunk(0, 1))}\r\n".encode() in answer
    refused = say(listener, front.meta(footage.chunk(0, 1)))
    assert refused.startswith(b"Status: 409\r\n")
    assert b"Content-Type: application/json\r\n" in refused
    assert json.loads(refused.partition(b"\r\n\r\n")[2])["code"] == "offset_wrong"


def test_what_is_no_request_gets_no_answer_and_the_next_one_does(
    listening: tuple[Front, socket.socket], footage: Footage
) -> None:
    front, listener = listening
    for nothing in (b"", b"GET / HTTP/1.0\r\n\r\n:", b"99999999:", b"5:ab", *[b"9" * 5000 + b":"] * 4):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(listener.getsockname())
            client.sendall(nothing)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(100) == b""
    front.begin()
    assert say(listener, front.meta(footage.chunk(0, 1))).startswith(b"Status: 204\r\n")


def test_fragments_at_once_are_confirmed_each_for_itself(
    listening: tuple[Front, socket.socket], lasting_cast: Cast, footage: Footage, tmp_path: Path
) -> None:
    _, listener = listening
    fronts = []
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        fronts.append(Front(lasting_cast, folder))
        fronts[-1].begin(number + 1)
    gone = DeviceToken.objects.issue(lasting_cast.camera)
    DeviceToken.objects.filter(pk=DeviceToken.objects.holder(gone).pk).revoke(timezone.now())  # type: ignore[union-attr]
    answers: dict[int, bytes] = {}

    def ship(number: int) -> None:
        token = gone if number == 5 else fronts[number].token
        meta = fronts[number].meta(footage.chunk(0, 2), HTTP_AUTHORIZATION=f"Bearer {token}")
        answers[number] = say(listener, meta)
        connections.close_all()

    threads = [threading.Thread(target=ship, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [answers[number][8:11] for number in range(6)] == [b"204"] * 5 + [b"401"]
    assert Total.objects.get().bytes == 5 * len(footage.chunk(0, 2))
