"""What `ucam-agent doctor` says of camera, encoder and sound, by the settings that this device has."""

from __future__ import annotations

import socket
from dataclasses import replace
from urllib.parse import urlsplit

from ucam_protocol import (
    AlsaAudio,
    FileSource,
    LibcameraSource,
    MessageMalformed,
    NoAudio,
    RtspSource,
    Settings,
    Source,
    TestSource,
    V4l2Source,
    decode_settings,
)
from ucam_sentences import say, together

from . import camera, faults
from .camera import Board
from .config import Config, State
from .discovery import Found
from .errors import AgentError
from .packages import package_of
from .sound_sources import ENCODERS

RTSP_PORTS, REACH_S = {"rtsp": 554, "rtsps": 322}, 5.0
LIVE = "opusenc"
SOUND_ALWAYS = (LIVE, "audioconvert", "audioresample", "alsasrc")
SOUND = (*ENCODERS, *SOUND_ALWAYS)

Said = tuple[bool, str]


def camera_words(config: Config, board: Board) -> Said:
    """Whether the camera of the settings is there, and all that were found."""
    if config.media:
        board = replace(board, media=(config.media, *board.media))
    settings = _settings(config.state)
    if isinstance(settings, str):
        return False, settings
    found = board.discover()
    microphones = ", ".join(one.device for one in found.microphones)
    heard = say("Microphones: {names}.", names=microphones) if microphones else say("No microphone was found.")
    words = together(say("On the device itself:"), found.words(), heard)
    try:
        wanted = camera.chosen(settings, found)
        if camera.live(wanted, board, found) is None:
            camera.footage(wanted, board)
    except AgentError as error:
        return False, error.message
    if isinstance(wanted.source, RtspSource) and (unreachable := _unreachable(wanted.source)):
        return False, unreachable
    return True, together(_asked_for(settings.redacted.source), words)


def _asked_for(source: Source) -> str:
    """The source of these settings, its password hidden already, as people call it."""
    match source:
        case RtspSource(sub=""):
            return say("The settings ask for the IP camera at {url}.", url=source.url)
        case RtspSource():
            return say(
                "The settings ask for the IP camera at {url}, with its small stream at {sub}.",
                url=source.url,
                sub=source.sub,
            )
        case V4l2Source():
            return say("The settings ask for the USB camera {name}.", name=source.device or say("that is found first"))
        case LibcameraSource():
            return say("The settings ask for a camera at the ribbon cable.")
        case FileSource():
            return say("The settings ask for the footage {name}, not for a camera.", name=source.name)
        case TestSource():
            return say("The settings ask for a test picture, not for a camera.")
    return say("The settings ask for the camera that is there.")


def _unreachable(source: RtspSource) -> str:
    """Which of an IP camera's addresses takes no connection, in words; the pictures themselves are not asked for."""
    for one in filter(None, (source, source.small)):
        parts = urlsplit(one.url)
        try:
            socket.create_connection((parts.hostname, parts.port or RTSP_PORTS[parts.scheme]), REACH_S).close()
        except OSError:
            return faults.of_camera(Settings(source=one), "resource.open-read", "").words
    return ""


def encoder_words(config: Config, board: Board) -> Said:
    """Which encoder these settings get on this board."""
    if not board.encoders:
        return False, say("No H.264 encoder is installed. Install one: sudo apt install gstreamer1.0-plugins-ugly")
    settings = _settings(config.state)
    encoder = board.encoder(Settings() if isinstance(settings, str) else settings)
    return not encoder.words, together(say("{encoder} encodes.", encoder=encoder.factory), encoder.words)


def sound_words(config: Config, found: Found, installed: tuple[str, ...]) -> Said:
    """Whether sound could be recorded and heard, and the microphone of the settings is there. `installed`: of SOUND."""
    settings = _settings(config.state)
    audio = NoAudio() if isinstance(settings, str) else settings.audio
    recorded = next((name for name in ENCODERS if name in installed), "")
    absent = [*(() if recorded else ("voaacenc",)), *(name for name in SOUND_ALWAYS if name not in installed)]
    packages = " ".join(sorted({package_of(name) for name in absent}))
    lacking = say(
        "{elements} cannot be found: sudo apt install {packages}", elements=", ".join(absent), packages=packages
    )
    able = say("It can be recorded ({recorded}) and heard ({heard}).", recorded=recorded, heard=LIVE)
    if isinstance(audio, NoAudio):
        return True, together(say("Sound is switched off."), lacking if absent else able)
    if absent:
        return False, together(say("Sound is switched on."), lacking)
    if not isinstance(audio, AlsaAudio):
        return True, together(say("The sound of the camera's own source is switched on."), able)
    microphone = audio.device or "default"
    names = [one.device for one in found.microphones]
    if not names or (audio.device not in ("", "default") and _card(audio.device) not in map(_card, names)):
        there = say("There are: {names}.", names=", ".join(names)) if names else say("No microphone was found.")
        wanted = say("The microphone {name} is switched on, and not there.", name=microphone)
        return False, together(wanted, there, say("Check its plug, or choose another in the settings."))
    return True, together(say("The microphone {name} is switched on.", name=microphone), able)


def _card(device: str) -> str:
    """The card in ALSA's name for a device."""
    return device.partition("CARD=")[2].partition(",")[0]


def _settings(state: State) -> Settings | str:
    """Those of this device, the defaults when it has none yet, or what is wrong with them."""
    try:
        return decode_settings(state.settings.read_bytes())
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        return say(
            "{file} cannot be read ({reason}). Run as the agent's user.", file=state.settings, reason=error.strerror
        )
    except MessageMalformed as error:
        return together(say("{file} cannot be used.", file=state.settings), error.message)
