"""What tests of the agent stand on: a recorder process that is always ended, and real recorded bytes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .recording import RecorderProcess

MakeRecorder = Callable[..., RecorderProcess]


@pytest.fixture
def make_recorder(tmp_path: Path) -> Iterator[MakeRecorder]:
    """Makes recorders, each with a state directory of its own, and ends them all."""
    made: list[RecorderProcess] = []

    def make(**settings: Any) -> RecorderProcess:
        made.append(RecorderProcess(tmp_path / f"state{len(made)}", **settings))
        return made[-1]

    yield make
    for recorder in made:
        recorder.close()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "ucam-test", place], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"Nothing can be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def _muxed(path: Path, *more: str) -> bytes:
    source = "videotestsrc num-buffers=60 ! video/x-raw,width=320,height=240,framerate=10/1"
    encoder = "x264enc tune=zerolatency speed-preset=ultrafast bitrate=200 key-int-max=20"
    text = f"mp4mux name=mux fragment-duration=2000 streamable=true ! filesink location={path} {source} ! {encoder} "
    text += "! video/x-h264,profile=constrained-baseline ! h264parse ! queue ! mux. "
    subprocess.run(["gst-launch-1.0", "-q", *f"{text} {' '.join(more)}".split()], check=True, timeout=60)
    return path.read_bytes()


@pytest.fixture(scope="session")
def muxed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Three fragments of 2 s, 10 frames/s, without sound, as mp4mux writes them."""
    return _muxed(tmp_path_factory.mktemp("muxed") / "video.mp4")


@pytest.fixture(scope="session")
def muxed_with_sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The same with an AAC track."""
    sound = "audiotestsrc num-buffers=280 samplesperbuffer=1024 ! voaacenc ! aacparse ! queue ! mux."
    return _muxed(tmp_path_factory.mktemp("muxed") / "sound.mp4", sound)
