"""The systemd unit, its user and the udev rule: what they promise, and that they agree with each other and the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ucam_agent.config import STATE_DEFAULT
from ucam_agent.lights.sysfs import NAMES

AGENT = Path(__file__).parents[2] / "agent"


def directives(name: str) -> list[str]:
    """All values of a directive, in order."""
    text = (AGENT / "systemd" / "ucam-agent.service").read_text()
    return re.findall(rf"^{name}=(.*)$", text, re.M)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Type", "notify"),
        ("WatchdogSec", "30"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
        ("User", "ucam"),
        ("StateDirectory", STATE_DEFAULT.name),
        ("RuntimeDirectory", "ucam-agent"),
        ("RuntimeDirectoryMode", "0700"),
        ("RuntimeDirectoryPreserve", "restart"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("DevicePolicy", "closed"),
        ("OOMPolicy", "continue"),
    ],
)
def test_the_unit_says(name: str, value: str) -> None:
    assert directives(name) == [value]


def test_its_socket_lies_on_no_card() -> None:
    assert directives("ExecStart")[0].endswith(f"--runtime /run/{directives('RuntimeDirectory')[0]}")


def test_it_does_not_wait_for_network_or_time() -> None:
    waits = " ".join(directives("After") + directives("Wants") + directives("Requires"))
    assert not re.search("network|time", waits)


def test_the_clock_may_be_asked_for() -> None:
    """wallclock.py asks adjtimex(2), which @privileged forbids: what is allowed again must come after it."""
    filters = directives("SystemCallFilter")
    assert filters.index("adjtimex clock_adjtime") > filters.index("~@privileged")
    assert directives("ProtectClock") == []


def test_every_group_of_the_unit_is_made() -> None:
    made = re.findall(r"^[ug] (\S+)", (AGENT / "systemd" / "ucam-agent.sysusers").read_text(), re.M)
    assert set(directives("SupplementaryGroups")[0].split()) | {"ucam"} == set(made)


def test_the_rule_gives_the_lights_that_the_agent_looks_for() -> None:
    rule = (AGENT / "udev" / "99-ucam-leds.rules").read_text()
    assert f'KERNEL=="{"|".join(NAMES)}"' in rule
    assert "chgrp ucam /sys%p/brightness /sys%p/trigger" in rule
