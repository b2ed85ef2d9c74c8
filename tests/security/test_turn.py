"""The relay: its configuration refuses what a relay must not reach, and credentials expire."""

from __future__ import annotations

import io
import ipaddress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ucam.turn import configuration

SECRET = "s" * 64


@pytest.fixture
def relay(settings: Any) -> Any:
    """A server that names a relay."""
    settings.UCAM_TURN, settings.UCAM_TURN_SECRET = ["turn:turn.example.com:3479?transport=udp"], SECRET
    return settings


def denied(text: str, address: str) -> bool:
    """Whether a peer at this address is refused, as coturn reads its file."""
    asked = ipaddress.ip_address(address)

    def inside(line: str) -> bool:
        first, _, last = line.partition("=")[2].partition("-")
        begin, end = ipaddress.ip_address(first), ipaddress.ip_address(last or first)
        return begin.version == asked.version and int(begin) <= int(asked) <= int(end)

    lines = text.splitlines()
    allowed = any(inside(line) for line in lines if line.startswith("allowed-peer-ip="))
    return not allowed and any(inside(line) for line in lines if line.startswith("denied-peer-ip="))


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.255.255.255", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
     "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "fe80::1", "fd00::1", "ff02::1",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_private_and_loopback_peers_are_refused(relay: Any, address: str) -> None:
    assert denied(configuration(), address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_others_are_not(relay: Any, address: str) -> None:
    assert not denied(configuration(), address)


def test_no_line_means_every_address_to_coturn(relay: Any) -> None:
    """Tried with coturn 4.6.1: `denied-peer-ip=::` refuses all peers, and nobody would get a picture."""
    assert not {"denied-peer-ip=::", "denied-peer-ip=0.0.0.0"} & set(configuration().splitlines())


def test_a_local_network_is_allowed_by_name_only(relay: Any) -> None:
    text = configuration(local=[ipaddress.ip_network("192.168.7.0/24")])
    assert not denied(text, "192.168.7.20")
    assert denied(text, "192.168.8.20")
    assert denied(text, "127.0.0.1")


def test_credentials_come_from_the_shared_secret(relay: Any) -> None:
    lines = configuration().splitlines()
    assert {"use-auth-secret", f"static-auth-secret={SECRET}", "listening-port=3479", "no-cli"} <= set(lines)
    assert not any(line.startswith(("user=", "lt-cred-mech=", "no-auth")) for line in lines)


def test_the_command_writes_a_file_that_nobody_else_reads(relay: Any, tmp_path: Path) -> None:
    file = tmp_path / "turnserver.conf"
    call_command("turn_config", "--local", "192.168.7.0/24", "--output", str(file), stdout=io.StringIO())
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text() == configuration(local=[ipaddress.ip_network("192.168.7.0/24")])


@pytest.mark.parametrize("network", ["0.0.0.0/0", "127.0.0.0/8", "8.8.8.0/24", "nonsense", "10.0.0.1/8"])
def test_a_network_that_is_no_local_one_is_refused(relay: Any, network: str) -> None:
    with pytest.raises(CommandError, match="--local"):
        call_command("turn_config", "--local", network, stdout=io.StringIO())


def test_without_a_relay_there_is_nothing_to_configure(settings: Any) -> None:
    settings.UCAM_TURN, settings.UCAM_TURN_SECRET = [], ""
    with pytest.raises(CommandError, match="UCAM_TURN"):
        call_command("turn_config", stdout=io.StringIO())
