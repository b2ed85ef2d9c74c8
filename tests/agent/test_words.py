"""What the agent says in words: sentences that its server can tell in other languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from ucam_agent import faults
from ucam_agent.clock import Clock
from ucam_agent.discovery import Found, Trouble
from ucam_agent.health import Health, told_as, words_of
from ucam_agent.shipper import Shipper
from ucam_agent.spool import state_event
from ucam_carried import carried
from ucam_protocol import RtspSource, Settings, V4l2Source
from ucam_sentences import in_words, say, sentences_of, together

GERMAN = {"Recordings wait on this camera.": "Aufnahmen warten.", "{n} days": "{n} Tage", "Wait {length}.": "{length}!"}


@pytest.fixture
def health(tmp_path: Path) -> Health:
    clock = Clock()
    return Health(Shipper(tmp_path, None, lambda: None, clock), clock, 2**30)  # type: ignore[arg-type]


def test_what_the_recorder_says_keeps_its_sentences_over_the_socket(health: Health) -> None:
    trouble = faults.silent(Settings(source=RtspSource("rtsp://yard.loc/1")), 12, keyframe=False)
    health.told(state_event("camera", "broken", trouble.words))
    part = health.status().parts["camera"]
    assert (
        part.words
        == "There was no picture for 12 s. The IP camera at rtsp://yard.loc is silent: check its power and network."
    )
    assert [english for english, _ in part.said] == [
        "There was no picture for {seconds} s.", "{name} is silent: check its power and network."
    ]  # fmt: skip


def test_words_of_a_part_that_are_cut_off_go_without_sentences() -> None:
    long = told_as("broken", together(say("It is so."), "x" * 400))
    assert (len(long.words), long.said) == (300, [])


def test_every_part_of_a_status_is_in_sentences(health: Health) -> None:
    health.shipper.missed(say("Storage gives no answer."), "lane")
    for part in health.status().parts.values():
        assert part.said, part.words
        assert in_words(part.said) == part.words


def test_an_answer_in_the_room_is_in_sentences(health: Health) -> None:
    said = health.in_words()
    assert in_words(carried(said)) == said
    assert said.startswith("I DO NOT RECORD, and nobody watches live.")


def test_lengths_are_translated_within_their_sentence() -> None:
    text = say("Wait {length}.", length=words_of(3 * 86400))
    assert text == "Wait 3 days."
    assert in_words(text.sentences, lambda english: GERMAN.get(english, english)) == "3 Tage!"


def test_braces_of_foreign_text_are_text() -> None:
    assert say("It said: {told}", told="{told} {0}") == "It said: {told} {0}"
    assert in_words(sentences_of("{nothing}")) == "{nothing}"


def test_a_trouble_found_by_another_process_is_a_sentence_again() -> None:
    found = Found(troubles=(Trouble("The cameras could not be looked for ({reason}).", {"reason": "no memory"}),))
    assert found.words() == "No camera was found. The cameras could not be looked for (no memory)."
    assert carried(found.words())[1][1] == {"reason": "no memory"}


def test_a_usb_camera_is_named_by_its_device() -> None:
    ended = faults.ended(Settings(source=V4l2Source("usb-0")))
    assert ended.words == "The USB camera usb-0 ended its stream. Check its power and cable."
