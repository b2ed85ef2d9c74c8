"""What is pinned is none of the versions with known advisories that were weighed when it was chosen."""

from __future__ import annotations

import re

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.e2e.stack import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "agent/requirements.lock")
# Name: the first version without what is named behind it.
FLOORS = {
    "daphne": ("4.2.3", "CVE-2026-44545, CVE-2026-44546"),
    "django": ("5.2", "older lines get no security releases any more"),
    "aiohttp": ("3.12.14", "CVE-2025-53643"),
    "setuptools": ("78.1.1", "CVE-2025-47273"),
    "redis": ("5.0", "CVE-2023-28858, CVE-2023-28859"),
    "pyjwt": ("2.10.1", "CVE-2024-53861"),
}
# Nobody looks after these any more, so advisories would not be mended.
NEVER = {"djangorestframework-simplejwt", "django-ratelimit", "python-jose", "rpi-gpio"}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)


def pinned(lock: str) -> dict[str, Version]:
    """Versions by name."""
    found = PIN.findall((ROOT / lock).read_text())
    assert found, f"{lock} pins nothing"
    return {canonicalize_name(name): Version(version) for name, version in found}


@pytest.mark.parametrize("lock", LOCKS)
def test_no_version_has_an_advisory_that_is_known_here(lock: str) -> None:
    versions = pinned(lock)
    old = {name: why for name, (floor, why) in FLOORS.items() if versions.get(name, Version("9999")) < Version(floor)}
    assert not old
    assert not NEVER & set(versions)


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_is_pinned_by_its_hash(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert len(PIN.findall(text)) == len(re.findall(r"^[^\s#][^=]*==.*\\\n\s+--hash=sha256:", text, re.MULTILINE))
