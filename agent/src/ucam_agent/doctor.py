"""`ucam-agent doctor`: says in words what works and what does not."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime

import aiohttp
from ucam_protocol import (
    FRAME_BYTES_MAX,
    SUBPROTOCOL,
)

from . import doctor_camera
from .config import Config, Device, read_device
from .doctor_relay import relay_words
from .errors import AgentError, StorageAway, TokenRefused, clock_words
from .health import words_of
from .lights import sysfs
from .lights.gpio import GpioLed
from .lights.led import Led, LedMissing
from .status import is_running
from .tus import Storage

WITHIN_S = 10.0
FREE_LOW_BYTES = 512 * 2**20
CLOCK_WRONG_MS = 2000
ELEMENTS = {
    "x264enc": "gstreamer1.0-plugins-ugly",
    "h264parse": "gstreamer1.0-plugins-bad",
    "mp4mux": "gstreamer1.0-plugins-good",
    "rtph264pay": "gstreamer1.0-plugins-good",
    "webrtcbin": "gstreamer1.0-plugins-bad",
    "nicesrc": "gstreamer1.0-nice",
    "dtlsenc": "gstreamer1.0-plugins-bad",
    "srtpenc": "gstreamer1.0-plugins-bad",
    "appsrc": "gstreamer1.0-plugins-base",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it works, and the same in words."""

    part: str
    works: bool
    words: str

    def __str__(self) -> str:
        return f"{'ok' if self.works else 'XX'}  {self.part:<9} {self.words}"


def summary(findings: list[Finding]) -> str:
    """The last line: what is to be looked at."""
    broken = [finding.part for finding in findings if not finding.works]
    return f"Does not work: {', '.join(broken)}. Their lines say what to do." if broken else "Everything works."


def examine(config: Config) -> list[Finding]:
    """Everything that can be looked at; takes some seconds at most."""
    findings = [_gstreamer(), *_camera(config), _state(config), _disk(config), _lights(config)]
    try:
        device = read_device(config.state)
    except AgentError as error:
        return [*findings, Finding("identity", False, error.message)]
    findings.append(Finding("identity", True, f"This camera is {device.jid} of {device.server}."))
    return [*findings, *asyncio.run(_network(device))]


def _gstreamer() -> Finding:
    try:
        from . import gst_webrtc  # gi is needed here only; without it the other findings still come
        from .gst import Gst
    except AgentError as error:
        return Finding("gstreamer", False, error.message)
    missing = {package for name, package in ELEMENTS.items() if Gst.ElementFactory.find(name) is None}
    if missing:
        return Finding(
            "gstreamer", False, f"Parts are missing. Install them: sudo apt install {' '.join(sorted(missing))}"
        )
    return Finding("gstreamer", True, f"{gst_webrtc.Gst.version_string()} with all elements.")


def _camera(config: Config) -> list[Finding]:
    try:
        from . import gst  # gi again
        from .board import look_at_board
    except AgentError:
        return []
    board = look_at_board()
    found = board.discover()
    board = replace(board, discover=lambda: found)
    looks = (("camera", doctor_camera.camera_words), ("encoder", doctor_camera.encoder_words))
    sound = doctor_camera.sound_words(config, found, gst.installed(*doctor_camera.SOUND))
    return [*(Finding(part, *say(config, board)) for part, say in looks), Finding("sound", *sound)]


def _state(config: Config) -> Finding:
    directory = config.state.directory
    if not directory.is_dir():
        return Finding("state", False, f"There is no directory {directory} yet; `ucam-agent enrol` makes it.")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            "state", False, f"{directory} cannot be written by this user. Run as the agent's user (or sudo)."
        )
    if directory.stat().st_mode & 0o077:
        return Finding("state", False, f"{directory} can be read by others. Mend it: chmod 700 {directory}")
    return Finding("state", True, f"{directory} can be written.")


def _disk(config: Config) -> Finding:
    directory = config.state.directory
    while not directory.exists():
        directory = directory.parent
    facts = os.statvfs(directory)
    free = facts.f_bavail * facts.f_frsize
    words = f"{free / 2**30:.1f} GiB free below {directory}."
    if free < FREE_LOW_BYTES:
        return Finding(
            "disk", False, f"{words} That is too little to keep recordings: free some space or use a larger card."
        )
    return Finding("disk", True, words)


