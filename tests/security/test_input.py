"""Whatever comes from outside is read or refused in words: property tests, seeded, so that each run is the same."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
import pytest
import ucam_boxes
from django.core.cache import cache
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ucam_protocol import (
    CLIENT_TYPES,
    SERVER_TYPES,
    Jid,
    ProtocolError,
    Settings,
    decode_from_client,
    decode_from_server,
    decode_settings,
    encode,
)

from cameras.models import Right
from storage.creation import read_metadata
from storage.errors import MetadataInvalid
from storage.media import read_range
from tests.security.answers import Kind, may
from tests.security.world import TUS, World
from tests.storage.footage import Footage

SEEDED = settings(
    derandomize=True, database=None, deadline=None, max_examples=200, suppress_health_check=list(HealthCheck)
)
FEW = settings(SEEDED, max_examples=60)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, -1, 2**31, 2**53, 2**63, 2**64])
TEXTS = st.text(max_size=40) | st.sampled_from(
    ["", "\0", "../../etc/passwd", "<b>", "'; --", "\ud800", "cam001@harbour.loc"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
MESSAGE_KEYS = st.sampled_from(
    [
        "id",
        "session",
        "to",
        "from",
        "sdp",
        "text",
        "camera",
        "at",
        "version",
        "token",
        "capabilities",
        "parts",
        "candidate",
    ]
)
SETTINGS_KEYS = st.sampled_from([*Settings.__struct_fields__, "kind", "url", "device", "name"])
INSTANTS = st.datetimes().map(lambda at: at.isoformat() + "Z") | TEXTS | NUMBERS.map(str)


def frames(types: frozenset[str]) -> st.SearchStrategy[str]:
    """JSON that looks like a message of ours, and JSON that does not."""
    kinds = st.sampled_from(sorted(types)) | TEXTS
    fields = st.dictionaries(MESSAGE_KEYS, VALUES, max_size=6)
    return st.builds(lambda kind, rest: json.dumps({"type": kind} | rest), kinds, fields) | VALUES.map(json.dumps)


Read = TypeVar("Read")


def read_or_refused(read: Callable[[Any], Read], text: Any) -> Read | None:
    """What was read; None when it was refused by an error of ours, which has words."""
    try:
        return read(text)
    except (ProtocolError, MetadataInvalid, ucam_boxes.BoxesError) as error:
        assert error.message, error  # noqa: PT017 - both outcomes are right
        return None


@SEEDED
@given(frames(CLIENT_TYPES) | st.text(max_size=200) | st.binary(max_size=200))
@example("[" * 30_000)
@example('{"type":"chat","text":' + '{"a":' * 10_000)
def test_a_frame_of_a_client_is_a_message_or_refused(frame: str | bytes) -> None:
    message = read_or_refused(decode_from_client, frame)
    assert message is None or decode_from_client(encode(message)) == message


@SEEDED
@given(frames(SERVER_TYPES) | st.binary(max_size=200))
def test_a_frame_of_a_server_is_a_message_or_refused(frame: str | bytes) -> None:
    """The agent reads these: a server that lies must not crash it."""
    message = read_or_refused(decode_from_server, frame)
    assert message is None or decode_from_server(encode(message)) == message


@SEEDED
@given(st.text(max_size=60) | st.builds("{}@{}/{}".format, TEXTS, TEXTS, TEXTS))
def test_a_jid_is_the_same_after_each_reading(text: str) -> None:
    jid = read_or_refused(Jid.parse, text)
    if jid is not None:
        assert Jid.parse(str(jid)) == jid
        assert "/" not in str(jid.bare)
        assert not set("\"&'/:<>@ ") & set(jid.local)


@SEEDED
@given(st.emails() | st.text(max_size=60))
def test_an_address_of_mail_makes_a_jid_or_is_refused(text: str) -> None:
    jid = read_or_refused(Jid.of_email, text)
    assert jid is None or Jid.parse(str(jid)) == jid


@SEEDED
@given(st.dictionaries(SETTINGS_KEYS, VALUES, max_size=8).map(json.dumps) | st.text(max_size=100))
def test_settings_are_usable_or_refused(text: str) -> None:
    usable = read_or_refused(decode_settings, text)
    assert usable is None or decode_settings(msgspec.json.encode(usable)) == usable


@SEEDED
@given(st.binary(max_size=400))
def test_bytes_that_are_no_boxes(data: bytes) -> None:
    for read in (ucam_boxes.read_init, ucam_boxes.read_fragment):
        within_bounds(read, data)


@SEEDED
@given(data=st.data())
def test_boxes_with_bytes_changed(data: st.DataObject, second: Footage) -> None:
    """One to four places of real footage overwritten, or its end cut: read within bounds, or refused."""
    for read, whole in ((ucam_boxes.read_init, second.init), (ucam_boxes.read_fragment, second.fragments[0])):
        broken = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, min(len(broken), 2000) - 1))
            patch = data.draw(st.binary(min_size=1, max_size=8))
            broken[at : at + len(patch)] = patch
        within_bounds(read, bytes(broken[: data.draw(st.integers(0, len(broken)))]))


def within_bounds(read: Callable[[bytes], Any], data: bytes) -> None:
    found = read_or_refused(read, data)
    assert found is None or 0 < found.size <= len(data)


@SEEDED
@given(st.text(max_size=40) | st.builds("bytes={}-{}".format, NUMBERS, NUMBERS), st.integers(0, 2**40))
@example("bytes=-0", 10)
@example("bytes=0-", 0)
def test_a_range_lies_within_the_file(header: str, size: int) -> None:
    try:
        wanted = read_range(header, size)
    except ValueError:
        return
    assert wanted is None or 0 <= wanted.first < wanted.end <= size


@SEEDED
@given(
    st.dictionaries(st.sampled_from(["boot", "seq", "run", "started_ms", "started_mono_ns", "clock"]), TEXTS | NUMBERS)
)
def test_metadata_of_a_chunk_is_read_or_refused(pairs: dict[str, Any]) -> None:
    values = {key: base64.b64encode(str(value).encode("utf-8", "replace")).decode() for key, value in pairs.items()}
    for header in (",".join(f"{key} {value}" for key, value in values.items()), ",".join(map(str, pairs.values()))):
        told = read_or_refused(read_metadata, header)
        assert told is None or len(told.boot) == 32


@pytest.mark.django_db
class TestDoors:
    """The same at the doors: nothing that is sent makes an error page."""

    @FEW
    @given(headers=st.dictionaries(
        st.sampled_from(["LENGTH", "DEFER_LENGTH", "METADATA", "OFFSET", "CHECKSUM", "CONCAT"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
    ), body=st.binary(max_size=300))  # fmt: skip
    def test_tus(self, world: World, headers: dict[str, str], body: bytes) -> None:
        told = TUS | {f"HTTP_UPLOAD_{key}": value for key, value in headers.items()}
        client = world.client(Kind.CAMERA, may())
        kind = "application/offset+octet-stream"
        with taken_back():
            assert client.generic("POST", "/api/device/chunks/", **told).status_code < 500  # type: ignore[arg-type]
            address = f"/api/device/chunks/{world.own.open_chunk}"
            assert client.generic("PATCH", address, body, kind, **told).status_code < 500  # type: ignore[arg-type]

    @FEW
    @given(report=st.dictionaries(
        st.sampled_from(["gaps", "closed", "unshipped", "spool", "clock"]),
        VALUES | st.lists(st.dictionaries(
            st.sampled_from(["id", "cause", "from_ms", "to_ms", "boot", "seq", "frames", "dropped", "detail"]), VALUES,
        ), max_size=3),
    ))  # fmt: skip
    def test_reports(self, world: World, report: dict[str, Any]) -> None:
        with taken_back():
            client, text = world.client(Kind.CAMERA, may()), json.dumps(report)  # NaN and half surrogates included
            assert client.post("/api/device/report/", text, content_type="application/json").status_code < 500

    @FEW
    @given(begin=INSTANTS, end=INSTANTS, door=st.sampled_from(
        ["coverage/", "playlist.m3u8", "snapshot.jpg", "days/", "retention/"]))  # fmt: skip
    @example("0001-01-01T00:00:00Z", "9999-12-31T23:59:59+14:00", "coverage/")
    @example("9999-12-31T23:59:59-14:00", "", "snapshot.jpg")
    def test_ranges_of_the_timeline(self, world: World, begin: str, end: str, door: str) -> None:
        client = world.client(Kind.HOLDER, may(Right.REPLAY))
        asked = {"from": begin, "to": end, "at": begin, "month": begin[:7]}
        with taken_back():
            assert client.get(f"/api/cameras/cam001@harbour.loc/{door}", asked).status_code < 500

    @pytest.mark.parametrize("path", ["sign-in/", "token/", "device/enrol/", "guest/"])
    @pytest.mark.parametrize(
        "body", ["[" * 100_000, '{"email":' * 100_000, "\x00", '"\\ud800"', "NaN", "9" * 5000, "", "null"]
    )
    def test_whoever_is_not_signed_in(self, world: World, path: str, body: str) -> None:
        """Doors that stand open to everybody."""
        with taken_back():
            answer = world.client(Kind.ANONYMOUS, may()).post(f"/api/{path}", body, content_type="application/json")
            assert 400 <= answer.status_code < 500


@contextlib.contextmanager
def taken_back() -> Iterator[None]:
    """Nothing of it stays."""
    cache.clear()
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
