"""Exports: a range as one MP4, several parts as a zip that proves itself; who may, cancelling, the end."""

import asyncio
import hashlib
import io
import json
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from django.utils.translation import override

from accounts.models import AuditEntry
from cameras.models import Membership
from storage import export, retention
from storage.export_words import words_of
from storage.models import Chunk, Export
from storage.range import text_of
from storage.tasks import make_exports
from tests.conftest import Cast
from tests.storage.footage import TEN_O_CLOCK_MS, Device, Footage, make_footage

EXPORTS = "/api/exports/"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """Where exports lie."""
    settings.UCAM_EXPORTS = tmp_path / "exports"
    return tmp_path / "exports"


@pytest.fixture
def taker(cast: Cast, folder: Path) -> Cast:
    """The cast, with bob allowed to export."""
    Membership.objects.update(may_export=True)
    return cast


def wish(from_s: float, to_s: float, **more: Any) -> dict[str, Any]:
    begin, end = (text_of(TEN_O_CLOCK_MS + int(second * 1000)) for second in (from_s, to_s))
    return {"cameras": ["cam001@studio.loc"], "from": begin, "to": end} | more


def ask(cast: Cast, from_s: float, to_s: float, **more: Any) -> str:
    answer = cast.api(cast.bob).post(EXPORTS, wish(from_s, to_s, **more))
    assert answer.status_code == 202, answer.content
    return f"{EXPORTS}{answer.json()['id']}/"


def fetch(cast: Cast, url: str) -> tuple[bytes, dict[str, Any]]:
    """The finished file by its link, without a header, and what is told of it."""
    told = cast.api(cast.bob).get(url).json()
    assert told["state"] == "done", told
    answer: Any = cast.api(None).get(told["download"])
    assert answer.status_code == 200

    async def pieces() -> bytes:
        return b"".join([piece async for piece in answer])

    content = asyncio.run(pieces())
    assert answer["Content-Disposition"] == f'attachment; filename="{told["name"]}"'
    assert answer["Content-Length"] == str(len(content)) == str(told["bytes"])
    assert hashlib.sha256(content).hexdigest() == told["sha256"]
    return content, told


