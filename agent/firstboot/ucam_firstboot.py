#!/usr/bin/python3
"""First boot: makes a Raspberry Pi a camera of ucam by the code in `ucam.toml`, however often power or network fail.

    ucam_firstboot.py install   put this script and its unit into the system, enable and start them
    ucam_firstboot.py run       try until this Pi is a camera; then erase the code, and stay away

Each step looks first whether it is done. Whatever moment the power goes, the next start goes on from there.
Standard library only: it runs on an untouched Raspberry Pi OS Lite.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

CARD = "ucam.toml"
UNIT = "ucam-firstboot.service"
SCRIPT = "ucam_firstboot.py"
BOOT_DIRECTORIES = ("boot/firmware", "boot")  # Raspberry Pi OS since Bookworm, and before
USED_UP = "used"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 300.0
ANSWER_WITHIN_S = 60
ANSWER_BYTES_MAX = 64 * 2**20
CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{3,99}")  # never an option
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,150}")
NEEDED = (
    "ca-certificates",
    "python3-venv",
    "python3-gi",
    "python3-gst-1.0",
    "gir1.2-gst-plugins-base-1.0",
    "gir1.2-gst-plugins-bad-1.0",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-plugins-ugly",
    "gstreamer1.0-nice",
    "gstreamer1.0-alsa",
    "gstreamer1.0-libav",
)
OF_THE_BOARD = ("gstreamer1.0-libcamera", "python3-rpi-lgpio")  # known to Raspberry Pi OS, not to every Debian


class NotYet(Exception):
    """This did not work; trying again later may. The message says what is missing."""


class Hopeless(Exception):
    """Trying again is no use before somebody has done something. The message says what."""


def say(text: str) -> None:
    print(f"ucam: {text}", flush=True)


@dataclass(frozen=True)
class Card:
    """What the installer's files say: the server and the one-time code (empty once it is used)."""

    file: Path
    server: str
    code: str


@dataclass(frozen=True)
class Places:
    """Where everything lies; all below `root`, which is / on a Pi."""

    root: Path
    boot_directory: Path | None = None

    @property
    def boot(self) -> Path:
        """The directory of ucam.toml: the one given, else the boot partition."""
        if self.boot_directory:
            return self.boot_directory
        found = [self.root / name for name in BOOT_DIRECTORIES if (self.root / name / CARD).exists()]
        return found[0] if found else self.root / BOOT_DIRECTORIES[0]

    @property
    def state(self) -> Path:
        return self.root / "var/lib/ucam-agent"

    @property
    def venv(self) -> Path:
        return self.root / "opt/ucam-agent"

    @property
    def installed(self) -> Path:
        """Holds the hash of the agent's wheel; written last, so that it is there only when all is."""
        return self.venv / "ucam-installed"

    @property
    def script(self) -> Path:
        return self.root / "usr/local/lib/ucam" / SCRIPT

    @property
    def units(self) -> Path:
        return self.root / "etc/systemd/system"

    @property
    def enabled(self) -> Path:
        return self.units / "multi-user.target.wants" / UNIT


# ---------------------------------------------------------------- files that survive a power cut


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put `content` in the file's place in one step, durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.chmod(mode)
    os.replace(fresh, path)
    sync(path.parent)


def sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ---------------------------------------------------------------- the card


