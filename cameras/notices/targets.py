"""Where messages may go: public addresses, and networks that the operator of this server named. Pure, no Django."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.ip_network("64:ff9b::/96")

# Services that speak HTTP(S) to an address; nothing that runs programs, writes files or speaks to this machine.
_SCHEMES = (
    "apprise apprises bark barks bluesky bsky chanify clicksend discord dingtalk feishu flock form forms gchat "
    "googlechat gotify gotifys groupme guilded hassio hassios ifttt incidentio join json jsons lametric lametrics lark "
    "line mastodon mastodons matrix matrixs misskey misskeys mmost mmosts msgbird nctalk nctalks ncloud nclouds nexmo "
    "notica notifiarr ntfy ntfys onesignal opsgenie pagerduty pagertree pbul pover prowl psafer psafers pushdeer "
    "pushdeers pushed pushme pushover pushplus pushy revolt rocket rockets ryver schan sendgrid signal signals signl4 "
    "simplepush sinch slack spike splunk spush squadcast synology synologys telegram telnyx tgram threema toot toots "
    "twilio twist victorops vonage webex wecombot whatsapp workflow workflows wxpusher wxteams xml xmls zulip"
)
SCHEMES = frozenset(_SCHEMES.split())


def allowed(text: str, networks: Iterable[str]) -> bool:
    """Whether this literal address may be spoken to; addresses that wrap another one are judged by that too."""
    try:
        address: Address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    own = [ipaddress.ip_network(network, strict=False) for network in networks]
    return all(_public(one) or any(one.version == net.version and one in net for net in own) for one in _all(address))


def _all(address: Address) -> list[Address]:
    """The address that is meant: an IPv4 one inside an IPv6 one instead of its wrapping."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return [address.ipv4_mapped]
        if address.sixtofour is not None:
            return [address, address.sixtofour]
        if address.teredo is not None:
            return [address, *address.teredo]
        if address in NAT64:
            return [address, ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address]


def _public(address: Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
