"""What can be heard and seen in a recorded file, and a microphone made of a pipe."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

RATE = 48_000
LOUD = 3000


def media(path: Path) -> dict[str, dict[str, str]]:
    """What ffprobe says of each stream, having decoded every frame; any word of complaint is an error."""
    entries = "stream=codec_type,codec_name,sample_rate,channels,start_time,duration,nb_read_frames"
    command = ["ffprobe", "-v", "warning", "-count_frames", "-show_entries", entries, "-of", "compact=nk=0:p=0"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    streams = [dict(field.split("=") for field in line.split("|")) for line in done.stdout.splitlines() if line]
    return {stream["codec_type"]: stream for stream in streams}


def samples(path: Path) -> tuple[int, ...]:
    """The sound on the timeline of the file, 48 kHz."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-af", "aresample=async=1:first_pts=0"]
    done = subprocess.run(
        [*command, "-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"], capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b""
    return struct.unpack(f"<{len(done.stdout) // 2}h", done.stdout)


def beeps(path: Path) -> list[float]:
    """Seconds of the file at which something begins to be loud after half a second without."""
    found, quiet_since = [], -RATE
    for at, value in enumerate(samples(path)):
        if abs(value) > LOUD:
            if at - quiet_since > RATE // 2:
                found.append(at / RATE)
            quiet_since = at
    return found


def flashes(path: Path, width: int = 320, height: int = 240) -> list[float]:
    """Seconds of the file at which the field below right becomes white."""
    crop = f"crop=32:32:{width - width // 8}:{height // 2 + 8},format=gray"
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-vf", crop, "-fps_mode", "passthrough", "-f", "rawvideo", "-"]
    pixels = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    lit = [sum(pixels[at : at + 1024]) / 1024 > 200 for at in range(0, len(pixels), 1024)]
    command = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "frame=pts_time", "-of", "csv=p=0"]
    text = subprocess.run([*command, str(path)], capture_output=True, check=True, text=True, timeout=60).stdout
    times = [float(line.strip(",")) for line in text.split()]
    return [time_ for (_, before), (time_, now) in pairwise(zip(times, lit, strict=True)) if now and not before]


def apart_s(path: Path) -> list[float]:
    """How far each flash lies from the beep next to it; of the last moments the sound may be lost with the end."""
    heard, end = beeps(path), float(media(path)["video"]["duration"])
    return [min(abs(beep - flash) for beep in heard) for flash in flashes(path) if flash < end - 0.7]


def frequency_hz(path: Path) -> float:
    """Of a steady tone, by its zero crossings: the median of all half seconds of the file.

    Where the test's own microphone came too late, on a busy machine, a half second has a hole; most have none.
    """
    heard, half = samples(path), RATE // 2
    windows = [heard[at : at + half] for at in range(0, len(heard) - half + 1, half)]
    return median(sum((one < 0) != (other < 0) for one, other in pairwise(window)) for window in windows)


class Microphone:
    """ALSA's device `default` of the processes that are started with `environment`: a steady tone, until `fall_silent`.

    A pipe that nobody fills any more is like a driver that hangs: who reads from it waits for ever.
    """

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "microphone"
        os.mkfifo(self._pipe)
        slave = f'slave.pcm {{ type null }} file "/dev/null" infile "{self._pipe}" format "raw"'
        (folder / "asound.conf").write_text(f"pcm.!default {{ type file {slave} }}\n")
        self.environment = {"ALSA_CONFIG_PATH": str(folder / "asound.conf")}
        self._silent, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def fall_silent(self) -> None:
        """Hangs from now on."""
        self._silent.set()

    def close(self) -> None:
        """Its end is noticed by who reads."""
        self._silent.set()
        self._closing.set()
        os.close(os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK))  # should nobody have opened it
        self._thread.join(5)

    def _play(self) -> None:
        tone = struct.pack("<48h", *(8000 if at < 24 else -8000 for at in range(48))) * 20
        try:
            with open(self._pipe, "wb", buffering=0) as pipe:
                begun_s, count = time.monotonic(), 0
                while not self._silent.is_set():
                    pipe.write(tone)
                    count += 1
                    self._silent.wait(max(0.0, begun_s + count * 0.02 - time.monotonic()))
                self._closing.wait()
        except BrokenPipeError:
            return