def read_card(places: Places) -> Card:
    """Server and code; raises Hopeless with what is wrong in the file."""
    file = places.boot / CARD
    try:
        told = tomllib.loads(file.read_text(encoding="utf-8-sig"))
        server, code = told["server"], told["code"]
    except FileNotFoundError:
        raise Hopeless(f"There is no {file}. Copy the camera's files onto the boot partition once more.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise Hopeless(f"{file} cannot be read ({error}). Copy it onto the boot partition once more.") from None
    if not isinstance(server, str) or urlsplit(server).scheme not in ("http", "https") or not urlsplit(server).hostname:
        raise Hopeless(f"{file} names no server. Copy it onto the boot partition once more.")
    if code == USED_UP:
        return Card(file, server, "")
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise Hopeless(f"{file} holds no code. Make a new one on the camera's page.")
    return Card(file, server.rstrip("/"), code)


def erase_code(card: Card) -> None:
    """Overwrite the code where it stands, in all copies of the file: FAT would leave the old sectors readable."""
    if not card.code:
        return
    for file in (card.file, card.file.with_name(f"{CARD}.new")):
        if file.exists():
            overwrite(file, card.code)
    say(f"the code in {card.file} is erased")


def overwrite(file: Path, code: str) -> None:
    """`code = "AAAA-…"` becomes `code = "used"` of the same length: no sector moves, none is half written."""
    content = file.read_bytes()
    erased = content.replace(f'"{code}"'.encode(), f'"{USED_UP}"'.encode().ljust(len(code) + 2))
    with open(file, "r+b") as opened:
        opened.write(erased)
        opened.flush()
        os.fsync(opened.fileno())


# ---------------------------------------------------------------- the system


def run(argv: Sequence[str | Path], failed: str, environment: dict[str, str] | None = None) -> None:
    """One command, its output shown; raises NotYet with `failed`."""
    given = {**os.environ, **(environment or {})}
    if subprocess.run([str(word) for word in argv], env=given, check=False).returncode:  # noqa: S603 - argv made by us
        raise NotYet(failed)


def fetch(url: str) -> bytes:
    """The body of a page of the server; raises NotYet."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_WITHIN_S) as answer:  # noqa: S310 - http(s), checked in read_card
            return bytes(answer.read(ANSWER_BYTES_MAX))
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise NotYet(f"{url} cannot be fetched ({error}). Is the network up, and the server?") from None


def install_packages() -> None:
    """Debian's packages; those that are there cost nothing."""
    if not missing(NEEDED):
        return
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    # The clock of a Pi may be old at first; and the unattended upgrades may hold the lock.
    apt = ["apt-get", "-q", "-o", "Acquire::Check-Date=false", "-o", "DPkg::Lock::Timeout=600"]
    why = "Debian's packages could not be installed (the lines above say why). Is the network up?"
    run(["dpkg", "--configure", "-a"], why, environment)
    run([*apt, "update"], why, environment)
    run([*apt, "install", "-y", "--no-install-recommends", *NEEDED], why, environment)
    for package in missing(OF_THE_BOARD):
        try:
            run([*apt, "install", "-y", "--no-install-recommends", package], "", environment)
        except NotYet:
            say(f"{package} is not to be had here; going on without it")


def missing(packages: Sequence[str]) -> list[str]:
    """Those that dpkg does not know as installed."""
    query = ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages]
    shown = subprocess.run(query, capture_output=True, text=True, check=False).stdout  # noqa: S603 - argv made by us
    return [package for package in packages if f"{package} installed" not in shown.splitlines()]


def install_agent(places: Places, server: str) -> None:
    """The agent from the server, into a venv; what is not listed there with its hash is not taken."""
    manifest = json.loads(fetch(f"{server}/install/agent.json"))
    if places.installed.exists() and places.installed.read_text() == manifest["wheel"]["sha256"]:
        return
    install_packages()
    say("installing the agent")
    download = places.root / "var/cache/ucam"
    shutil.rmtree(download, ignore_errors=True)
    for name, sha256 in {**manifest["files"], manifest["wheel"]["name"]: manifest["wheel"]["sha256"]}.items():
        replace_file(
            download / checked_name(name), checked(fetch(urljoin(f"{server}/install/files/", name)), sha256, name)
        )
    places.installed.unlink(missing_ok=True)
    why = "The agent's Python environment could not be made; the lines above say why."
    run(["/usr/bin/python3", "-m", "venv", "--clear", "--system-site-packages", places.venv], why)
    install_dependencies(places, server, download / "requirements.lock")
    wheel = download / manifest["wheel"]["name"]
    run([places.venv / "bin/pip", "install", "--quiet", "--no-deps", "--no-index", wheel], why)
    install_units(places, download)
    os.sync()
    replace_file(places.installed, manifest["wheel"]["sha256"].encode())


def install_dependencies(places: Places, server: str, lock: Path) -> None:
    """The locked packages: the server's copies when it has them for this Python, else those of the package index."""
    pip: list[str | Path] = [
        places.venv / "bin/pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--only-binary=:all:",
        "-r",
        lock,
    ]
    links = ["--find-links", f"{server}/install/wheels/"]
    if server.startswith("http:"):  # pip would not talk to it; the lock's hashes say whether a package is the right one
        links += ["--trusted-host", urlsplit(server).netloc]
    try:
        run([*pip, "--no-index", *links], "")
    except NotYet:
        here = f"Python {platform.python_version()} on {platform.machine()}"
        say(
            f"the server has no packages for {here} (manage.py fetch_wheels gets them); asking the public package index"
        )
        run([*pip, *links], "The agent's Python packages could not be installed. Is there a way to the internet?")


def checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise NotYet(f"The server lists a file with the name {name!r}, which is none.")
    return name


