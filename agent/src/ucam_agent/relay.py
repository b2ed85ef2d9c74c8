"""Whether a TURN relay gives this device a place: one Allocate over UDP (RFC 8656, 7), given back at once.

Only what that takes of STUN (RFC 8489) is here: long-term credentials, their SHA-1 integrity, retransmission.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import os
import struct
from dataclasses import dataclass

from ucam_sentences import say

from .errors import AgentError
from .ice import TurnServer

MAGIC = 0x2112A442
_HEADER = struct.Struct(">HHI12s")
_ATTRIBUTE = struct.Struct(">HH")
ALLOCATE, REFRESH = 0x0003, 0x0004
SUCCESS, FAILURE = 0x0100, 0x0110  # added to a method (RFC 8489, 5)
USERNAME, INTEGRITY, ERROR_CODE, LIFETIME, REALM, NONCE = 0x0006, 0x0008, 0x0009, 0x000D, 0x0014, 0x0015
RELAYED_ADDRESS, REQUESTED_TRANSPORT = 0x0016, 0x0019
UDP = 17
UNAUTHENTICATED, STALE_NONCE = 401, 438
INTEGRITY_BYTES = 20
ANSWERS_MAX = 4
WAITS_S = (0.5, 1.0, 2.0)  # RFC 8489, 6.2.1, given up sooner: a person waits for it


class RelayRefused(AgentError):
    """The relay is there, and gives no place."""

    code = "relay_refused"
    permanent = False


class RelaySilent(AgentError):
    """Nothing comes back from where the relay should be."""

    code = "relay_silent"
    permanent = False


@dataclass(frozen=True, slots=True)
class Answer:
    """One STUN message; attributes by type, the first of each."""

    kind: int
    attributes: dict[int, bytes]
    raw: bytes

    @classmethod
    def read(cls, raw: bytes, transaction: bytes) -> Answer | None:
        """None for what is no answer to this transaction."""
        if len(raw) < _HEADER.size:
            return None
        kind, length, magic, of = _HEADER.unpack_from(raw)
        if magic != MAGIC or of != transaction or _HEADER.size + length != len(raw):
            return None
        return cls(kind, _attributes(raw), raw)

    @property
    def error(self) -> tuple[int, str]:
        """Number and reason (RFC 8489, 14.8); 0 when it is none."""
        value = self.attributes.get(ERROR_CODE, b"")
        if len(value) < 4:
            return 0, ""
        return (value[2] & 7) * 100 + value[3], value[4:].decode("utf-8", "replace")[:100]

    @property
    def relayed(self) -> str:
        """Address and port of our place (RFC 8489, 14.2: each XORed with the cookie, IPv6 with the transaction too)."""
        value = self.attributes.get(RELAYED_ADDRESS, b"")
        if len(value) not in (8, 20):
            return ""
        mask = struct.pack(">I", MAGIC) + self.raw[8:20]
        port = struct.unpack(">H", value[2:4])[0] ^ (MAGIC >> 16)
        address = ipaddress.ip_address(bytes(one ^ two for one, two in zip(value[4:], mask, strict=False)))
        return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"

    def is_signed_by(self, key: bytes) -> bool:
        """Whether who answers knows the credential too."""
        told = self.attributes.get(INTEGRITY, b"")
        at = self.raw.find(_ATTRIBUTE.pack(INTEGRITY, INTEGRITY_BYTES) + told)
        return len(told) == INTEGRITY_BYTES and hmac.compare_digest(told, _integrity(self.raw[:at], key))


class _Line(asyncio.DatagramProtocol):
    """A socket that speaks with the relay only; what the system says of it is an answer too."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes | OSError] = asyncio.Queue()

    def datagram_received(self, data: bytes, _address: object) -> None:
        self.heard.put_nowait(data)

    def error_received(self, error: Exception) -> None:
        if isinstance(error, OSError):
            self.heard.put_nowait(error)


async def allocate(server: TurnServer) -> str:
    """The address of our place on this relay; raises RelayRefused, RelaySilent, or OSError where it has no address."""
    loop = asyncio.get_running_loop()
    transport, line = await loop.create_datagram_endpoint(_Line, remote_addr=(server.host, server.port))
    try:
        return await _Client(server, transport, line).place()
    finally:
        transport.close()


