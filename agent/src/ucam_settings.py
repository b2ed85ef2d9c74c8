"""What a camera is told to do: source, sound, picture, spool, schedule (docs/protocol.md, Settings)."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

import msgspec
from msgspec import Meta, Struct

FRAGMENT_BYTES_MAX = 8 * 1024 * 1024

Name = Annotated[str, Meta(min_length=1, max_length=100)]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]


class FileSource(Struct, frozen=True, tag_field="kind", tag="file"):
    """Footage looped and paced like a live camera; `name` is a plain file name in the device's own media folder.

    `stamp`: draw time and frame number as blocks above left, for programs that measure.
    """

    name: FileName = "street.mp4"
    stamp: bool = False


class TestSource(Struct, frozen=True, tag_field="kind", tag="test"):
    """GStreamer's test picture; `stamp` as for a file."""

    __test__ = False  # for pytest, which takes Test* for a test class

    pattern: Literal["ball", "smpte", "snow"] = "ball"
    stamp: bool = False


class AutoSource(Struct, frozen=True, tag_field="kind", tag="auto"):
    """The camera that is there: one at the ribbon cable before one at USB."""


class LibcameraSource(Struct, frozen=True, tag_field="kind", tag="libcamera"):
    """A camera at the ribbon cable, by libcamera's name for it or by its number; without either the first one."""

    camera: Annotated[str, Meta(pattern=r"^[A-Za-z0-9/@:._+-]{0,200}\Z")] = ""
    index: Annotated[int, Meta(ge=0, le=15)] | None = None


class V4l2Source(Struct, frozen=True, tag_field="kind", tag="v4l2"):
    """A USB camera; `device` is a plain name below /dev/v4l/by-id/, empty: the first one."""

    device: Annotated[str, Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9#+.:=@_-]{0,199})?\Z")] = ""


class RtspSource(Struct, frozen=True, tag_field="kind", tag="rtsp"):
    """An IP camera; `sub` is its own small stream for walls and phones, if it has one. URLs may hold user and password:
    only `redacted` and `place` are for logs, words and pages.
    """

    url: Annotated[str, Meta(min_length=8, max_length=1000)]
    transport: Literal["tcp", "udp"] = "tcp"
    sub: Annotated[str, Meta(max_length=1000)] = ""

    def __post_init__(self) -> None:
        """What is wrong is told without the URL itself: it may hold a password."""
        for url in (self.url, self.sub) if self.sub else (self.url,):
            _check_url(url)

    def __repr__(self) -> str:
        shown = self.redacted
        return f"RtspSource({shown.url!r}{f', sub={shown.sub!r}' if shown.sub else ''})"

    @property
    def place(self) -> str:
        """Scheme, host and port: what may be said of it."""
        return urlunsplit((urlsplit(self.url).scheme, _host(self.url), "", "", ""))

    @property
    def bare_url(self) -> str:
        """Without user and password; a path or query may still hold some."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, _host(self.url), parts.path, parts.query, ""))

    @property
    def user(self) -> str:
        return unquote(urlsplit(self.url).username or "")

    @property
    def password(self) -> str:
        return unquote(urlsplit(self.url).password or "")

    @property
    def small(self) -> RtspSource | None:
        """Its small stream as a source; at the same host with the same user and password, unless it has its own."""
        if not self.sub:
            return None
        ours, parts = urlsplit(self.url), urlsplit(self.sub)
        who = ours.netloc.rpartition("@")[0]
        url = self.sub
        if who and "@" not in parts.netloc and parts.hostname == ours.hostname:
            url = urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc}"))
        return RtspSource(url, self.transport)

    @property
    def redacted(self) -> RtspSource:
        """With HIDDEN for user, password, the query, and a path that holds an = (some cameras have passwords there)."""
        return msgspec.structs.replace(self, url=_redacted(self.url), sub=_redacted(self.sub))

    def completed(self, before: object) -> RtspSource:
        """`before`, where this is only its redacted form: who saves a form unchanged does not lose the password."""
        if not isinstance(before, RtspSource):
            return self
        pairs = {"url": (self.url, before.url), "sub": (self.sub, before.sub)}
        same = {name: old for name, (new, old) in pairs.items() if HIDDEN in new and _redacted(old) == new}
        return msgspec.structs.replace(self, **same)


def _check_url(url: str) -> None:
    """Raises ValueError, in words without the URL."""
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs") for char in url):
        raise ValueError("the url of an IP camera holds no spaces, control or invisible characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("the url of an IP camera looks like rtsp://host:554/path") from None
    if "#" in url or "@" in parts.path:
        raise ValueError("in the url of an IP camera write # as %23, and @ and / in a password as %40 and %2F")
    if parts.scheme not in ("rtsp", "rtsps") or not host or port == 0 or not _HOST.match(host):
        raise ValueError("the url of an IP camera begins with rtsp:// or rtsps:// and names a host")


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _redacted(url: str) -> str:
    parts = urlsplit(url)
    netloc = f"{HIDDEN}@{_host(url)}" if "@" in parts.netloc else parts.netloc
    path = f"/{HIDDEN}" if "=" in parts.path else parts.path
    return urlunsplit((parts.scheme, netloc, path, HIDDEN if parts.query else "", ""))


HIDDEN = "***"
_HOST = re.compile(r"^[A-Za-z0-9._:%\[\]-]{1,253}\Z")

Source = FileSource | TestSource | AutoSource | LibcameraSource | V4l2Source | RtspSource


class NoAudio(Struct, frozen=True, tag_field="kind", tag="off"):
    """Pictures only."""


class AlsaAudio(Struct, frozen=True, tag_field="kind", tag="alsa"):
    """A microphone of the device; `device` by the name of its card, empty: the default one."""

    device: Annotated[str, Meta(pattern=r"^(default|(plug)?hw:CARD=[A-Za-z0-9_-]{1,32}(,DEV=[0-9]{1,2})?)?\Z")] = ""


class SourceAudio(Struct, frozen=True, tag_field="kind", tag="source"):
    """What an IP camera hears."""


Audio = NoAudio | AlsaAudio | SourceAudio


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Period(Struct, frozen=True):
    """When a camera records: on these days from one time of day to another, which lies on the next day if earlier."""

    days: Annotated[list[Day], Meta(min_length=1, max_length=7)]
    from_: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d\Z")] = msgspec.field(name="from", default="00:00")
    to: Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)\Z")] = "24:00"


class Settings(Struct, frozen=True, kw_only=True):
    """What a camera is told to do. Sizes in pixels, rates in frames/s and kbit/s, durations as the names say."""

    name: Name = "Camera"
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"
    source: Source = TestSource()
    audio: Audio = NoAudio()
    width: Annotated[int, Meta(ge=160, le=3840, multiple_of=2)] = 1280
    height: Annotated[int, Meta(ge=120, le=2160, multiple_of=2)] = 720
    fps: Annotated[int, Meta(ge=1, le=60)] = 30
    bitrate_kbit: Annotated[int, Meta(ge=100, le=50_000)] = 2000
    keyframe_ms: Annotated[int, Meta(ge=500, le=10_000)] = 2000
    chunk_s: Annotated[int, Meta(ge=10, le=3600)] = 300
    spool_max_bytes: Annotated[int, Meta(ge=16 * 2**20)] = 8 * 2**30
    schedule: Annotated[list[Period], Meta(max_length=50)] = []  # empty: always
    uplink_kbit: Annotated[int, Meta(ge=64, le=10_000_000)] | None = None  # None: as fast as the network is

    def __post_init__(self) -> None:
        """A fragment, one keyframe distance long, must fit into one request; an encoder may exceed its bitrate."""
        most_ms = FRAGMENT_BYTES_MAX * 8 * 3 // 4 // self.bitrate_kbit
        if self.keyframe_ms > most_ms:
            raise ValueError(
                f"at {self.bitrate_kbit} kbit/s keyframe_ms can be {most_ms} at most: what lies between two keyframes "
                "is sent as one piece of at most 8 MiB. Take a shorter keyframe distance or a lower bitrate"
            )

    @property
    def redacted(self) -> Settings:
        """For people: what may hold a password is hidden."""
        source = self.source.redacted if isinstance(self.source, RtspSource) else self.source
        return msgspec.structs.replace(self, source=source)

    @property
    def recorded(self) -> Settings:
        """What matters to what is recorded: another small stream is no reason to begin a new run."""
        if not isinstance(self.source, RtspSource):
            return self
        return msgspec.structs.replace(self, source=msgspec.structs.replace(self.source, sub=""))
