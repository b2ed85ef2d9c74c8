"""The kinds of source a camera can have, and what each needs on this board. One entry in SOURCES per kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from ucam_protocol import (
    AutoSource,
    FileSource,
    LibcameraSource,
    RtspSource,
    Settings,
    Source,
    SourceAudio,
    TestSource,
    V4l2Source,
)
from ucam_sentences import say, together

from . import discovery, encoders, pipeline, sources
from .discovery import Found
from .encoders import Encoder
from .errors import AgentError
from .sources import Input

MEDIA = Path(__file__).parent / "media"
MODEL = Path("/proc/device-tree/model")
RPICAM = ("rpicam-vid", "libcamera-vid")


class SourceUnknown(AgentError):
    """The settings name a source that this device does not have."""

    code = "source_unknown"


class CameraAbsent(AgentError):
    """The camera is not there now, or cannot do what is asked; it may be plugged in."""

    code = "camera_absent"
    permanent = False


@dataclass(frozen=True, slots=True)
class Board:
    """What this device has: its folders of footage (the first that holds a file wins), encoders, programs.

    `libcamera`: GStreamer's element is there; `rpicam`: path of the program that stands in for it.
    """

    media: tuple[Path, ...] = (MEDIA,)
    encoders: tuple[str, ...] = ("x264enc",)
    model: str = ""
    libcamera: bool = True
    rpicam: str = ""
    discover: Callable[[], Found] = field(default=discovery.discover)

    def encoder(self, settings: Settings) -> Encoder:
        """The one for these settings."""
        return encoders.choose(settings, self.encoders, self.model)


def model(path: Path = MODEL) -> str:
    """The board's name, empty where it has none."""
    try:
        return path.read_text().strip("\0\n ")
    except OSError:
        return ""


def rpicam() -> str:
    """The path of rpicam-vid, empty when it is not installed."""
    return next((path for name in RPICAM if (path := shutil.which(name))), "")


def _file(settings: Settings, board: Board, source: FileSource) -> pipeline.Description:
    for folder in board.media:
        path = folder / source.name
        if path.is_file():
            return pipeline.file_footage(settings, path)
    folders = ", ".join(str(folder) for folder in board.media)
    raise SourceUnknown(
        say(
            "There is no footage {name} in {folders}. Put the file there or choose another source.",
            name=source.name,
            folders=folders,
        )
    )


def _test(settings: Settings, _board: Board, source: TestSource) -> pipeline.Description:
    return pipeline.test_footage(settings, source)


# Each makes the footage pipeline of its kind.
SOURCES: dict[type[Source], Callable[[Settings, Board, Any], pipeline.Description]] = {
    FileSource: _file,
    TestSource: _test,
}


def footage(settings: Settings, board: Board) -> pipeline.Description:
    """The pipeline that makes this camera's raw pictures; raises SourceUnknown."""
    make = SOURCES.get(type(settings.source))
    if make is None:
        kind = type(settings.source).__name__
        raise SourceUnknown(say("This version of the agent has no source of the kind {kind}.", kind=kind))
    return make(settings, board, settings.source)


def _libcamera(settings: Settings, board: Board, source: LibcameraSource, found: Found) -> Input:
    if not board.libcamera:
        if board.rpicam:
            return sources.rpicam(settings, board.rpicam, source.index)
        raise SourceUnknown(
            say(
                "Neither GStreamer's libcamerasrc nor rpicam-vid is installed. Install one: "
                "sudo apt install gstreamer1.0-libcamera (or rpicam-apps-lite)."
            )
        )
    name = source.camera
    if not name and source.index is not None:
        if source.index >= len(found.libcamera):
            absent = say("There is no camera {number} at the ribbon cable.", number=source.index)
            raise CameraAbsent(together(absent, found.words()))
        name = found.libcamera[source.index].name
    return sources.libcamera(settings, name, board.encoder(settings))


def _v4l2(settings: Settings, board: Board, source: V4l2Source, found: Found) -> Input:
    cameras = [camera for camera in found.v4l2 if source.device in ("", camera.device)]
    if not cameras:
        absent = say("There is no USB camera. Plug one in or choose another kind.")
        if source.device:
            absent = say("The USB camera {device} is not there. Plug it in or choose another.", device=source.device)
        raise CameraAbsent(together(absent, found.words()))
    camera = cameras[0]
    mode = sources.best_mode(settings, camera.modes)
    if mode is None:
        raise CameraAbsent(
            together(
                say(
                    "The USB camera {name} does not give {width} x {height}.",
                    name=camera.name,
                    width=settings.width,
                    height=settings.height,
                ),
                say("Choose one of {sizes}.", sizes=", ".join(camera.sizes()))
                if camera.sizes()
                else say("Choose another camera."),
            )
        )
    slower = msgspec.structs.replace(settings, fps=max(1, min(settings.fps, round(mode.fps))))
    return sources.v4l2(slower, camera.device, mode, board.encoder(slower))


def _rtsp(settings: Settings, _board: Board, source: RtspSource, _found: Found) -> Input:
    return sources.rtsp(source, sound=isinstance(settings.audio, SourceAudio))


# Each makes the head of the encoding pipeline: these cameras have a clock of their own.
LIVE: dict[type[Source], Callable[[Settings, Board, Any, Found], Input]] = {
    LibcameraSource: _libcamera,
    V4l2Source: _v4l2,
    RtspSource: _rtsp,
}


def must_look(source: Source) -> bool:
    """Whether it takes a look at the device's cameras to open this one."""
    by_number = isinstance(source, LibcameraSource) and source.index is not None
    return by_number or isinstance(source, AutoSource | V4l2Source)


def chosen(settings: Settings, found: Found) -> Settings:
    """With AutoSource replaced by the camera that was found; raises CameraAbsent."""
    if not isinstance(settings.source, AutoSource):
        return settings
    source: Source
    if found.libcamera:
        source = LibcameraSource(found.libcamera[0].name)
    elif found.v4l2:
        source = V4l2Source(found.v4l2[0].device)
    else:
        raise CameraAbsent(together(found.words(), say("Plug one in, or check its cable.")))
    return msgspec.structs.replace(settings, source=source)


def live(settings: Settings, board: Board, found: Found) -> Input | None:
    """The head of the encoding pipeline, None for footage; raises SourceUnknown or CameraAbsent."""
    make = LIVE.get(type(settings.source))
    return make(settings, board, settings.source, found) if make else None


def is_remote(source: Source) -> bool:
    """Whether a new process of ours cannot help when it fails."""
    return isinstance(source, RtspSource)
