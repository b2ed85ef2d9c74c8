"""Finds the cameras and microphones of this device, in a process of its own: a driver that hangs must not hang us.

`python -m ucam_agent.discovery` prints one JSON line for each thing found, as soon as it is found.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from ucam_sentences import english, say, together

from . import v4l2
from .errors import AgentError
from .sources import Mode

log = logging.getLogger(__name__)

WITHIN_S = 8.0
LOOK_S = 6.0
LIST_PROGRAMS = ("rpicam-hello", "libcamera-hello")
# What else a Pi shows below /dev/video*: codecs, image processors, raw receivers. None of them is a camera.
_LISTED = re.compile(r"^(\d+) : (\S+) \[[^\]]*\] \((\S+)\)$", re.MULTILINE)
_PCM = re.compile(r"^(\d+)-(\d+): ([^:]*):.*\bcapture\b")


class CsiCamera(Struct, frozen=True, tag="libcamera"):
    """At the ribbon cable: libcamera's name and the sensor's."""

    name: str
    sensor: str


class UsbCamera(Struct, frozen=True, tag="v4l2"):
    """At USB: its name below /dev/v4l/by-id, the same for people, and its modes."""

    device: str
    name: str
    modes: tuple[Mode, ...] = ()

    def sizes(self) -> list[str]:
        """Largest first."""
        sizes = sorted({(mode.width, mode.height) for mode in self.modes}, reverse=True)
        return [f"{width} x {height}" for width, height in sizes]


class Microphone(Struct, frozen=True, tag="alsa"):
    """ALSA's name and the one for people."""

    device: str
    name: str


class Skipped(Struct, frozen=True, tag="skipped"):
    """A video node that is no camera."""

    node: str
    name: str


class Trouble(Struct, frozen=True, tag="trouble"):
    """What could not be looked at: a sentence, and its values."""

    text: str
    values: dict[str, str] = {}

    @property
    def words(self) -> str:
        """For people."""
        return say(self.text, **self.values)


Thing = CsiCamera | UsbCamera | Microphone | Skipped | Trouble