class _Client:
    """One conversation. Realm and nonce are known after the first refusal, which is how it begins (RFC 8489, 9.2.3)."""

    def __init__(self, server: TurnServer, transport: asyncio.DatagramTransport, line: _Line) -> None:
        self._server, self._transport, self._line = server, transport, line
        self._key = self._realm = self._nonce = b""

    async def place(self) -> str:
        """Asks for it, and gives it back."""
        wanted = [(REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))]
        for _ in range(ANSWERS_MAX):
            answer = await self._ask(ALLOCATE, wanted)
            number, reason = answer.error
            again = number == STALE_NONCE or (number == UNAUTHENTICATED and not self._key)
            if again and NONCE in answer.attributes:
                self._learn(answer)
                continue
            if number:
                raise RelayRefused(_refused(self._server, number, reason))
            if answer.kind != ALLOCATE | SUCCESS or not answer.relayed or not answer.is_signed_by(self._key):
                raise RelayRefused(
                    say("What answers at {relay} is no relay that knows this camera.", relay=self._server.place)
                )
            await self._ask(REFRESH, [(LIFETIME, bytes(4))])
            return answer.relayed
        raise RelayRefused(_refused(self._server, STALE_NONCE, "again and again"))

    def _learn(self, answer: Answer) -> None:
        self._nonce = answer.attributes[NONCE]
        self._realm = answer.attributes.get(REALM, self._realm)
        who = f"{self._server.username}:".encode() + self._realm + f":{self._server.credential}".encode()
        self._key = hashlib.md5(who, usedforsecurity=False).digest()  # RFC 8489, 9.2.2: the protocol's own choice

    async def _ask(self, method: int, attributes: list[tuple[int, bytes]]) -> Answer:
        """The answer to a request, which is sent again until it comes."""
        transaction = os.urandom(12)
        raw = self._request(method, transaction, attributes)
        for wait_s in WAITS_S:
            self._transport.sendto(raw)
            try:
                async with asyncio.timeout(wait_s):
                    return await self._answer(transaction)
            except TimeoutError:
                continue
        port = self._server.port
        raise RelaySilent(
            say(
                "{relay} gives no answer. Check whether the relay runs, and open its UDP port {port} "
                "(and 49152 to 65535) in its firewall.",
                relay=self._server.place,
                port=port,
            )
        )

    async def _answer(self, transaction: bytes) -> Answer:
        while True:
            heard = await self._line.heard.get()
            if isinstance(heard, OSError):
                raise RelaySilent(
                    say("Nothing listens at {relay}. Start the relay (coturn).", relay=self._server.place)
                ) from heard
            if answer := Answer.read(heard, transaction):
                return answer

    def _request(self, method: int, transaction: bytes, attributes: list[tuple[int, bytes]]) -> bytes:
        if not self._key:
            return _message(method, transaction, attributes)
        who = [(USERNAME, self._server.username.encode()), (REALM, self._realm), (NONCE, self._nonce)]
        raw = _message(method, transaction, [*attributes, *who])
        return _message(method, transaction, [*attributes, *who, (INTEGRITY, _integrity(raw, self._key))])


def _message(kind: int, transaction: bytes, attributes: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(
        _ATTRIBUTE.pack(number, len(value)) + value + bytes(-len(value) % 4) for number, value in attributes
    )
    return _HEADER.pack(kind, len(body), MAGIC, transaction) + body


def _attributes(raw: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = _HEADER.size
    while at + _ATTRIBUTE.size <= len(raw):
        number, length = _ATTRIBUTE.unpack_from(raw, at)
        at += _ATTRIBUTE.size
        found.setdefault(number, raw[at : at + length])
        at += length + -length % 4
    return found


def _integrity(raw: bytes, key: bytes) -> bytes:
    """HMAC-SHA1 of what stands before it, the length counting up to its own end (RFC 8489, 14.5)."""
    length = len(raw) - _HEADER.size + _ATTRIBUTE.size + INTEGRITY_BYTES
    return hmac.new(key, raw[:2] + struct.pack(">H", length) + raw[4:], hashlib.sha1).digest()


def _refused(server: TurnServer, number: int, reason: str) -> str:
    if number == UNAUTHENTICATED:
        return say(
            "{relay} does not accept the server's credentials. UCAM_TURN_SECRET must be the "
            "static-auth-secret of its configuration (manage.py turn_config writes it), and both clocks right.",
            relay=server.place,
        )
    return say("{relay} gives no place: {reason}.", relay=server.place, reason=f"{number} {reason}".strip())
