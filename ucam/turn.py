"""The configuration of coturn, the relay for viewers who cannot reach a camera directly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from django.conf import settings

Network = IPv4Network | IPv6Network

# What a relay on the server's network must not be a way into (IANA's special-purpose registries; RFC 5766, 17.2).
# Not `::`: coturn 4.6 takes a line with it for every address, and refuses the unspecified one by itself.
DENIED = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
    "224.0.0.0/3", "::1/128", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
    "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8",
]  # fmt: skip
LOCAL = [ip_network(text) for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]
TEMPLATE = """\
# Made by manage.py turn_config. It holds a secret: mode 0600.
listening-port={port}
realm={realm}
use-auth-secret
static-auth-secret={secret}
fingerprint
stale-nonce=600
max-allocate-lifetime=3600
user-quota=64
total-quota=1200
no-cli
no-multicast-peers
no-tcp-relay
no-tls
no-dtls
no-software-attribute
simple-log
"""


def is_local(network: Network) -> bool:
    """Whether this is a part of a private network, and so may be allowed by name."""
    return any(one.version == network.version and network.subnet_of(one) for one in LOCAL)  # type: ignore[arg-type]


def configuration(local: Sequence[Network] = (), external_ip: str = "") -> str:
    """The file. `local`: networks whose peers are served all the same, for cameras and viewers beside the server."""
    port = re.search(r":(\d{1,5})(?:\?|$)", settings.UCAM_TURN[0])
    text = TEMPLATE.format(
        port=port[1] if port else "3478", realm=settings.UCAM_DOMAIN, secret=settings.UCAM_TURN_SECRET
    )
    lines = [f"denied-peer-ip={_range(ip_network(one))}" for one in DENIED]
    lines += [f"allowed-peer-ip={_range(one)}" for one in local]
    lines += [f"external-ip={external_ip}"] if external_ip else []
    return text + "\n".join(lines) + "\n"


def _range(network: Network) -> str:
    """As coturn writes it."""
    first, last = network[0], network[-1]
    return str(first) if first == last else f"{first}-{last}"