def probe(content: bytes, path: Path) -> dict[str, Any]:
    """What ffprobe says, having decoded every frame; any word on stderr is an error."""
    path.write_bytes(content)
    arguments = ["ffprobe", "-v", "warning", "-count_frames", "-show_format", "-show_streams", "-of", "json", str(path)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def shown(content: bytes, path: Path) -> tuple[float, int]:
    """(duration in seconds, frames)."""
    facts = probe(content, path)
    video = next(stream for stream in facts["streams"] if stream["codec_type"] == "video")
    return float(facts["format"]["duration"]), int(video["nb_read_frames"])


@pytest.mark.parametrize(
    ("english", "german"),
    [
        ("Copying file 2 of 3: Hof.", "Kopiert Datei 2 von 3: Hof."),
        ("Waits for its turn.", "Wartet, bis es an der Reihe ist."),
        (
            "Nothing is stored for this time. Choose another time; the timeline shows what there is.",
            "Für diese Zeit ist nichts gespeichert. Wählen Sie eine andere Zeit; die Zeitleiste zeigt, was es gibt.",
        ),
        ("Of a later version. Cancelled.", "Of a later version. Abgebrochen."),
        ("", ""),
    ],
)
def test_how_an_export_goes_is_said_in_the_readers_language(english: str, german: str) -> None:
    assert words_of(english) == english
    with override("de"):
        assert words_of(english) == german


def test_a_range_over_two_chunks_is_one_mp4(taker: Cast, device: Device, footage: Footage, tmp_path: Path) -> None:
    device.ship(footage.chunk(0, 10), 1)
    device.ship(footage.chunk(10, 10), 2, started_ms=TEN_O_CLOCK_MS + 10_000)
    url = ask(taker, 2, 18, reason="For the police.")
    waiting = taker.api(taker.bob).get(url).json()
    assert (waiting["state"], waiting["progress"], waiting["download"]) == ("waiting", 0, None)
    make_exports()
    content, told = fetch(taker, url)
    assert shown(content, tmp_path / "out.mp4") == (16.0, 160)
    assert content.index(b"moov") < content.index(b"mdat")
    assert told["name"].startswith("cam001@studio.loc_")
    assert told["name"].endswith(".mp4")
    assert (told["progress"], told["message"]) == (1, "Done: 1 file.")
    trail = AuditEntry.objects.order_by("pk").values_list("actor", "action")
    assert list(trail) == [("bob@example.com", "export"), ("bob@example.com", "download")]
    assert AuditEntry.objects.get(action="export").details["reason"] == "For the police."


@pytest.mark.parametrize(
    ("exact", "expected"), [(False, (6.0, 60)), (True, (4.8, 48))]
)  # 2.5 s to 7.3 s; a keyframe each second
def test_it_is_cut_at_keyframes_or_exactly(
    taker: Cast, device: Device, footage: Footage, tmp_path: Path, exact: bool, expected: tuple[float, int]
) -> None:
    device.ship(footage.chunk(0, 20))
    url = ask(taker, 2.5, 7.3, exact=exact)
    make_exports()
    duration, frames = shown(fetch(taker, url)[0], tmp_path / "out.mp4")
    assert (round(duration, 3), frames) == expected


def test_an_exact_cut_shows_the_very_frames(taker: Cast, device: Device, footage: Footage, tmp_path: Path) -> None:
    device.ship(footage.chunk(0, 20))
    url = ask(taker, 2.5, 7.3, exact=True)
    make_exports()
    (tmp_path / "whole.mp4").write_bytes(footage.chunk(0, 20))
    (tmp_path / "cut.mp4").write_bytes(fetch(taker, url)[0])
    assert pictures(tmp_path / "cut.mp4") == pictures(tmp_path / "whole.mp4")[25:73]


def pictures(path: Path) -> list[str]:
    """A checksum of each decoded picture."""
    arguments = ["ffmpeg", "-v", "error", "-i", str(path), "-an", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=60)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]


SOUND = (
    "gst-launch-1.0 -q videotestsrc num-buffers=60 ! video/x-raw,width=320,height=240,framerate=10/1 ! x264enc "
    "tune=zerolatency bframes=0 key-int-max=10 ! video/x-h264,profile=constrained-baseline ! h264parse ! m. "
    "audiotestsrc num-buffers=260 ! audio/x-raw,rate=44100 ! avenc_aac ! aacparse ! m. "
    "mp4mux name=m fragment-duration=1000 streamable=true ! filesink location={path}"
)


def with_sound(path: Path) -> bytes:
    """6 s with sound as the recorder writes it: each fragment begins with its video."""
    subprocess.run(SOUND.format(path=path).split(), check=True, timeout=60)
    content = path.read_bytes()
    at = content.index(b"moof") - 4
    boxes = []
    rest = content[at:]
    while rest[4:8] == b"moof":
        size = int.from_bytes(rest[:4], "big")
        size += int.from_bytes(rest[size : size + 4], "big")
        boxes.append(rest[:size])
        rest = rest[size:]
    pairs = []
    for one, other in zip(boxes[::2], boxes[1::2], strict=False):
        pairs.append(other + one if one.index(b"tfhd") and one[one.index(b"tfhd") + 11] == 2 else one + other)
    return content[:at] + b"".join(pairs)


@pytest.mark.parametrize("exact", [False, True])
def test_sound_stays_with_the_picture(taker: Cast, device: Device, tmp_path: Path, exact: bool) -> None:
    device.ship(with_sound(tmp_path / "sound.mp4"))
    url = ask(taker, 1.5, 4.5, exact=exact)
    make_exports()
    facts = probe(fetch(taker, url)[0], tmp_path / "out.mp4")
    durations = {stream["codec_type"]: float(stream["duration"]) for stream in facts["streams"]}
    assert durations["video"] == pytest.approx(3.0 if exact else 4.0)
    assert durations["audio"] == pytest.approx(durations["video"], abs=0.1)
    starts = [float(stream["start_time"]) for stream in facts["streams"]]
    assert starts == pytest.approx([0, 0], abs=0.03)


