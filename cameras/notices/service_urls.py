"""The URL of a service, as an operator gives it: a known kind, no address of this network, no file of this machine."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import parse_qsl, urlsplit

import apprise
from django.conf import settings

from cameras.notices.errors import ServiceRefused
from cameras.notices.targets import SCHEMES, allowed

LONGEST = 2000
NAMES_FILES = frozenset({"template", "keyfile", "subfile", "cert", "key_file", "attach", "config", "private_key"})

NUMBERS_ARE_NAMES = frozenset({"tgram", "telegram", "discord"})  # the number of a bot stands where a host would


def checked(url: str) -> str:
    """The URL, trimmed; raises ServiceRefused in words that do not repeat it. Sending looks at the address again."""
    url = url.strip()
    if not url or len(url) > LONGEST or any(ord(char) < 33 or ord(char) == 127 for char in url):
        raise ServiceRefused()
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise ServiceRefused() from error
    if parts.scheme.lower() not in SCHEMES:
        raise ServiceRefused("This kind of service is not on the list of those that may be used.")
    if NAMES_FILES & {key.lower().lstrip("+-:") for key, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        raise ServiceRefused("A URL that names a file of this server may not be used.")
    if host and any(not allowed(address, settings.UCAM_NOTICE_NETWORKS) for address in addresses(host, parts.scheme)):
        raise ServiceRefused(
            "This address lies on the server's own network.",
            hint="Whoever runs the server can allow a network: UCAM_NOTICE_NETWORKS=192.168.1.0/24.",
        )
    if not apprise.Apprise().add(url):
        raise ServiceRefused()
    return url


def addresses(host: str, scheme: str) -> list[str]:
    """Of a host, as far as it is one: in many of these URLs a token stands there, which resolves to nothing."""
    if scheme in NUMBERS_ARE_NAMES and host.isdigit():
        return []
    for read in (ipaddress.ip_address, lambda text: ipaddress.ip_address(socket.inet_aton(text))):  # 127.1, 0x7f000001
        try:
            return [str(read(host))]
        except (ValueError, OSError):
            continue
    if "." not in host and host != "localhost":
        return []
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)})
    except OSError:
        return []
