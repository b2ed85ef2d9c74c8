"""Addresses of people, cameras and the server, after RFC 7622; and the root of what can be wrong with foreign text."""

from __future__ import annotations

import re
import unicodedata

from msgspec import Struct


class ProtocolError(Exception):
    """Root of what can be wrong with a foreign text; `code` is stable; `permanent`: sending it again is useless."""

    code = "protocol"
    permanent = True

    def __init__(self, message: str, *, hint: str = "", id: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.id = id


class JidInvalid(ProtocolError):
    """The text is no JID; `message` says which part and why."""

    code = "jid_invalid"


# RFC 7622, 3.3.1: what a localpart may not hold beside controls and spaces. XEP-0106 writes them as \26 and so on.
_LOCAL_FORBIDDEN = "\"&'/:<>@"
_ESCAPES = {char: f"\\{ord(char):02x}" for char in " \"&'/:<>@"}
_LABEL = re.compile(r"^[^\W_](?:[\w-]{0,61}[^\W_])?$")
PART_BYTES_MAX = 1023  # RFC 7622, 3.1


class Jid(Struct, frozen=True, order=True):
    """`local@domain[/resource]` after RFC 7622; local and domain in lower case and NFC: equal JIDs compare equal."""

    local: str
    domain: str
    resource: str = ""

    @classmethod
    def parse(cls, text: str) -> Jid:
        """The JID that `text` is; raises JidInvalid with a sentence for the person who typed it."""
        if not isinstance(text, str):
            raise JidInvalid("A JID is a text such as cam001@studio.loc.")
        bare, slash, resource = text.partition("/")
        local, at, domain = bare.partition("@")
        if not at:
            raise JidInvalid(f"{shown(text)} has no @. A JID looks like cam001@studio.loc.")
        if slash and not resource:
            raise JidInvalid(f"{shown(text)} ends with a /. Leave it out or name the connection behind it.")
        return cls(_local(local), _domain(domain), _resource(resource))

    @classmethod
    def of_email(cls, email: str) -> Jid:
        """The bare JID of a person; characters that a localpart may not hold are escaped after XEP-0106."""
        local, _, domain = email.strip().rpartition("@")
        return cls(_local("".join(_ESCAPES.get(char, char) for char in local)), _domain(domain))

    @property
    def bare(self) -> Jid:
        """Without the resource."""
        return Jid(self.local, self.domain) if self.resource else self

    def at(self, resource: str) -> Jid:
        """The full JID of one connection."""
        return Jid(self.local, self.domain, _resource(resource))

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" + (f"/{self.resource}" if self.resource else "")


def shown(text: str) -> str:
    """As a message may quote it."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _bounded(part: str, name: str) -> str:
    size = len(part.encode("utf-8", "surrogatepass"))
    if not 1 <= size <= PART_BYTES_MAX:
        raise JidInvalid(f"The {name} of a JID has 1 to {PART_BYTES_MAX} bytes, this one {size}.")
    for char in part:
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            raise JidInvalid(f"The {name} of a JID holds no control or invisible characters; {shown(part)} does.")
    return part


def _local(part: str) -> str:
    part = _bounded(unicodedata.normalize("NFC", part.lower()), "name before the @")
    for char in part:
        if char in _LOCAL_FORBIDDEN or char.isspace():
            raise JidInvalid(f"{shown(part)} holds {char!r}, which the name before the @ may not.")
    return part


def _domain(part: str) -> str:
    part = _bounded(unicodedata.normalize("NFC", part.lower().rstrip(".")), "domain")
    if not all(_LABEL.match(label) for label in part.split(".")):
        raise JidInvalid(f"{shown(part)} is no domain: letters, digits and hyphens between dots, as in studio.loc.")
    return part


def _resource(part: str) -> str:
    return _bounded(unicodedata.normalize("NFC", part), "resource") if part else ""