def test_gaps_and_new_pictures_are_files_of_a_zip_that_proves_itself(
    taker: Cast, device: Device, footage: Footage, tmp_path: Path
) -> None:
    device.ship(footage.chunk(0, 5), 1)
    device.ship(footage.chunk(5, 5), 2, started_ms=TEN_O_CLOCK_MS + 5000, run=2)  # the recorder began anew
    device.ship(footage.chunk(15, 5), 3, run=2, started_mono_ns=16 * 10**9, clock="unsynchronised")  # 10 s later
    other = subprocess_footage(tmp_path / "small.mp4")
    device.ship(other, 4, started_ms=TEN_O_CLOCK_MS + 40_000, run=3)
    url = ask(taker, 0, 60, reason="A theft.")
    make_exports()
    content, told = fetch(taker, url)
    assert told["name"].endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "zip")
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path / "zip", check=True)
    manifest = json.loads((tmp_path / "zip" / "manifest.json").read_text())
    assert (manifest["by"], manifest["reason"], manifest["exact"]) == ("bob@example.com", "A theft.", False)
    (camera,) = manifest["cameras"]
    files = camera["files"]
    found = [shown((tmp_path / "zip" / one["name"]).read_bytes(), tmp_path / "out.mp4") for one in files]
    assert found == [(5.0, 50), (5.0, 50), (5.0, 50), (3.0, 30)]
    assert files[0]["from"] == text_of(TEN_O_CLOCK_MS)
    assert [one["clock"] for one in files].count("unsynchronised") == 1
    assert (files[3]["width"], files[0]["width"]) == (160, 320)
    assert camera["missing"]
    assert {"from", "to", "state", "cause"} == set(camera["missing"][0])
    assert "sha256sum -c SHA256SUMS" in (tmp_path / "zip" / "README.txt").read_text()


def subprocess_footage(path: Path) -> bytes:
    """3 s of another size."""
    return make_footage(path, 3, ("320,height=240", "160,height=120")).chunk()


def test_several_cameras_are_one_zip(taker: Cast, device: Device, footage: Footage, tmp_path: Path) -> None:
    Membership.objects.create(user=taker.bob, location=taker.elsewhere, may_export=True)
    device.ship(footage.chunk(0, 5))
    Device(taker.device(taker.foreign)).ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5, cameras=["cam001@studio.loc", "cam001@elsewhere.loc"])
    make_exports()
    with zipfile.ZipFile(io.BytesIO(fetch(taker, url)[0])) as archive:
        names = sorted(archive.namelist())
    assert [name.split("_")[0] for name in names if name.endswith(".mp4")] == [
        "cam001@elsewhere.loc",
        "cam001@studio.loc",
    ]
    assert {"manifest.json", "SHA256SUMS", "README.txt"} < set(names)


def test_a_zip_for_one_file_on_request(taker: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5, archive=True)
    make_exports()
    assert fetch(taker, url)[1]["name"].endswith(".zip")


def test_nothing_stored_fails_in_words(taker: Cast) -> None:
    url = ask(taker, 0, 5)
    make_exports()
    told = taker.api(taker.bob).get(url).json()
    assert (told["state"], told["download"]) == ("failed", None)
    assert "Nothing is stored" in told["message"]


def test_the_reserve_of_the_disk_is_not_for_exports(
    taker: Cast, device: Device, footage: Footage, settings: Any, folder: Path
) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5)
    settings.UCAM_DISK_LOW_BYTES = 2**60
    make_exports()
    told = taker.api(taker.bob).get(url).json()
    assert told["state"] == "failed"
    assert "not enough room" in told["message"]
    assert list(folder.iterdir()) == []


def test_footage_that_is_just_being_exported_is_not_deleted(taker: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5)
    taker.camera.max_bytes = 1
    taker.camera.save()
    retention.enforce(timezone.now())
    assert Chunk.objects.count() == 1
    make_exports()
    retention.enforce(timezone.now())
    assert Chunk.objects.count() == 0
    assert fetch(taker, url)


