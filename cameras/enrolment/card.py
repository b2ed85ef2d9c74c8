"""The files of a card: what an untouched Raspberry Pi OS Lite needs on its boot partition to become a camera.

YAML is written as JSON (each JSON text is YAML 1.2), so that no name and no password can mean anything but itself.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.errors import UcamError
from cameras.models import Camera

FIRSTBOOT = Path(settings.BASE_DIR) / "agent" / "firstboot"
SCRIPTS = ("ucam_firstboot.py", "ucam-firstboot.service")
BOOT = "/boot/firmware"
START = [
    "sh",
    "-c",
    f"[ ! -r {BOOT}/ucam_firstboot.py ] || exec /usr/bin/python3 {BOOT}/ucam_firstboot.py install",
]
# What YAML 1.1 readers refuse or fold when it stands there raw, though JSON allows it.
UNSAFE_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
PASSPHRASE = re.compile(r"[\x20-\x7e]{8,63}|[0-9A-Fa-f]{64}")
COUNTRY = re.compile(r"[A-Z]{2}")


class WifiInvalid(UcamError):
    """A name, password or country that no Wi-Fi has."""

    code = "wifi_invalid"


@dataclass(frozen=True, slots=True)
class Wifi:
    """One network; an empty password means that it has none. Raises WifiInvalid."""

    name: str
    password: str = ""
    country: str = "DE"
    hidden: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.name.encode(errors="replace")) <= 32 or "\0" in self.name:
            raise WifiInvalid("A Wi-Fi name has 1 to 32 bytes.")
        if self.password and not PASSPHRASE.fullmatch(self.password):
            raise WifiInvalid("A Wi-Fi password has 8 to 63 characters, without accents or umlauts.")
        if not COUNTRY.fullmatch(self.country):
            raise WifiInvalid("The country is two capital letters, for example DE.")


def as_yaml(value: Any) -> str:
    """JSON that every YAML reader takes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return UNSAFE_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def as_toml(value: str) -> str:
    """A basic string of TOML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def network(wifi: Wifi | None = None) -> dict[str, Any]:
    """The netplan of `network-config`: cable always, Wi-Fi when given (twin: static/js/admin/card.js)."""
    plan: dict[str, Any] = {
        "version": 2,
        "ethernets": {"eth0": {"dhcp4": True, "dhcp6": True, "optional": True}},
    }
    if wifi:
        access: dict[str, Any] = {"password": wifi.password} if wifi.password else {"auth": {"key-management": "none"}}
        if wifi.hidden:
            access["hidden"] = True
        points = {wifi.name: access}
        plan["wifis"] = {
            "wlan0": {"dhcp4": True, "optional": True, "regulatory-domain": wifi.country, "access-points": points}
        }
    return {"network": plan}


def user_data(camera: Camera) -> dict[str, Any]:
    """What cloud-init does at the first start.

    `runcmd` alone would be lost with the power: cloud-init marks it as done before it runs. So `bootcmd`, which runs at
    every start, does the same; both only install and enable a unit that tries until the Pi is a camera.
    `user`: without one Raspberry Pi OS waits at the console for somebody to make one, and `runcmd` waits with it.
    """
    return {
        "hostname": re.sub(r"[^a-z0-9-]+", "-", camera.local).strip("-") or "camera",
        "manage_resolv_conf": False,
        "timezone": camera.location.timezone,
        "ssh_pwauth": False,
        "user": {"name": "installer", "lock_passwd": True, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL"},
        "bootcmd": [START],
        "runcmd": [START],
    }


def card_files(camera: Camera, code: str, wifi: Wifi | None = None) -> dict[str, str]:
    """Texts by the names that they have on the boot partition."""
    instance = f"ucam-{secrets.token_hex(8)}"  # a new one makes cloud-init run on a card that was started before, too
    toml = [
        "# Read at the first start; once this Pi is a camera, the code here is erased. It works once, for a day.",
        f"camera = {as_toml(str(camera.jid))}",
        f"server = {as_toml(settings.UCAM_URL)}",
        f"code = {as_toml(code)}",
    ]
    return {
        "user-data": "#cloud-config\n" + as_yaml(user_data(camera)),
        "network-config": as_yaml(network(wifi)),
        "meta-data": as_yaml({"instance-id": instance, "instance_id": instance, "dsmode": "local"}),
        "ucam.toml": "\n".join([*toml, ""]),
        **{name: (FIRSTBOOT / name).read_text(encoding="utf-8") for name in SCRIPTS},
    }
