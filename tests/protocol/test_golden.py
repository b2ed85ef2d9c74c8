"""The examples that this side and the browser's both read: tests/protocol/golden/, one file per message type."""

import json
from pathlib import Path
from typing import Any

import pytest
import ucam_protocol as wire

GOLDEN = Path(__file__).parent / "golden"
FROM_CLIENT = sorted(GOLDEN.glob("from_client.*.json"))
FROM_SERVER = sorted(GOLDEN.glob("from_server.*.json"))
HOSTILE: list[dict[str, str]] = json.loads((GOLDEN / "hostile.json").read_text())


def example(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.parametrize("path", FROM_CLIENT, ids=lambda path: path.stem)
def test_what_a_client_says_is_read_and_written_back_the_same(path: Path) -> None:
    assert json.loads(wire.encode(wire.decode_from_client(path.read_text()))) == example(path)


@pytest.mark.parametrize("path", FROM_SERVER, ids=lambda path: path.stem)
def test_what_the_server_says_is_read_and_written_back_the_same(path: Path) -> None:
    assert json.loads(wire.encode(wire.decode_from_server(path.read_text()))) == example(path)


def test_the_welcome_of_a_large_installation_is_longer_than_anything_a_client_may_say() -> None:
    crowd = [wire.Peer(jid=f"person{n}@example.com/0123456789abcdef", kind="person", name=f"P {n}") for n in range(500)]
    said = [wire.Chat(id=str(n), text="ä" * 4000) for n in range(50)]
    frame = wire.encode(wire.Welcome(version=1, jid="a@b.c/d", server_ms=1, roster=crowd, messages=said))
    assert len(frame.encode()) > 4 * wire.FRAME_BYTES_MAX
    assert wire.decode_from_server(frame).roster == crowd  # type: ignore[union-attr]


def test_every_message_type_has_an_example() -> None:
    assert {example(path)["type"] for path in FROM_CLIENT} == wire.CLIENT_TYPES
    assert {example(path)["type"] for path in FROM_SERVER} == wire.SERVER_TYPES


@pytest.mark.parametrize("path", FROM_SERVER, ids=lambda path: path.stem)
def test_keys_of_a_later_version_are_ignored(path: Path) -> None:
    later = json.dumps(example(path) | {"invented_later": {"a": [1]}})
    assert wire.decode_from_server(later) == wire.decode_from_server(path.read_text())


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["name"])
def test_hostile_frames_are_refused_with_their_code(case: dict[str, str]) -> None:
    for decode in (wire.decode_from_client, wire.decode_from_server):
        with pytest.raises(wire.ProtocolError) as refused:
            decode(case["frame"])
        # A type of the other direction is unknown here, whatever else is wrong with it.
        assert refused.value.code in (case["code"], "type_unknown")


def test_the_refusal_of_a_frame_names_the_message_it_answers() -> None:
    with pytest.raises(wire.MessageMalformed) as refused:
        wire.decode_from_client('{"type": "chat", "id": "say-1", "text": ""}')
    assert refused.value.id == "say-1"
    assert "text" in refused.value.message


def test_a_frame_above_the_limit_is_refused_unread() -> None:
    with pytest.raises(wire.FrameTooLong):
        wire.decode_from_client('{"type": "chat", "text": "' + "x" * wire.FRAME_BYTES_MAX + '"}')


def test_deep_nesting_is_an_error_in_words_not_a_crash() -> None:
    with pytest.raises(wire.MessageMalformed):
        wire.decode_from_client('{"type": "chat", "text": ' + "[" * 20_000 + "]" * 20_000 + "}")


def test_a_clients_own_word_for_from_survives_reading_so_that_the_server_must_overwrite_it() -> None:
    forged = wire.decode_from_client('{"type": "chat", "text": "hi", "from": "alice@example.com"}')
    assert isinstance(forged, wire.Chat)
    assert forged.from_ == "alice@example.com"


def test_sentences_that_say_something_else_than_the_words_are_left_out() -> None:
    honest = wire.PartState("ok", "2 days left.", [("{n} days left.", {"n": "2"})])
    lying = wire.PartState("ok", "2 days left.", [("{n} years left.", {"n": "2"})])
    assert (len(honest.said), lying.said) == (1, [])


def test_a_value_has_one_place_so_that_a_small_frame_is_a_small_text() -> None:
    assert wire.PartState("ok", "aa", [("{n}{n}", {"n": "a"})]).said == []


@pytest.mark.parametrize(
    "said", [[["", {}]], [["x" * 401, {}]], [["{a}", {"a": 1}]], [["{a}", {"a": [["{b}", {"b": [["c", {}]]}]]}]]]
)
def test_sentences_of_another_shape_are_refused(said: list[Any]) -> None:
    with pytest.raises(wire.MessageMalformed):
        wire.decode_from_client(json.dumps({"type": "chat", "text": "c", "said": said}))
