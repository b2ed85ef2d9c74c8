"""Enrolment: a one-time code for this device's identity."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import secrets
import shutil
from dataclasses import asdict
from itertools import count
from urllib.parse import urlsplit

import aiohttp
import msgspec
from ucam_protocol import Jid, ProtocolError, Settings

from .config import Device, State, read_device, replace_file, sync_directory
from .errors import AgentError, EnrolmentFailed
from .status import is_running

log = logging.getLogger(__name__)

ATTEMPT = "enrolling"
# Of a spool, what belongs to one camera only: footage, gaps not told yet, until when it was off by choice.
KEPT = ("*/*.mp4", "*/*.damaged", "gaps/*.json", "boot.json")
WITHIN_S = 30.0
ANSWER_BYTES_MAX = 64 * 1024
_CODE = re.compile(r"^[\x21-\x7e]{4,200}$")


class Enrolled(msgspec.Struct, kw_only=True):
    """Answer of `POST /api/device/enrol/`."""

    jid: str
    token: str
    room: str
    storage: str
    settings: Settings


def enrol(state: State, url: str, code: str, *, again: bool = False) -> Device:
    """Exchange the code and write down who this device is; raises EnrolmentFailed with what to do."""
    server = _server(url)
    if not _CODE.match(code):
        raise EnrolmentFailed("The code has characters that no code has. Copy it once more.")
    if state.device.exists() and not again:
        raise EnrolmentFailed(
            f"This device is enrolled already ({state.device}). To give it a new identity, add --again; "
            "the code was not used."
        )
    if state.device.exists() and is_running(state):
        raise EnrolmentFailed(
            "The agent is running as the camera that it was. Stop it first (sudo systemctl stop ucam-agent), then run "
            "this again; the code was not used."
        )
    state.make()
    answer = asyncio.run(_exchange(server, code, _attempt(state)))
    device = _device(server, answer)
    _keep_apart(state, device.jid)
    replace_file(state.settings, msgspec.json.encode(answer.settings).decode())
    replace_file(state.device, json.dumps(asdict(device), indent=1), mode=0o600)
    (state.directory / ATTEMPT).unlink(missing_ok=True)
    return device


def _keep_apart(state: State, jid: str) -> None:
    """One camera's footage never goes to storage as another's: its spool waits until the device is that one again."""
    try:
        before = read_device(state).jid
    except AgentError:  # none, or nobody can tell any more whose footage it is
        before = ""
    if before == jid:
        return
    aside = state.directory / "set-aside"
    aside.mkdir(mode=0o700, exist_ok=True)
    if any(file for pattern in KEPT for file in state.spool.glob(pattern)):
        name = before or "unknown"
        kept = next(place for n in count() if not (place := aside / (f"{name}.{n}" if n else name)).exists())
        os.replace(state.spool, kept)
        log.warning("The recordings of %s that are still on this device were set aside: %s.", name, kept)
    if (aside / jid).exists():
        shutil.rmtree(state.spool, ignore_errors=True)  # nothing is in it
        os.replace(aside / jid, state.spool)
        log.warning("Recordings of %s that had been set aside are shipped now.", jid)
    sync_directory(aside)
    sync_directory(state.directory)


def _attempt(state: State) -> str:
    """A secret that is durable before the code is used: should power fail before the answer is, it is given again."""
    kept = state.directory / ATTEMPT
    try:
        if attempt := kept.read_text().strip():
            return attempt
    except FileNotFoundError:
        pass
    attempt = secrets.token_urlsafe(32)
    replace_file(kept, attempt)
    return attempt


def _server(url: str) -> str:
    """The server's address without a path."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EnrolmentFailed(f"{url!r} is no address of a server. It looks like https://ucam.example.org")
    return f"{parts.scheme}://{parts.netloc}"


async def _exchange(server: str, code: str, attempt: str) -> Enrolled:
    timeout = aiohttp.ClientTimeout(total=WITHIN_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.post(
                f"{server}/api/device/enrol/", json={"code": code, "attempt": attempt}, allow_redirects=False
            ) as response,
        ):
            body = await response.content.read(ANSWER_BYTES_MAX)
            if response.status not in (200, 201):
                raise EnrolmentFailed(_refusal(server, response.status, body))
            return msgspec.json.decode(body, type=Enrolled)
    except TimeoutError as error:
        raise EnrolmentFailed(f"{server} gives no answer. Check the address and this device's network.") from error
    except (aiohttp.ClientError, OSError) as error:
        raise EnrolmentFailed(
            f"{server} cannot be reached ({error}). Check the address and this device's network."
        ) from error
    except msgspec.DecodeError as error:
        raise EnrolmentFailed(f"{server} answers, but not as a ucam server does. Check the address.") from error


def _refusal(server: str, status: int, body: bytes) -> str:
    """What the server said, in its own words when it has some."""
    hints = {
        "code_used": "Ask an operator for a new code: each works once.",
        "code_expired": "Ask an operator for a new code.",
        "code_invalid": "Check the code for mistyped characters.",
    }
    try:
        said = msgspec.json.decode(body, type=dict[str, str])
        return f"{said['message']} {hints.get(said['code'], '')}".strip()
    except (msgspec.DecodeError, KeyError):
        return f"{server} answers {status}, which no ucam server does here. Check the address."


def _device(server: str, answer: Enrolled) -> Device:
    """The identity, when what the server gave makes sense."""
    try:
        jid = Jid.parse(answer.jid)
    except ProtocolError as error:
        raise EnrolmentFailed(f"The server gave an identity that is none: {error.message}") from error
    if urlsplit(answer.room).scheme not in ("ws", "wss") or urlsplit(answer.storage).scheme not in ("http", "https"):
        raise EnrolmentFailed("The server gave addresses that cannot be used; its UCAM_URL is probably wrong.")
    return Device(str(jid), answer.token, server, answer.room, answer.storage)
