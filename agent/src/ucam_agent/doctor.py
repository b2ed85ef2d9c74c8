"""`ucam-agent doctor`: says in words what works and what does not."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from ucam_protocol import (
    FRAME_BYTES_MAX,
    SUBPROTOCOL,
)
from ucam_sentences import say, together

from . import doctor_camera
from .config import Config, Device, read_device
from .doctor_relay import relay_words
from .errors import AgentError, StorageAway, TokenRefused, ask_again, clock_words, reason_of
from .health import clock_off
from .lights import sysfs
from .lights.gpio import GpioLed
from .lights.led import Led, LedMissing
from .status import in_short, is_running
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


def summary(findings: list[Finding], *, recording: bool = True) -> str:
    """The last line: what is to be looked at. `recording`: an agent runs that shall do so."""
    broken = [finding.part for finding in findings if not finding.works]
    if broken:
        return f"Does not work: {', '.join(broken)}. Their lines say what to do."
    return "Everything works." if recording else "Everything works, but nothing is recorded: see the line of the agent."


def examine(config: Config) -> list[Finding]:
    """Everything that can be looked at; takes some seconds at most."""
    findings = [_gstreamer(), *_camera(config), _state(config), _disk(config), _lights(config)]
    try:
        device = read_device(config.state)
    except AgentError as error:
        return [*findings, Finding("identity", False, error.message)]
    findings.append(
        Finding("identity", True, say("This camera is {jid} of {server}.", jid=device.jid, server=device.server))
    )
    findings.append(Finding("agent", *in_short(config.state)))
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
            "gstreamer",
            False,
            say("Parts are missing. Install them: sudo apt install {packages}", packages=" ".join(sorted(missing))),
        )
    return Finding("gstreamer", True, say("{version} with all elements.", version=gst_webrtc.Gst.version_string()))


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
    return [*(Finding(part, *look(config, board)) for part, look in looks), Finding("sound", *sound)]


def _state(config: Config) -> Finding:
    directory = config.state.directory
    if not directory.is_dir():
        return Finding(
            "state",
            False,
            say("There is no directory {directory} yet; `ucam-agent enrol` makes it.", directory=directory),
        )
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        return Finding("state", True, say("{directory} is there; its disk takes nothing now.", directory=directory))
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            "state",
            False,
            say("{directory} cannot be written by this user. Run as the agent's user (or sudo).", directory=directory),
        )
    if directory.stat().st_mode & 0o077:
        return Finding(
            "state",
            False,
            say("{directory} can be read by others. Mend it: chmod 700 {path}", directory=directory, path=directory),
        )
    return Finding("state", True, say("{directory} can be written.", directory=directory))


def _disk(config: Config) -> Finding:
    directory = config.state.directory
    while not directory.exists():
        directory = directory.parent
    facts = os.statvfs(directory)
    if facts.f_flag & os.ST_RDONLY:
        return Finding("disk", False, read_only(directory))
    free = facts.f_bavail * facts.f_frsize
    words = say("{size} GiB free below {directory}.", size=f"{free / 2**30:.1f}", directory=directory)
    if free < FREE_LOW_BYTES:
        little = say("That is too little to keep recordings: free some space or use a larger card.")
        return Finding(
            "disk", False, together(words, little, say("What is full: df -h {directory}", directory=directory))
        )
    return Finding("disk", True, words)


def read_only(directory: Path) -> str:
    """The kernel has stopped writing to a disk whose faults it has met."""
    return say(
        "The disk below {directory} is read-only, so nothing is recorded. Start the device again; if that does not "
        "help, or it comes back, the card is worn out: put in a new one.",
        directory=directory,
    )


def _lights(config: Config) -> Finding:
    """A board without a light is well; one whose light may not be used, or a pin that was asked for, is not."""
    if is_running(config.state):
        return Finding("led", True, say("The running agent has the lights; docs/leds.md tells what they say."))
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
        return Finding("led", False, together(*broken))
    names = say("There is no light to use.")
    if usable:
        names = say("Lights that can be used: {names}.", names=", ".join(usable))
    return Finding("led", True, together(names, *absent))


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
    except StorageAway as error:
        hint = say("Check this device's network, and the server's alerts.") if part == "storage" else ""
        return Finding(part, False, together(error.message, hint))
    except AgentError as error:
        return Finding(part, False, error.message)
    except TimeoutError:
        silent = say(
            "No answer within {seconds} s. Check this device's network and its firewall.", seconds=f"{WITHIN_S:.0f}"
        )
        return Finding(part, False, silent)
    except (aiohttp.ClientError, OSError) as error:
        why = clock_words(error) or say(
            "Cannot be reached ({reason}). Check this device's network and whether the server runs.",
            reason=_reason(error),
        )
        return Finding(part, False, why)


def _reason(error: Exception) -> str:
    """Why a connection failed, in the words of the system: aiohttp's own are for programmers."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return reason_of(inner) if isinstance(inner, OSError) else str(inner) or type(inner).__name__


async def _server(device: Device, http: aiohttp.ClientSession) -> str:
    async with http.get(f"{device.server}/healthz", allow_redirects=False) as response:
        if response.status != 200:
            raise StorageAway(
                say(
                    "{server} answers {status}: it is not well. Ask its operator.",
                    server=device.server,
                    status=response.status,
                )
            )
    return say("{server} is there.", server=device.server)


async def _clock(device: Device, http: aiohttp.ClientSession) -> list[Finding]:
    """By the date that the server writes over its answers; without a server nobody can tell."""
    try:
        async with http.head(f"{device.server}/healthz", allow_redirects=False) as response:
            server_s = parsedate_to_datetime(response.headers["Date"]).timestamp()
    except (aiohttp.ClientError, OSError, TimeoutError, KeyError, ValueError):
        return []
    off_s = time.time() - server_s
    if abs(off_s) * 1000 <= CLOCK_WRONG_MS:
        return [Finding("clock", True, say("The clock agrees with the server's."))]
    off = clock_off(off_s > 0, int(abs(off_s)))
    return [Finding("clock", False, together(off, say("Check: timedatectl status")))]


async def _room(device: Device, http: aiohttp.ClientSession) -> str:
    """The handshake tells whether the token is good; a hello would take a running agent's place, so none is sent."""
    headers = {"Authorization": f"Bearer {device.token}"}
    try:
        async with http.ws_connect(device.room, protocols=[SUBPROTOCOL], headers=headers, max_msg_size=FRAME_BYTES_MAX):
            return say("The room opens to this camera.")
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (401, 403):
            raise TokenRefused(together(say("The room does not accept this camera's token."), ask_again())) from error
        raise StorageAway(
            together(
                say("The server answers {status} where the room should be.", status=error.status),
                say("Ask its operator."),
            )
        ) from error


async def _storage(device: Device, storage: Storage) -> str:
    """An empty report changes nothing, and is answered only to whom storage knows."""
    await storage.report(b"{}")
    return say("Storage accepts this camera's token.")
