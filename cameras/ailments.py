"""What a camera's own status means for people, one trouble at a time: what happened, what is safe, what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext_noop
from ucam_carried import heard
from ucam_protocol import Part, PartState, Status

from cameras.models import Alert
from cameras.sentences import say, together

KINDS = ("recording_stopped", "spool_trouble", "storage_unreachable", "spool_filling", "clock_unknown")
RECORDING_PARTS: tuple[Part, ...] = ("camera", "encoder", "recorder")
DOES_NOT_WORK: dict[Part, str] = {
    "camera": gettext_noop("The camera does not work."), "encoder": gettext_noop("The encoder does not work."),
    "recorder": gettext_noop("The recorder does not work."),
}  # fmt: skip
FILLING_S, FULL_SOON_S = 12 * 3600, 3600
LEVEL = Alert.Level


@dataclass(frozen=True, slots=True)
class Ailment:
    """One trouble in words that do not change from second to second."""

    kind: str
    level: Alert.Level
    title: str
    text: str


def ailments(status: Status, name: str) -> list[Ailment]:
    """All that a camera of this name suffers from; none: all is well."""
    return [
        *_recording(status, name), *_own_disk(status, name), *_storage(status, name), *_filling(status, name),
        *_clock(status, name),
    ]  # fmt: skip


def _recording(status: Status, name: str) -> Iterator[Ailment]:
    """A part without which there is no picture."""
    broken = [(part, status.parts[part]) for part in RECORDING_PARTS if _state(status, part) == "broken"]
    if not broken:
        return
    said = together(*(_words(state, say(DOES_NOT_WORK[part])) for part, state in broken))
    yield Ailment(
        "recording_stopped",
        LEVEL.CRITICAL,
        say("{name} records with trouble", name=name) if status.recording else say("{name} does not record", name=name),
        together(
            said,
            say(
                "What was recorded before is safe. The camera tries again by itself; look at its lens, its cable and "
                "its power if that does not help."
            ),
        ),
    )


def _own_disk(status: Status, name: str) -> Iterator[Ailment]:
    state = status.parts.get("spool")
    if state is not None and state.state in ("degraded", "broken"):
        yield Ailment(
            "spool_trouble",
            LEVEL.CRITICAL if state.state == "broken" else LEVEL.WARNING,
            say("{name} has trouble with its own disk", name=name),
            together(
                _words(state, say("The disk of the camera does not take recordings as it should.")),
                say(
                    "What storage has is safe; what was not shipped yet may be lost. Replace the camera's card or disk."
                ),
            ),
        )


def _storage(status: Status, name: str) -> Iterator[Ailment]:
    if _state(status, "storage") == "broken":
        yield Ailment(
            "storage_unreachable",
            LEVEL.WARNING,
            say("{name} cannot reach storage", name=name),
            together(
                say("Its recordings wait on the camera and are shipped when storage is back."),
                room_left(status),
                say("Look at the network between the camera and the server, and at the server's disk."),
            ),
        )


def _filling(status: Status, name: str) -> Iterator[Ailment]:
    """What waits grows and will not fit for long: not while the camera is catching up."""
    left_s = status.spool_holds_s
    if left_s is None or left_s >= FILLING_S or status.catch_up_s is not None or not status.spool_unshipped_bytes:
        return
    if _state(status, "storage") not in ("degraded", "broken"):
        return
    yield Ailment(
        "spool_filling",
        LEVEL.CRITICAL if left_s < FULL_SOON_S else LEVEL.WARNING,
        say("{name} runs out of room", name=name),
        together(
            room_left(status),
            say(
                "Until then nothing is lost; after that the oldest recordings that storage does not have go first. "
                "Bring storage back, or give the camera a better way to it."
            ),
        ),
    )


def _clock(status: Status, name: str) -> Iterator[Ailment]:
    if _state(status, "clock") in ("degraded", "broken", "unknown"):
        yield Ailment(
            "clock_unknown",
            LEVEL.WARNING,
            say("{name} does not know the time", name=name),
            together(
                _words(status.parts["clock"], say("Its clock is not known to be right.")),
                say(
                    "It records all the same, and its recordings are put in their place once the time is known. "
                    "Let it reach a time server or this server."
                ),
            ),
        )


def room_left(status: Status) -> str:
    """How long the camera can go on by itself, coarsely: the sentence shall not change all the time."""
    left_s = status.spool_holds_s
    if left_s is None:
        return ""
    if left_s < 600:
        return say("It has room for a few minutes at most; after that the oldest recordings are lost.")
    if left_s < 7200:
        return say("It has room for about {minutes} minutes more.", minutes=left_s // 600 * 10)
    return say("It has room for about {hours} hours more.", hours=left_s // 3600)


def _state(status: Status, part: Part) -> str:
    known = status.parts.get(part)
    return known.state if known is not None else ""


def _words(part: PartState, otherwise: str) -> str:
    return heard(part.words.strip(), part.said) or otherwise
