"""What `ucam-agent doctor` says of camera and encoder, by the settings that this device has."""

from __future__ import annotations

from dataclasses import replace

from ucam_protocol import MessageMalformed, Settings, decode_settings
from ucam_sentences import say, together

from . import camera
from .camera import Board
from .config import Config, State
from .errors import AgentError

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
    return True, together(say("The settings ask for {source}.", source=repr(wanted.redacted.source)), words)


def encoder_words(config: Config, board: Board) -> Said:
    """Which encoder these settings get on this board."""
    if not board.encoders:
        return False, say("No H.264 encoder is installed. Install one: sudo apt install gstreamer1.0-plugins-ugly")
    settings = _settings(config.state)
    encoder = board.encoder(Settings() if isinstance(settings, str) else settings)
    return not encoder.words, together(say("{encoder} encodes.", encoder=encoder.factory), encoder.words)


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