def checked(content: bytes, sha256: str, name: str) -> bytes:
    """The content, when it is whole."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise NotYet(f"{name} arrived damaged.")
    return content


def install_units(places: Places, download: Path) -> None:
    """Unit, user, groups and LED rule of the agent."""
    replace_file(places.units / "ucam-agent.service", (download / "ucam-agent.service").read_bytes())
    replace_file(places.root / "etc/sysusers.d/ucam-agent.conf", (download / "ucam-agent.sysusers").read_bytes())
    replace_file(places.root / "etc/udev/rules.d/99-ucam-leds.rules", (download / "99-ucam-leds.rules").read_bytes())
    why = "The agent's user could not be made; the lines above say why."
    run(["systemd-sysusers"], why)
    run(["systemctl", "daemon-reload"], "systemd did not read the agent's unit.")
    if Path("/run/udev/control").exists():  # a container has no lights, and no udev either
        run(["udevadm", "control", "--reload"], "The rule for the lights could not be loaded.")


# ---------------------------------------------------------------- from a code to a camera


@dataclass(frozen=True)
class Pi:
    """What is done to this machine. `rehearsal`: an agent that is there; nothing outside the root is touched."""

    places: Places
    rehearsal: Path | None = None

    def prepare(self, server: str) -> None:
        """The agent is installed."""
        if self.rehearsal:
            fetch(f"{server}/install/agent.json")
            return
        install_agent(self.places, server)

    def enrol(self, card: Card, again: bool) -> None:
        """The code becomes an identity; raises NotYet with the agent's own words before."""
        state = self.places.state
        command: list[str | Path] = ["enrol", card.server, card.code, "--state", state, *(["--again"] if again else [])]
        if self.rehearsal:
            command = [self.rehearsal, *command]
        else:
            if again:  # a camera that records is not given another name
                run(["systemctl", "stop", "ucam-agent.service"], "The agent that runs could not be stopped.")
            run(["install", "-d", "-o", "ucam", "-g", "ucam", "-m", "0700", state], f"{state} could not be made.")
            command = ["runuser", "-u", "ucam", "--", self.places.venv / "bin/ucam-agent", *command]
        run(command, "This Pi is not enrolled yet; the line above says why.")

    def start(self) -> None:
        """The agent runs, now and after each boot."""
        if not self.rehearsal:
            run(["systemctl", "enable", "ucam-agent.service"], "The agent's service could not be enabled.")
            run(
                ["systemctl", "restart", "--no-block", "ucam-agent.service"],
                "The agent's service could not be started.",
            )

    def leave(self) -> None:
        """The unit does not start again."""
        self.places.enabled.unlink(missing_ok=True)
        if self.places.enabled.parent.exists():
            sync(self.places.enabled.parent)


def become_camera(pi: Pi, again: bool = False) -> None:
    """All steps from wherever the last try ended; raises NotYet or Hopeless."""
    enrolled = pi.places.state / "device.json"
    card = read_card(pi.places)
    if card.code:
        if again or not enrolled.exists():
            pi.prepare(card.server)
            pi.enrol(card, again)
        else:
            say("this Pi is a camera already and stays it; the code is not needed")
        erase_code(card)
    if not enrolled.exists():
        raise Hopeless("The code was used, but this Pi is no camera. Make a new one on the camera's page.")
    pi.start()
    pi.leave()
    say("done: this Pi is a camera")


def keep_trying(attempt: Callable[[], None], first_s: float, longest_s: float) -> None:
    """Until it works, with growing, jittered pauses; a new ucam.toml is read each time."""
    pause_s, said = first_s, ""
    while True:
        try:
            return attempt()
        except (NotYet, Hopeless, OSError, ValueError, KeyError) as error:
            if str(error) != said:
                said = str(error)
                say(f"not yet: {said} Trying again.")
        time.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, hides nothing
        pause_s = min(pause_s * 2, longest_s)


def install(places: Places, source: Path, start: bool) -> None:
    """Script and unit into the system, enabled; may be repeated."""
    replace_file(places.script, (source / SCRIPT).read_bytes(), 0o755)
    replace_file(places.units / UNIT, (source / UNIT).read_bytes())
    places.enabled.parent.mkdir(parents=True, exist_ok=True)
    if not places.enabled.is_symlink():
        places.enabled.symlink_to(f"../{UNIT}")
    sync(places.enabled.parent)
    if start:
        run(["systemctl", "daemon-reload"], "systemd did not read the new unit.")
        run(["systemctl", "start", "--no-block", UNIT], f"{UNIT} could not be started.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 with a sentence."""
    options = parser().parse_args(arguments)
    places = Places(options.root, options.boot)
    pi = Pi(places, options.rehearsal)
    try:
        if options.command == "install":
            # Called at each boot by bootcmd: nothing to do once the code is used.
            if (places.boot / CARD).exists() and read_card(places).code:
                install(places, Path(__file__).resolve().parent, start=not options.rehearsal)
        elif options.once:
            become_camera(pi, options.again)
        else:
            keep_trying(lambda: become_camera(pi, options.again), options.first_pause, options.longest_pause)
    except (NotYet, Hopeless, OSError) as error:
        print(f"ucam: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="Makes this Raspberry Pi a camera of ucam.")
    made.add_argument("command", choices=["install", "run"])
    made.add_argument("--boot", type=Path, help="directory that holds ucam.toml (default: the boot partition)")
    made.add_argument("--once", action="store_true", help="try once and say how it went")
    made.add_argument("--again", action="store_true", help="give a Pi that is a camera already a new identity")
    made.add_argument("--root", type=Path, default=Path("/"), help="folder to work in instead of /")
    made.add_argument(
        "--rehearsal", type=Path, metavar="UCAM-AGENT", help="touch nothing outside --root; use this agent"
    )
    made.add_argument("--first-pause", type=float, default=FIRST_PAUSE_S, help="seconds before the second try")
    made.add_argument("--longest-pause", type=float, default=LONGEST_PAUSE_S, help="seconds between tries at most")
    return made


if __name__ == "__main__":
    sys.exit(main())