class Killed(BaseException):
    """The worker dies here."""


def test_an_export_whose_worker_died_begins_again_and_leaves_nothing_behind(
    taker: Cast, device: Device, footage: Footage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5)

    def die(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(export.Output, "complete", die)
        with pytest.raises(Killed):
            make_exports()
    (folder / f"{Export.objects.get().pk}.part").write_bytes(b"left by SIGKILL")
    assert Export.objects.get().state == "running"
    make_exports()
    assert fetch(taker, url)
    assert [file.suffix for file in folder.iterdir()] == [".mp4"]
    Export.objects.update(state="running", attempts=3)
    make_exports()
    assert "never came to its end" in taker.api(taker.bob).get(url).json()["message"]


def test_after_a_day_the_file_is_gone(taker: Cast, device: Device, footage: Footage, folder: Path) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5)
    make_exports()
    link = taker.api(taker.bob).get(url).json()["download"]
    Export.objects.update(expires_at=timezone.now())
    make_exports()
    assert list(folder.iterdir()) == []
    told = taker.api(taker.bob).get(url).json()
    assert (told["state"], told["download"]) == ("expired", None)
    assert taker.api(None).get(link).status_code == 409


def test_a_waiting_or_finished_export_is_cancelled(taker: Cast, device: Device, footage: Footage, folder: Path) -> None:
    device.ship(footage.chunk(0, 5))
    first, second = ask(taker, 0, 5), ask(taker, 0, 5)
    api = taker.api(taker.bob)
    assert api.delete(first).status_code == 204
    make_exports()
    assert [api.get(url).json()["state"] for url in (first, second)] == ["cancelled", "done"]
    assert api.delete(second).status_code == 204
    make_exports()
    assert list(folder.iterdir()) == []
    assert (api.delete(first).status_code, api.delete(second).json()["code"]) == (409, "export_over")


def test_a_running_export_is_cancelled_within_two_seconds(
    lasting_cast: Cast, footage: Footage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Membership.objects.update(may_export=True)
    Device(lasting_cast.device(lasting_cast.camera)).ship(footage.chunk())
    url, api = ask(lasting_cast, 0, 20), lasting_cast.api(lasting_cast.bob)
    monkeypatch.setattr(export, "PIECE_BYTES", 10)  # so that copying takes its time
    slow = export.Output.write

    def write(self: export.Output, data: bytes) -> int:
        time.sleep(0.002)
        return slow(self, data)

    monkeypatch.setattr(export.Output, "write", write)

    def work() -> None:
        try:
            make_exports()
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    until(lambda: 0 < api.get(url).json()["progress"] < 1)
    assert api.delete(url).status_code == 204
    worker.join(2)
    assert not worker.is_alive()
    assert api.get(url).json()["state"] == "cancelled"
    assert list(folder.iterdir()) == []


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_may_not_export_cannot(cast: Cast, device: Device, footage: Footage, folder: Path) -> None:
    device.ship(footage.chunk(0, 5))
    assert cast.api(cast.bob).post(EXPORTS, wish(0, 5)).status_code == 404
    Membership.objects.update(may_export=True)
    assert cast.api(cast.mallory).post(EXPORTS, wish(0, 5)).status_code == 404
    assert cast.api(None).post(EXPORTS, wish(0, 5)).status_code == 401
    assert device.api.post(EXPORTS, wish(0, 5)).status_code == 401
    both = wish(0, 5, cameras=["cam001@studio.loc", "cam001@elsewhere.loc"])
    assert cast.api(cast.bob).post(EXPORTS, both).status_code == 404
    url = ask(cast, 0, 5)
    make_exports()
    for stranger in (cast.mallory,):
        assert cast.api(stranger).get(url).status_code == 404
        assert cast.api(stranger).delete(url).status_code == 404
        assert cast.api(stranger).get(EXPORTS).json() == []
    assert [one["owner"] for one in cast.api(cast.alice).get(EXPORTS).json()] == ["bob@example.com"]


def test_a_link_is_for_one_export_and_one_hour_and_as_long_as_the_right_lasts(
    taker: Cast, device: Device, footage: Footage, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.ship(footage.chunk(0, 5))
    url, other = ask(taker, 0, 5), ask(taker, 0, 5)
    make_exports()
    link = taker.api(taker.bob).get(url).json()["download"]
    key = link.partition("?key=")[2]
    api = taker.api(None)
    assert api.get(f"{other}download/?key={key}").status_code == 404
    for bad in ("", "?key=", f"?key={key}x", f"?key={key[:-2]}"):
        answer = api.get(f"{url}download/{bad}")
        assert (answer.status_code, answer.json()["code"]) == (410, "link_over")
    later = time.time() + 3601
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: later)
        assert api.get(link).status_code == 410
    part = api.get(link, HTTP_RANGE="bytes=4-7")
    assert (part.status_code, part["Content-Range"].startswith("bytes 4-7/")) == (206, True)
    Membership.objects.update(may_export=False)
    assert api.get(link).status_code == 404


@pytest.mark.parametrize("part", ["bytes=0-", "bytes=1-", "bytes=-99999999", "bytes=5-9"])
def test_no_part_of_it_is_fetched_without_a_row_in_the_trail(
    taker: Cast, device: Device, footage: Footage, part: str
) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5)
    make_exports()
    link = taker.api(taker.bob).get(url).json()["download"]
    for _ in range(2):
        assert taker.api(None).get(link, HTTP_RANGE=part).status_code == 206
    fetched = AuditEntry.objects.filter(action="download")
    assert fetched.count() == (2 if part == "bytes=0-" else 1)
    assert {row.details["export"] for row in fetched} == {str(Export.objects.get().pk)}


