"""ICE servers, SDP and candidates from elsewhere, checked before GStreamer sees them. Pure text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from ucam_protocol import IceServer

# RFC 7064 (stun) and RFC 7065 (turn): scheme:host[:port][?transport=udp|tcp]
_URL = re.compile(
    r"^(?P<scheme>stuns?|turns?):(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)"
    r"(?::(?P<port>\d{1,5}))?(?:\?transport=(?P<transport>udp|tcp))?$"
)
_PORTS = {"stun": 3478, "stuns": 5349, "turn": 3478, "turns": 5349}
# RFC 8839, 5.1: candidate:foundation component transport priority address port typ …
_CANDIDATE = re.compile(
    r"^candidate:[A-Za-z0-9+/]{1,32} [12] (?:udp|tcp) \d{1,10} [A-Za-z0-9.:-]{1,253} \d{1,5} typ "
    r"(?:host|srflx|prflx|relay)(?: [\x21-\x7e]+)*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class IceUrls:
    """ICE servers as webrtcbin writes them: `stun://host:port`, `turn://user:credential@host:port?transport=udp`."""

    stun: str = ""
    turn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnServer:
    """One relay with what it wants to hear from us."""

    host: str
    port: int
    username: str
    credential: str
    transport: str = "udp"
    secure: bool = False

    def __repr__(self) -> str:
        return f"TurnServer({self.place!r})"

    @property
    def place(self) -> str:
        """What may be said of it."""
        return f"turn{'s' if self.secure else ''}:{self.host}:{self.port}"


def turn_servers(servers: Sequence[IceServer]) -> list[TurnServer]:
    """The relays among the room's servers, of proper URLs only."""
    found = []
    for server in servers:
        for match in filter(None, (_URL.match(url) for url in server.urls)):
            port = int(match["port"] or _PORTS[match["scheme"]])
            if match["scheme"] in ("turn", "turns") and server.username and 1 <= port <= 65535:
                who = server.username, server.credential
                host, transport = match["host"].strip("[]"), match["transport"] or "udp"
                found.append(TurnServer(host, port, *who, transport, match["scheme"] == "turns"))
    return found


def ice_urls(servers: Sequence[IceServer]) -> IceUrls:
    """What webrtcbin can use of the room's servers: at most one STUN server, and proper URLs only."""
    stun, turn = "", []
    for server in servers:
        for match in filter(None, (_URL.match(url) for url in server.urls)):
            scheme, port = match["scheme"], int(match["port"] or _PORTS[match["scheme"]])
            if not 1 <= port <= 65535:
                continue
            if scheme == "stun":
                stun = stun or f"stun://{match['host']}:{port}"
            elif scheme in ("turn", "turns") and server.username:
                who = f"{quote(server.username, safe='')}:{quote(server.credential, safe='')}"
                transport = f"?transport={match['transport']}" if match["transport"] else ""
                turn.append(f"{scheme}://{who}@{match['host']}:{port}{transport}")
    return IceUrls(stun, tuple(turn))


def is_candidate(text: str) -> bool:
    """Whether the text is one ICE candidate in the form of RFC 8839, nothing else in it."""
    return bool(_CANDIDATE.match(text))


def is_answer(sdp: str) -> bool:
    """Whether the text can be an answer to us: pictures, perhaps sound, plain lines, fingerprint, ICE credentials."""
    lines = sdp.splitlines()
    media = [line for line in lines if line.startswith("m=")]
    return (
        sdp.startswith("v=0")
        and [line.split(" ")[0] for line in media] in (["m=video"], ["m=video", "m=audio"])
        and all(re.match(r"^[a-z]=[\x20-\x7e]*$", line) for line in lines if line)
        and all(any(line.startswith(f"a={key}:") for line in lines) for key in ("fingerprint", "ice-ufrag", "ice-pwd"))
    )


def profile_level_id(access_unit: bytes) -> str:
    """The profile-level-id (RFC 6184, 8.1) in the SPS of an H.264 byte-stream access unit; empty without one."""
    at = access_unit.find(b"\0\0\1")
    while at >= 0 and at + 7 <= len(access_unit):
        if access_unit[at + 3] & 0x1F == 7:
            return access_unit[at + 4 : at + 7].hex()
        at = access_unit.find(b"\0\0\1", at + 3)
    return ""
