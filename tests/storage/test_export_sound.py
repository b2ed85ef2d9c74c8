"""What was recorded with sound is exported in step: by a real recorder, over two chunks, as one MP4 and in a zip."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from storage.tasks import make_exports
from tests.agent.hearing import apart_s, flashes, media
from tests.agent.recording import RecorderProcess
from tests.conftest import Cast
from tests.storage.footage import TEN_O_CLOCK_MS, Device
from tests.storage.test_export import ask, fetch, folder, taker

__all__ = ["folder", "taker"]
TEST: dict[str, Any] = {"source": {"kind": "test"}, "audio": {"kind": "source"}, "fps": 20}
FRAGMENTS = 26  # half a second each: a chunk of 10 s, and some of the next
APART_S_MAX = 0.1  # two pictures, of which one may be lost for want of CPU


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[bytes, dict[str, int]]]:
    """Two chunks of the test picture, which beeps and flashes every second, with what the sidecar says."""
    recorder = RecorderProcess(tmp_path_factory.mktemp("camera") / "state", **TEST)
    recorder.start()
    try:
        listener = recorder.connect()
        for _ in range(FRAGMENTS):
            listener.event("fragment")
        recorder.end()
    finally:
        recorder.close()
    chunks = list(zip(recorder.chunks(), recorder.sidecars(), strict=True))
    assert len(chunks) == 2
    return [(path.read_bytes(), sidecar) for path, sidecar in chunks]


@pytest.fixture
def shipped(device: Device, recorded: list[tuple[bytes, dict[str, int]]]) -> None:
    """They lie on storage, from ten o'clock on."""
    first_ms = recorded[0][1]["started_ms"]
    for content, told in recorded:
        started_ms = TEN_O_CLOCK_MS + told["started_ms"] - first_ms
        device.ship(
            content, told["seq"], started_ms=started_ms, run=told["run"], started_mono_ns=told["started_mono_ns"]
        )


def judge(path: Path) -> None:
    """Every flash has its beep."""
    apart = apart_s(path)
    assert len(apart) >= 6
    assert max(apart) <= APART_S_MAX, f"{max(apart):.3f} s apart"


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.usefixtures("shipped")
def test_an_export_over_two_chunks_has_the_sound_in_step(taker: Cast, tmp_path: Path, exact: bool) -> None:
    url = ask(taker, 2.3, 11.3, exact=exact)
    make_exports()
    path = tmp_path / "out.mp4"
    path.write_bytes(fetch(taker, url)[0])
    streams = media(path)
    assert (streams["audio"]["codec_name"], streams["audio"]["sample_rate"]) == ("aac", "48000")
    assert float(streams["video"]["duration"]) == pytest.approx(9.0 if exact else 9.3, abs=0.4)
    judge(path)


@pytest.mark.usefixtures("shipped")
def test_a_zip_has_the_sound_in_step_too(taker: Cast, tmp_path: Path) -> None:
    url = ask(taker, 2, 12, archive=True)
    make_exports()
    archive = zipfile.ZipFile(io.BytesIO(fetch(taker, url)[0]))
    (name,) = [name for name in archive.namelist() if name.endswith(".mp4")]
    judge(Path(archive.extract(name, tmp_path)))


def test_sound_that_is_late_is_noticed(recorded: list[tuple[bytes, dict[str, int]]], tmp_path: Path) -> None:
    path, late = tmp_path / "chunk.mp4", tmp_path / "late.mp4"
    path.write_bytes(recorded[0][0])
    judge(path)
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-itsoffset", "0.2", "-i", str(path)]
    subprocess.run([*command, "-map", "0:v", "-map", "1:a", "-c", "copy", str(late)], check=True, timeout=60)
    assert len(flashes(late)) >= 6
    with pytest.raises(AssertionError, match="s apart"):
        judge(late)