def test_a_right_that_is_gone_stops_what_waits(taker: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5)
    Membership.objects.update(may_export=False)
    make_exports()
    told = taker.api(taker.bob).get(url).json()
    assert (told["state"], "may not" in told["message"]) == ("failed", True)


def test_who_may_see_the_last_hours_exports_those(taker: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk(0, 5))
    Membership.objects.update(replay_hours=2, may_replay=False)
    answer = taker.api(taker.bob).post(EXPORTS, wish(0, 5))
    assert (answer.status_code, answer.json()["code"]) == (403, "older_than_allowed")
    Membership.objects.update(replay_hours=240)
    assert taker.api(taker.bob).post(EXPORTS, wish(0, 5)).status_code == 202


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cameras": []}, "invalid"), ({"to": "2020-01-01T00:00:00Z"}, "range_invalid"),
        ({"from": "2001-01-01T00:00:00Z"}, "range_invalid"), ({"exact": "perhaps"}, "invalid"),
        ({"from": "2099-01-01T00:00:00Z", "to": "2099-01-02T00:00:00Z"}, "range_invalid"),
    ],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_is_refused_in_words(taker: Cast, change: dict[str, Any], code: str) -> None:
    answer = taker.api(taker.bob).post(EXPORTS, wish(0, 5, **change))
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_one_person_cannot_fill_the_queue(taker: Cast) -> None:
    for _ in range(10):
        ask(taker, 0, 5)
    assert taker.api(taker.bob).post(EXPORTS, wish(0, 5)).status_code == 429
    Export.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert taker.api(taker.alice).post(EXPORTS, wish(0, 5)).status_code == 202


def test_nginx_sends_the_file_where_it_stands_in_front(
    taker: Cast, device: Device, footage: Footage, settings: Any
) -> None:
    device.ship(footage.chunk(0, 5))
    url = ask(taker, 0, 5)
    make_exports()
    link = taker.api(taker.bob).get(url).json()["download"]
    settings.UCAM_ACCEL = True
    answer = taker.api(None).get(link)
    assert answer["X-Accel-Redirect"] == f"/_exports/{Export.objects.get().pk}.mp4"
    assert (answer["Content-Type"], "attachment" in answer["Content-Disposition"]) == ("video/mp4", True)