def _lights(config: Config) -> Finding:
    """A board without a light is well; one whose light may not be used, or a pin that was asked for, is not."""
    if is_running(config.state):
        return Finding("led", True, "The running agent has the lights; docs/leds.md tells what they say.")
    broken: list[str] = []
    usable: list[str] = []
    absent: list[str] = []
    makers: list[tuple[bool, Callable[[], Led]]] = []
    if config.leds.act:
        makers.append((any((sysfs.LEDS / name).is_dir() for name in sysfs.NAMES), sysfs.find))
    if config.leds.gpio is not None:
        makers.append((True, lambda: GpioLed(config.leds.gpio or 0)))
    for expected, make in makers:
        try:
            led = make()
            usable.append(led.name)
            led.close()
        except LedMissing as error:
            (broken if expected else absent).append(error.message)
    if broken:
        return Finding("led", False, " ".join(broken))
    names = f"Lights that can be used: {', '.join(usable)}." if usable else "There is no light to use."
    return Finding("led", True, " ".join([names, *absent]))


async def _network(device: Device) -> list[Finding]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=WITHIN_S)) as http:
        storage = Storage(device.storage, device.token, http)
        server = await _look("server", lambda: _server(device, http))
        return [
            server,
            *await _clock(device, http),
            await _look("room", lambda: _room(device, http)),
            await _look("storage", lambda: _storage(device, storage)),
            # Only the server can name the relays.
            *([await _look("relay", lambda: relay_words(device, http))] if server.works else []),
        ]


async def _look(part: str, look: Callable[[], Awaitable[str]]) -> Finding:
    """A finding from what `look` says or raises."""
    try:
        return Finding(part, True, await look())
    except AgentError as error:
        return Finding(part, False, error.message)
    except TimeoutError:
        return Finding(part, False, f"No answer within {WITHIN_S:.0f} s. Check this device's network and its firewall.")
    except (aiohttp.ClientError, OSError) as error:
        why = clock_words(error) or (
            f"Cannot be reached ({_reason(error)}). Check this device's network and whether the server runs."
        )
        return Finding(part, False, why)


def _reason(error: Exception) -> str:
    """Why a connection failed, in the words of the system: aiohttp's own are for programmers."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = inner.errno if isinstance(inner, OSError) else None
    return os.strerror(number).lower() if number and number > 0 else str(inner) or type(inner).__name__


async def _server(device: Device, http: aiohttp.ClientSession) -> str:
    async with http.get(f"{device.server}/healthz", allow_redirects=False) as response:
        if response.status != 200:
            raise StorageAway(f"{device.server} answers {response.status}: it is not well. Ask its operator.")
    return f"{device.server} is there."


async def _clock(device: Device, http: aiohttp.ClientSession) -> list[Finding]:
    """By the date that the server writes over its answers; without a server nobody can tell."""
    try:
        async with http.head(f"{device.server}/healthz", allow_redirects=False) as response:
            server_s = parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (aiohttp.ClientError, OSError, TimeoutError, KeyError, ValueError):
        return []
    off_s = time.time() - server_s
    if abs(off_s) * 1000 <= CLOCK_WRONG_MS:
        return [Finding("clock", True, "The clock agrees with the server's.")]
    which = "fast" if off_s > 0 else "slow"
    return [Finding("clock", False, f"The clock is {words_of(int(abs(off_s)))} {which}. Check: timedatectl status")]


async def _room(device: Device, http: aiohttp.ClientSession) -> str:
    """The handshake tells whether the token is good; a hello would take a running agent's place, so none is sent."""
    headers = {"Authorization": f"Bearer {device.token}"}
    try:
        async with http.ws_connect(device.room, protocols=[SUBPROTOCOL], headers=headers, max_msg_size=FRAME_BYTES_MAX):
            return "The room opens to this camera."
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            raise TokenRefused(
                "The room does not accept this camera's token. "
                "Ask an operator for a new code and run: ucam-agent enrol --again URL CODE."
            ) from error
        raise StorageAway(f"The server answers {error.status} where the room should be. Ask its operator.") from error


async def _storage(device: Device, storage: Storage) -> str:
    """An empty report changes nothing, and is answered only to whom storage knows."""
    await storage.report(b"{}")
    return "Storage accepts this camera's token."