class Found(Struct, frozen=True):
    """All that was found."""

    libcamera: tuple[CsiCamera, ...] = ()
    v4l2: tuple[UsbCamera, ...] = ()
    microphones: tuple[Microphone, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @classmethod
    def of(cls, things: list[Thing]) -> Found:
        """By kind; USB cameras by name, so that the first one is always the same."""
        usb = sorted((thing for thing in things if isinstance(thing, UsbCamera)), key=lambda camera: camera.device)
        return cls(
            tuple(thing for thing in things if isinstance(thing, CsiCamera)),
            tuple(usb),
            tuple(thing for thing in things if isinstance(thing, Microphone)),
            tuple(thing for thing in things if isinstance(thing, Skipped)),
            tuple(thing for thing in things if isinstance(thing, Trouble)),
        )

    def words(self) -> str:
        """What there is, in a sentence."""
        there = [f"{camera.sensor} (libcamera)" for camera in self.libcamera]
        there += [f"{camera.name} ({camera.device})" for camera in self.v4l2]
        found = say("Cameras found: {cameras}.", cameras=", ".join(there)) if there else say("No camera was found.")
        return together(found, *(trouble.words for trouble in self.troubles))


class Roots(Struct, frozen=True):
    """Where the kernel tells what there is."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    proc: Path = Path("/proc")


HERE = Roots()
_decoder = msgspec.json.Decoder(Thing)


def discover(roots: Roots = HERE, within_s: float = WITHIN_S, argv: tuple[str, ...] = ()) -> Found:
    """Looks in another process and takes what that found in time. Never raises, never waits longer."""
    command = argv or (sys.executable, "-m", __name__, *(str(path) for path in (roots.sys, roots.dev, roots.proc)))
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - argv made by us
    except OSError as error:
        trouble = Trouble(english("The cameras could not be looked for ({reason})."), {"reason": str(error.strerror)})
        return Found(troubles=(trouble,))
    things: list[Thing] = []
    reader = threading.Thread(target=_read, args=(process, things), name="discovery", daemon=True)
    reader.start()
    reader.join(within_s)
    if reader.is_alive():
        things.append(
            Trouble(
                english("Looking for cameras took too long: a camera or its driver hangs. Unplug it and try again.")
            )
        )
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    # What hangs in the kernel cannot even be killed: it is not waited for.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
    return Found.of(list(things))


def _read(process: subprocess.Popen[bytes], things: list[Thing]) -> None:
    assert process.stdout
    with process.stdout as lines:
        for text in lines:
            try:
                things.append(_decoder.decode(text))
            except msgspec.DecodeError:
                log.warning("The search for cameras said something odd: %r", text[:200])


# ---------------------------------------------------------------- in the process of its own


def look(roots: Roots, tell: Callable[[Thing], None]) -> None:
    """Tells everything found within LOOK_S; each driver is asked in a thread of its own."""
    jobs: list[Callable[[], Iterator[Thing]]] = [lambda: csi_cameras(), lambda: microphones(roots)]
    for thing in nodes(roots):
        if isinstance(thing, UsbCamera):
            jobs.append(lambda camera=thing: usb_camera(roots, camera))  # type: ignore[misc]
        else:
            tell(thing)

    def run(job: Callable[[], Iterator[Thing]]) -> None:
        for thing in job():
            tell(thing)

    threads = [threading.Thread(target=run, args=(job,), daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LOOK_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        tell(Trouble(english("A camera or its driver does not answer. Unplug it and try again.")))


def nodes(roots: Roots) -> Iterator[Thing]:
    """USB cameras by their lasting name (modes not asked yet), and the video nodes that are none."""
    classes = roots.sys / "class" / "video4linux"
    named = {link.resolve().name: link.name for link in sorted((roots.dev / "v4l" / "by-id").glob("*"), reverse=True)}
    for node in sorted(classes.glob("video*"), key=lambda path: (len(path.name), path.name)):
        name = _text(node / "name") or node.name
        if _driver(node) != "uvcvideo":
            yield Skipped(node.name, name)
        elif node.name in named:
            yield UsbCamera(named[node.name], name.partition(":")[0])
        else:
            yield Trouble(
                english("The USB camera {name} has no name below /dev/v4l/by-id, so it cannot be told from others."),
                {"name": name},
            )


def usb_camera(roots: Roots, camera: UsbCamera) -> Iterator[Thing]:
    """The camera with its modes; nothing for the second node of a camera, which has no pictures."""
    try:
        modes = v4l2.modes_of(roots.dev / "v4l" / "by-id" / camera.device)
    except OSError as error:
        yield Trouble(
            english("The USB camera {name} cannot be opened ({reason}). The agent's user must be in the group video."),
            {"name": camera.name, "reason": str(error.strerror)},
        )
        return
    if modes:
        yield msgspec.structs.replace(camera, modes=modes)


def csi_cameras() -> Iterator[Thing]:
    """What libcamera sees at the ribbon cable: by its own program, else by GStreamer."""
    program = next((path for name in LIST_PROGRAMS if (path := shutil.which(name))), "")
    if not program:
        yield from _csi_cameras_of_gstreamer()
        return
    try:
        command = [program, "--list-cameras"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=LOOK_S - 1)  # noqa: S603 - argv made by us
    except (OSError, subprocess.TimeoutExpired):
        yield Trouble(english("{program} does not answer. Switch the device off and on again."), {"program": program})
        return
    yield from listed(shown.stdout + shown.stderr)


def listed(text: str) -> Iterator[CsiCamera]:
    """The cameras in the output of `rpicam-hello --list-cameras`, those at USB left out."""
    for match in _LISTED.finditer(text):
        if "usb" not in match[3].lower():
            yield CsiCamera(match[3], match[2])


def _csi_cameras_of_gstreamer() -> Iterator[Thing]:
    try:
        from . import gst  # where it is missing, the rest is still looked for

        names = gst.libcamera_names()
    except AgentError:
        return
    for name in names:
        if "usb" not in name.lower():
            yield CsiCamera(name, name.rpartition("/")[2].partition("@")[0])


def microphones(roots: Roots) -> Iterator[Thing]:
    """ALSA's capture devices, by the names of their cards: their numbers change."""
    for line in _text(roots.proc / "asound" / "pcm").splitlines():
        match = _PCM.match(line)
        card = _text(roots.proc / "asound" / f"card{int(match[1])}" / "id") if match else ""
        if match and card:
            yield Microphone(f"plughw:CARD={card},DEV={int(match[2])}", match[3].strip())


def _driver(node: Path) -> str:
    with contextlib.suppress(OSError):
        return os.path.basename(os.readlink(node / "device" / "driver"))
    return ""


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def main(arguments: list[str] | None = None) -> int:
    """Prints what is there, a line each."""
    parser = argparse.ArgumentParser(prog="ucam_agent.discovery", description="Lists cameras and microphones as JSON.")
    parser.add_argument("roots", nargs="*", type=Path, default=[], help="other places for /sys, /dev and /proc")
    roots = Roots(*parser.parse_args(arguments).roots)
    lock = threading.Lock()

    def tell(thing: Thing) -> None:
        with lock:
            sys.stdout.buffer.write(msgspec.json.encode(thing) + b"\n")
            sys.stdout.buffer.flush()

    look(roots, tell)
    # A thread that hangs in a driver would keep an ordinary end waiting.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
