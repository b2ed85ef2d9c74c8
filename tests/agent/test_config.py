"""Options go before the environment, the environment before the file; what is wrong is said in a sentence."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from ucam_agent.config import State, load, read_device, replace_file
from ucam_agent.errors import ConfigInvalid, NotEnrolled

DEVICE = {
    "jid": "cam001@studio.loc",
    "token": "t",
    "server": "http://x",
    "room": "ws://x/ws/room",
    "storage": "http://x/s/",
}


def test_options_go_before_environment_before_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('state = "/from-file"\nmedia = "/footage"\nlog_level = "debug"\n')
    assert load(str(file)).state.directory == Path("/from-file")
    assert (load(str(file)).media, load(str(file)).log_level) == (Path("/footage"), "debug")
    monkeypatch.setenv("UCAM_AGENT_STATE", "/from-environment")
    assert load(str(file)).state.directory == Path("/from-environment")
    assert load(str(file), "/from-option").state.directory == Path("/from-option")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("state = 3", "must be a text"),
        ('stat = "/x"', "'stat', which is no setting"),
        ("state =", "not valid TOML"),
        ('log_level = "loud"', "choose one of"),
    ],
)
def test_a_wrong_file_is_said_in_words(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(text)
    with pytest.raises(ConfigInvalid, match=words):
        load(str(file))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"gone\.toml"):
        load(str(tmp_path / "gone.toml"))


def test_a_device_that_is_not_enrolled_hears_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotEnrolled, match="ucam-agent enrol URL CODE"):
        read_device(State(tmp_path))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({**DEVICE, "token": ""}), json.dumps({**DEVICE, "jid": 7})]
)
def test_a_damaged_identity_is_no_traceback(tmp_path: Path, text: str) -> None:
    State(tmp_path).device.write_text(text)
    with pytest.raises(ConfigInvalid, match="damaged"):
        read_device(State(tmp_path))


def test_the_token_is_not_shown(tmp_path: Path) -> None:
    State(tmp_path).device.write_text(json.dumps({**DEVICE, "token": "very-secret"}))
    assert "very-secret" not in repr(read_device(State(tmp_path)))


def test_a_replaced_file_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    replace_file(path, "one")
    replace_file(path, "two")
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigInvalid, match="--state DIR"):
        State(tmp_path / "file" / "below").make()


def test_the_state_directory_is_private(tmp_path: Path) -> None:
    state = State(tmp_path / "new" / "state")
    state.make()
    assert stat.S_IMODE(state.directory.stat().st_mode) == 0o700
    assert state.gaps.is_dir()
