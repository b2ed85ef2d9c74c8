"""Where the agent keeps its files, and who it is. Alone reads the environment. Standard library only."""

from __future__ import annotations

import json
import logging
import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import ConfigInvalid, NotEnrolled

STATE_DEFAULT = Path("/var/lib/ucam-agent")
FILE_DEFAULT = Path("/etc/ucam-agent.toml")
LOG_LEVELS = ("debug", "info", "warning", "error")
GPIO_MAX = 27  # the highest BCM number on the header
_KEYS = ("state", "runtime", "media", "log_level")


@dataclass(frozen=True, slots=True)
class State:
    """The state directory: one file per fact (docs/architecture.md). `runtime`: for what need not outlive a boot,
    on no card; without it that lies in the state directory too.
    """

    directory: Path
    runtime: Path | None = None

    @property
    def device(self) -> Path:
        return self.directory / "device.json"

    @property
    def settings(self) -> Path:
        return self.directory / "settings.json"

    @property
    def spool(self) -> Path:
        return self.directory / "spool"

    @property
    def gaps(self) -> Path:
        return self.spool / "gaps"

    @property
    def live_socket(self) -> Path:
        return (self.runtime or self.directory) / "live.sock"

    @property
    def status(self) -> Path:
        return self.directory / "status.json"

    @property
    def live_status(self) -> Path:
        return self.directory / "status" / "live.json"

    @property
    def recorder_status(self) -> Path:
        return self.directory / "status" / "recorder.json"

    def make(self) -> None:
        """The directory and what lies below it, for this user only."""
        try:
            for directory in (self.directory, self.directory / "status", self.spool, self.gaps):
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigInvalid(
                f"The state directory {self.directory} cannot be used ({error.strerror}). "
                "Choose another with --state DIR or run as a user who may write there."
            ) from error


@dataclass(frozen=True, slots=True)
class Leds:
    """Lights that show how the camera is: the board's own, and one on a GPIO pin (BCM number)."""

    act: bool = True
    gpio: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What the device's owner may choose; `media`: footage for file sources (None: the package's own)."""

    state: State
    media: Path | None = None
    log_level: str = "info"
    leds: Leds = Leds()


@dataclass(frozen=True, slots=True)
class Systemd:
    """What systemd asks of this process (sd_notify(3), sd_watchdog_enabled(3)); `watchdog_s` 0: no watchdog."""

    socket: str | None = None
    watchdog_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Device:
    """Who this device is: its JID, its token, and where room and storage are (URLs)."""

    jid: str
    token: str
    server: str
    room: str
    storage: str

    def __repr__(self) -> str:
        return f"Device({self.jid!r}, token=…)"


def load(
    file: str | None = None, state: str | None = None, media: str | None = None, runtime: str | None = None
) -> Config:
    """The configuration: options before environment before file before defaults; raises ConfigInvalid."""
    environment = os.environ
    named = file or environment.get("UCAM_AGENT_CONFIG")
    values = _read_toml(Path(named)) if named else _read_toml(FILE_DEFAULT) if FILE_DEFAULT.exists() else {}
    chosen_state = state or environment.get("UCAM_AGENT_STATE") or values.get("state") or str(STATE_DEFAULT)
    chosen_media = media or environment.get("UCAM_AGENT_MEDIA") or values.get("media")
    level = (environment.get("UCAM_AGENT_LOG_LEVEL") or values.get("log_level") or "info").lower()
    if level not in LOG_LEVELS:
        raise ConfigInvalid(f"The log level is {level!r}; choose one of {', '.join(LOG_LEVELS)}.")
    chosen_runtime = runtime or values.get("runtime")
    return Config(
        State(
            Path(chosen_state).expanduser().absolute(),
            Path(chosen_runtime).expanduser().absolute() if chosen_runtime else None,
        ),
        Path(chosen_media).expanduser().absolute() if chosen_media else None,
        level,
        _leds(values.get("led", {})),
    )


def systemd() -> Systemd:
    """From the environment; nothing where this process is no service."""
    environment = os.environ
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    ours = usec.isdecimal() and pid in ("", str(os.getpid()))
    return Systemd(environment.get("NOTIFY_SOCKET") or None, int(usec) / 1e6 if ours else 0.0)


def _leds(table: Any) -> Leds:
    """The table [led] of the configuration file."""
    if not isinstance(table, dict) or not table.keys() <= {"act", "gpio"}:
        raise ConfigInvalid("[led] in the configuration file may have `act = true` or `false`, and `gpio = 17`.")
    act, gpio = table.get("act", True), table.get("gpio")
    if not isinstance(act, bool):
        raise ConfigInvalid(f"[led] act is {act!r}; choose true or false, without quotes.")
    if gpio is not None and (type(gpio) is not int or not 0 <= gpio <= GPIO_MAX):
        raise ConfigInvalid(f"[led] gpio is {gpio!r}; give the pin's BCM number, 0 to {GPIO_MAX}, such as gpio = 17.")
    return Leds(act, gpio)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise ConfigInvalid(f"The configuration file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"The configuration file {path} is not valid TOML: {error}.") from error
    for key, value in values.items():
        if key == "led":
            continue
        if key not in _KEYS:
            raise ConfigInvalid(f"{path} names {key!r}, which is no setting. There are: {', '.join(_KEYS)}, [led].")
        if not isinstance(value, str) or not value:
            raise ConfigInvalid(f'{path}: {key} must be a text in quotes, such as {key} = "…".')
    return values


def read_device(state: State) -> Device:
    """The identity that `ucam-agent enrol` has written; raises NotEnrolled or ConfigInvalid."""
    try:
        values: Any = json.loads(state.device.read_text())
        return Device(**{key: _text(values, key) for key in ("jid", "token", "server", "room", "storage")})
    except FileNotFoundError as error:
        raise NotEnrolled(
            f"This device is not enrolled: there is no {state.device}. "
            "Ask an operator for a code and run: ucam-agent enrol URL CODE"
        ) from error
    except OSError as error:
        raise ConfigInvalid(
            f"{state.device} cannot be read: {error.strerror}. Run as the user who enrolled."
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigInvalid(
            f"{state.device} is damaged ({error}). "
            "Ask an operator for a new code and run: ucam-agent enrol --again URL CODE"
        ) from error


def _text(values: Any, key: str) -> str:
    value = values[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is no text")
    return value


def replace_file(path: Path, text: str, *, mode: int = 0o600, durable: bool = True) -> None:
    """Put `text` in the place of the file in one step; when `durable`: write, fsync, rename, fsync directory."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "w") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            if durable:
                os.fsync(descriptor)
        os.replace(fresh, path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    if durable:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def start_log(level: str, name: str) -> None:
    """Log to stderr; with a date only where nobody else writes one (systemd's journal does)."""
    stamp = "" if "JOURNAL_STREAM" in os.environ else "%(asctime)s "
    logging.basicConfig(
        level=level.upper(), stream=sys.stderr, format=f"{stamp}{name} %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )
