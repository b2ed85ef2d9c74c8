"""What cameras, people and the server say to each other in the room. No Django, no gi.

The wire is JSON text frames under the subprotocol ``ucam.room.1``; docs/protocol.md is the description,
tests/protocol/golden/ the examples that this module and static/js both read. Receivers ignore unknown keys; an
unknown type is answered with an error. Addresses (ucam_jid) and a camera's settings (ucam_settings), which messages
hold, are had from here too.

Where a camera says something in words, `said` may have the same as sentences (ucam_sentences), by which the server
tells each reader in their language; a `said` that is not the same is left out.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, get_args

import msgspec
from msgspec import Meta, Struct
from ucam_carried import Sentences, agreed
from ucam_jid import PART_BYTES_MAX, Jid, JidInvalid, ProtocolError
from ucam_jid import shown as _shown
from ucam_settings import (
    FRAGMENT_BYTES_MAX,
    HIDDEN,
    AlsaAudio,
    Audio,
    AutoSource,
    Day,
    FileName,
    FileSource,
    LibcameraSource,
    Name,
    NoAudio,
    Period,
    RtspSource,
    Settings,
    Source,
    SourceAudio,
    TestSource,
    V4l2Source,
)

VERSION = 1
SUBPROTOCOL = "ucam.room.1"
FRAME_BYTES_MAX = 64 * 1024
SERVER_FRAME_BYTES_MAX = 4 * 2**20  # the welcome of a person holds all who are there and fifty messages


class FrameTooLong(ProtocolError):
    """More than FRAME_BYTES_MAX bytes in one frame of a client, SERVER_FRAME_BYTES_MAX in one of the server."""

    code = "frame_too_long"


class MessageMalformed(ProtocolError):
    """Not JSON, or a known type with wrong or missing keys."""

    code = "message_malformed"


class TypeUnknown(ProtocolError):
    """JSON with a `type` that this version does not know."""

    code = "type_unknown"


# ---------------------------------------------------------------- room messages

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Address = Annotated[str, Meta(min_length=3, max_length=3 * PART_BYTES_MAX + 2)]
Text = Annotated[str, Meta(min_length=1, max_length=4000)]
Sdp = Annotated[str, Meta(min_length=1, max_length=32_000)]
Candidate = Annotated[str, Meta(max_length=2000)]
Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$")]


class Message(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """One frame. `id` is the sender's own mark, named by the error or answer to it."""

    id: Annotated[str, Meta(max_length=64)] = ""


class Routed(Message, frozen=True, kw_only=True):
    """A message between two connections; the server fills in `from`, a client's own word for it is not read."""

    session: Id
    to: Address = ""
    from_: str = msgspec.field(name="from", default="")


class Hello(Message, frozen=True, kw_only=True, tag="hello"):
    """First message of a connection. Browsers put their access token here, devices have an Authorization header."""

    version: int
    token: Annotated[str, Meta(max_length=4096)] = ""
    agent: Annotated[str, Meta(max_length=200)] = ""
    capabilities: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=32)] = []


StreamName = Literal["main", "sub"]


class Call(Routed, frozen=True, kw_only=True, tag="call"):
    """Viewer to camera (bare or full JID): send me live pictures under this session.

    `stream`: `main` as recorded, `sub` small, for tiles and phones; `sound`: with it, where the camera has any.
    """

    stream: StreamName = "main"
    sound: bool = False


class Offer(Routed, frozen=True, kw_only=True, tag="offer"):
    """Camera to viewer: SDP offer; `stream`: the one that comes, `main` where the camera cannot make a `sub`."""

    sdp: Sdp
    stream: StreamName = "main"


class Answer(Routed, frozen=True, kw_only=True, tag="answer"):
    """Viewer to camera: SDP answer."""

    sdp: Sdp


class IceCandidate(Routed, frozen=True, kw_only=True, tag="candidate"):
    """Either way: one ICE candidate, as RTCIceCandidate has it; empty text: no more will come."""

    candidate: Candidate
    sdp_m_line_index: Annotated[int, Meta(ge=0, le=15)] = 0


class Hangup(Routed, frozen=True, kw_only=True, tag="hangup"):
    """Either way: the session is over; `reason` is a sentence for people."""

    reason: Annotated[str, Meta(max_length=300)] = ""
    said: Sentences = []

    def __post_init__(self) -> None:
        _agree(self, self.reason, self.said)


class Chat(Message, frozen=True, kw_only=True, tag="chat"):
    """Text to the room (no `to`) or to one JID; may point at a camera and an instant. The server stamps it.

    `kind`, by the server alone: empty, somebody said it; else what happened (`gap`, `export`, `hold`) from `at` to
    `until`, in `text` for those who know nothing better; of a gap `cause` says why.
    """

    text: Text
    to: Annotated[str, Meta(max_length=3 * PART_BYTES_MAX + 2)] = ""
    camera: Annotated[str, Meta(max_length=3 * PART_BYTES_MAX + 2)] = ""
    at: Instant | None = None
    from_: str = msgspec.field(name="from", default="")
    from_name: str = ""
    sent_at: str = ""
    may: list[str] = []  # for a camera only, stamped by the server: what the sender may do with it
    kind: Literal["", "gap", "export", "hold"] = ""
    until: Instant | None = None
    cause: Annotated[str, Meta(max_length=40)] = ""
    said: Sentences = []  # by cameras alone

    def __post_init__(self) -> None:
        _agree(self, self.text, self.said)


class Lead(Message, frozen=True, kw_only=True, tag="lead"):
    """Person to those who may see the camera: my player stands here, come along. `at` None: live. `over`: no more.

    `beside`: other cameras of the same place that are shown with it, on the same clock.
    """

    camera: Address
    beside: Annotated[list[Address], Meta(max_length=3)] = []
    at: Instant | None = None
    playing: bool = True
    rate: Annotated[float, Meta(gt=0, le=16)] = 1
    over: bool = False
    from_: str = msgspec.field(name="from", default="")


class Follow(Message, frozen=True, kw_only=True, tag="follow"):
    """Person to the one who leads (full JID): I come along; `over`: no longer."""

    to: Address
    over: bool = False
    from_: str = msgspec.field(name="from", default="")


class PartState(Struct, frozen=True, omit_defaults=True):
    """One part of a camera: its state and the same in words, which are always there."""

    state: Literal["ok", "starting", "degraded", "broken", "off", "unknown"]
    words: Annotated[str, Meta(max_length=300)] = msgspec.field(default_factory=str)
    said: Sentences = []

    def __post_init__(self) -> None:
        _agree(self, self.words, self.said)


Part = Literal["camera", "encoder", "recorder", "spool", "storage", "room", "clock", "sound"]


class Status(Message, frozen=True, kw_only=True, tag="status"):
    """Camera to the room: how its parts are. Bytes, seconds; `spool_holds_s`: how long it lasts without storage."""

    parts: dict[Part, PartState] = {}
    recording: bool = False
    viewers: Annotated[int, Meta(ge=0)] = 0
    spool_bytes: Annotated[int, Meta(ge=0)] = 0
    spool_unshipped_bytes: Annotated[int, Meta(ge=0)] = 0
    spool_holds_s: Annotated[int, Meta(ge=0)] | None = None
    catch_up_s: Annotated[int, Meta(ge=0)] | None = None
    frames_produced: Annotated[int, Meta(ge=0)] = 0
    frames_recorded: Annotated[int, Meta(ge=0)] = 0
    frames_dropped: Annotated[int, Meta(ge=0)] = 0
    clock_offset_ms: int | None = None
    version: Annotated[str, Meta(max_length=40)] = ""
    from_: str = msgspec.field(name="from", default="")


class Ping(Message, frozen=True, kw_only=True, tag="ping"):
    """Any client: answer with `pong`; measures the way and the clock."""

    sent_ms: int = 0


class Peer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One connection in the roster."""

    jid: str
    kind: Literal["person", "camera", "server"]
    name: str = ""
    capabilities: list[str] = []
    since: str = ""


class IceServer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """As RTCIceServer."""

    urls: list[str]
    username: str = ""
    credential: str = ""


class Welcome(Message, frozen=True, kw_only=True, tag="welcome"):
    """Server: you are in. `settings` only for a camera, `messages` and `watching` only for a person."""

    version: int
    jid: str
    server_ms: int
    roster: list[Peer] = []
    ice_servers: list[IceServer] = []
    messages: list[Chat] = []
    watching: dict[str, list[str]] = {}
    statuses: list[Status] = []
    settings: Settings | None = None


class Online(Message, frozen=True, kw_only=True, tag="online"):
    """Server: a peer that you may see came, or its entry changed."""

    peer: Peer


class Offline(Message, frozen=True, kw_only=True, tag="offline"):
    """Server: that connection is gone."""

    jid: str


class Watching(Message, frozen=True, kw_only=True, tag="watching"):
    """Server: the bare JIDs that watch this camera live now."""

    camera: str
    viewers: list[str]


class AlertNotice(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert as people see it; `state` is raised, claimed or cleared; instants are RFC 3339."""

    id: int
    kind: str
    level: Literal["warning", "critical"]
    state: Literal["raised", "claimed", "cleared"]
    title: str
    text: str = ""
    camera: str = ""
    location: str = ""
    raised_at: str = ""
    claimed_by: str = ""
    claimed_at: str = ""
    cleared_at: str = ""
    reminded_at: str = ""
    escalated_at: str = ""
    picture_at: str = ""  # of the camera's picture that is kept with it


class Alert(Message, frozen=True, kw_only=True, tag="alert"):
    """Server: an alert was raised, claimed or cleared."""

    alert: AlertNotice


class SettingsChanged(Message, frozen=True, kw_only=True, tag="settings"):
    """Server to a camera: these are your settings now."""

    settings: Settings


class Pong(Message, frozen=True, kw_only=True, tag="pong"):
    """Server: `sent_ms` of the ping, and the server's own clock."""

    sent_ms: int
    server_ms: int


class Error(Message, frozen=True, kw_only=True, tag="error"):
    """Server: what you sent was not done; `id` is the message's own."""

    code: str
    message: str
    hint: str = ""


FromClient = Hello | Chat | Lead | Follow | Call | Offer | Answer | IceCandidate | Hangup | Status | Ping
FromServer = (
    Welcome | Online | Offline | Chat | Lead | Follow | Call | Offer | Answer | IceCandidate | Hangup | Watching | Alert
    | SettingsChanged | Status | Pong | Error
)  # fmt: skip

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_from_client = msgspec.json.Decoder(FromClient)
_from_server = msgspec.json.Decoder(FromServer)
_settings = msgspec.json.Decoder(Settings)
_mark = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _agree(message: Struct, text: str, said: Sentences) -> None:
    """Called for every message that was read or made: what does not hold is left out, not refused."""
    if said and not agreed(text, said):
        msgspec.structs.force_setattr(message, "said", [])


def _types(union: Any) -> frozenset[str]:
    return frozenset(kind.__struct_config__.tag for kind in get_args(union))


CLIENT_TYPES = _types(FromClient)
SERVER_TYPES = _types(FromServer)


def encode(message: Message) -> str:
    """The text frame of a message."""
    return _encoder.encode(message).decode()


def decode_from_client(frame: str | bytes) -> FromClient:
    """What a client said; raises FrameTooLong, MessageMalformed or TypeUnknown."""
    return _decode(frame, _from_client, CLIENT_TYPES, FRAME_BYTES_MAX)


def decode_from_server(frame: str | bytes) -> FromServer:
    """What the server said; raises the same."""
    return _decode(frame, _from_server, SERVER_TYPES, SERVER_FRAME_BYTES_MAX)


def decode_settings(text: str | bytes) -> Settings:
    """Settings from JSON; raises MessageMalformed that names the key."""
    try:
        return _settings.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MessageMalformed(f"These settings cannot be used: {error}.") from error


def _decode(frame: str | bytes, decoder: msgspec.json.Decoder[T], types: frozenset[str], longest: int) -> T:
    raw = frame.encode("utf-8", "replace") if isinstance(frame, str) else frame
    if len(raw) > longest:
        raise FrameTooLong(f"A message has at most {longest} bytes, this one {len(raw)}.")
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        type_, id_ = _label(raw)
        if type_ is not None and type_ not in types:
            raise TypeUnknown(f"There is no message of type {_shown(type_)} here.", id=id_) from error
        raise MessageMalformed(f"This message cannot be read: {error}.", id=id_) from error


def _label(raw: bytes) -> tuple[str | None, str]:
    """Type and id of a frame that could not be decoded, as far as they can be told."""
    try:
        keys = _mark.decode(raw)
        type_ = msgspec.json.decode(keys["type"], type=str) if "type" in keys else None
        id_ = msgspec.json.decode(keys["id"], type=Id) if "id" in keys else ""
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None, ""
    return type_, id_
