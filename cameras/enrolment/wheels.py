"""What a Pi downloads from here: the agent's wheel, made when first asked for, and the packages that it needs."""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from accounts.errors import UcamError

AGENT = Path(settings.BASE_DIR) / "agent"
FILES = {
    "requirements.lock": AGENT / "requirements.lock",
    "ucam-agent.service": AGENT / "systemd" / "ucam-agent.service",
    "ucam-agent.sysusers": AGENT / "systemd" / "ucam-agent.sysusers",
    "99-ucam-leds.rules": AGENT / "udev" / "99-ucam-leds.rules",
    "ucam_firstboot.py": AGENT / "firstboot" / "ucam_firstboot.py",
    "ucam-firstboot.service": AGENT / "firstboot" / "ucam-firstboot.service",
}
BUILD = "from setuptools import build_meta as b; import sys; b.build_wheel(sys.argv[1])"
BUILD_WITHIN_S = 120
# Raspberry Pi OS, 64 bit: Bookworm and Trixie.
PYTHONS = ("3.11", "3.13")
PLATFORMS = ("manylinux_2_17_aarch64", "manylinux_2_28_aarch64", "manylinux2014_aarch64")
WHEEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\.whl")


class WheelNotMade(UcamError):
    """The agent cannot be served."""

    code = "wheel_not_made"
    status = 503
    permanent = False
    message = "The agent's package could not be made on this server."
    hint = "Look for the reason with: manage.py fetch_wheels"


def folder() -> Path:
    """Where wheels lie."""
    made = Path(settings.UCAM_DATA) / "wheels"
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    return made


def sources_hash() -> str:
    """Of everything that goes into the wheel."""
    digest = hashlib.sha256()
    files = [AGENT / "pyproject.toml", AGENT / "README.md", *(AGENT / "src").rglob("*")]
    for file in sorted(file for file in files if file.is_file() and _counts(file)):
        digest.update(f"{file.relative_to(AGENT)}\0{file.stat().st_size}\0{file.stat().st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def _counts(file: Path) -> bool:
    return not any(part == "__pycache__" or part.endswith(".egg-info") for part in file.parts)


def agent_wheel() -> Path:
    """The wheel of the agent as it is in this checkout; raises WheelNotMade."""
    home = folder() / f"agent-{sources_hash()}"
    if wheel := next(home.glob("ucam_agent-*.whl"), None):
        return wheel
    with open(folder() / "building.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            _build(home)
            _forget_others(home)
    return next(home.glob("ucam_agent-*.whl"))


def _build(home: Path) -> None:
    """Made from a copy, since setuptools writes beside the sources; put in place in one step."""
    with tempfile.TemporaryDirectory(dir=folder(), prefix="building-") as name:
        work, out = Path(name, "agent"), Path(name, "out")
        shutil.copytree(AGENT, work, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", "build", "dist"))
        out.mkdir()
        argv = [sys.executable, "-c", BUILD, str(out)]
        done = subprocess.run(argv, cwd=work, capture_output=True, text=True, timeout=BUILD_WITHIN_S, check=False)  # noqa: S603
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise WheelNotMade(hint=said[-1] if said else "")
        out.rename(home)


def _forget_others(home: Path) -> None:
    for old in folder().glob("agent-*"):
        if old != home:
            shutil.rmtree(old, ignore_errors=True)


def dependencies() -> list[Path]:
    """The wheels that `fetch_wheels` has fetched."""
    return sorted(file for file in folder().glob("*.whl") if WHEEL_NAME.fullmatch(file.name))


def fetch_dependencies(python: str) -> None:
    """The locked packages for a 64-bit Pi with this Python; raises WheelNotMade with pip's last line."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    asked = ["--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for name in PLATFORMS:
        asked += ["--platform", name]
    argv = [*pip, *asked, "--dest", str(folder()), "--requirement", str(FILES["requirements.lock"])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - argv made by us
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise WheelNotMade(f"Packages for Python {python} could not be fetched.", hint=said[-1] if said else "")


def manifest() -> dict[str, Any]:
    """What a Pi takes, each with its SHA-256."""
    wheel = agent_wheel()
    return {
        "wheel": {"name": wheel.name, "sha256": sha256_of(wheel, wheel.stat().st_mtime_ns)},
        "files": {name: sha256_of(file, file.stat().st_mtime_ns) for name, file in FILES.items()},
    }


@lru_cache(maxsize=32)
def sha256_of(file: Path, _changed_ns: int) -> str:
    """Hash of a file, read once a version."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def served(name: str) -> Path | None:
    """The file of that name, if it is one that a Pi may have."""
    if name in FILES:
        return FILES[name]
    known = {file.name: file for file in [agent_wheel(), *dependencies()]}
    return known.get(name)
