"""The agent as a distribution: what its wheel and sdist hold, and that its needs are few and pinned."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[2] / "agent"
SOURCES = AGENT / "src"
LOCK = AGENT / "requirements.lock"
BUILD = "from setuptools import build_meta as b; import sys; to = sys.argv[1]; b.build_wheel(to); b.build_sdist(to)"
JUNK = re.compile(r"(^|/)(tests?|__pycache__|build|var|\..+)(/|$)|\.(pyc|orig)$|~$")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with wheel and sdist, made by the build backend itself from a copy: the tree stays clean."""
    folder = tmp_path_factory.mktemp("built")
    ignore = shutil.ignore_patterns("*.egg-info", "__pycache__", "build", "dist")
    shutil.copytree(AGENT, folder / "agent", ignore=ignore)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(folder)], cwd=folder / "agent", check=True, capture_output=True, timeout=120
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(built.glob("*.whl")))


def modules() -> set[str]:
    """Every Python file of the sources, as the wheel names it."""
    return {str(file.relative_to(SOURCES)) for file in SOURCES.rglob("*.py")}


def test_the_wheel_has_every_module_and_no_other(wheel: zipfile.ZipFile) -> None:
    found = {name for name in wheel.namelist() if name.endswith(".py")}
    assert found == modules()
    assert {"ucam_protocol.py", "ucam_supervise.py", "ucam_agent/fake/gpio.py", "ucam_agent/lights/gpio.py"} <= found


def test_the_wheel_has_footage_and_types(wheel: zipfile.ZipFile) -> None:
    assert {"ucam_agent/py.typed", "ucam_agent/media/street.mp4"} <= set(wheel.namelist())


def test_neither_has_tests_or_junk(built: Path, wheel: zipfile.ZipFile) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        inside = [name.partition("/")[2] for name in sdist.getnames()]
    assert [name for name in [*wheel.namelist(), *inside] if JUNK.search(name)] == []


def test_the_sdist_has_what_a_device_needs_besides(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        inside = {name.partition("/")[2] for name in sdist.getnames()}
    assert {
        "README.md",
        "pyproject.toml",
        "requirements.lock",
        "systemd/ucam-agent.service",
        "systemd/ucam-agent.sysusers",
        "udev/99-ucam-leds.rules",
        *(f"src/{name}" for name in modules()),
    } <= inside


def test_the_wheel_runs_anywhere_and_brings_the_command(wheel: zipfile.ZipFile) -> None:
    assert str(wheel.filename).endswith("-py3-none-any.whl")
    points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "ucam-agent = ucam_agent.cli:main" in wheel.read(points).decode()


def pins() -> dict[str, list[str]]:
    """Name to hashes, as the lock has them."""
    found: dict[str, list[str]] = {}
    for line in LOCK.read_text().splitlines():
        if pin := re.match(r"([a-z0-9-]+)==\S+", line):
            name = pin[1]
            found[name] = []
        elif digest := re.match(r"    --hash=(sha256:[0-9a-f]{64})", line):
            found[name].append(digest[1])
    return found


def test_every_dependency_is_pinned_with_hashes() -> None:
    wanted = tomllib.loads((AGENT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.match(r"[a-z-]+", need)[0] for need in wanted} <= pins().keys()  # type: ignore[index]
    assert all(len(set(hashes)) == len(hashes) >= 1 for hashes in pins().values())


def test_the_dependencies_stay_few() -> None:
    assert len(pins()) <= 12


def test_what_is_compiled_has_wheels_for_many_systems() -> None:
    """More hashes than an sdist and a pure wheel have; script/check-wheels asks for the ones of 64-bit Arm itself."""
    compiled = {"aiohttp", "frozenlist", "msgspec", "multidict", "propcache", "yarl"}
    assert {name for name, hashes in pins().items() if len(hashes) > 2} == compiled


def test_agent_and_server_pin_the_same_versions() -> None:
    """They share a .venv on the server, for the demo camera."""
    versions = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.M))
    server = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (AGENT.parent / "requirements.lock").read_text(), re.M))
    assert {name: version for name, version in versions.items() if server.get(name, version) != version} == {}
