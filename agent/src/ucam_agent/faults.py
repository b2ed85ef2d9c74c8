"""What a source's failure means, in words that say what to do, without passwords: IP cameras are named by place."""

from __future__ import annotations

from dataclasses import dataclass

from ucam_protocol import LibcameraSource, RtspSource, Settings, Source, V4l2Source
from ucam_sentences import say, together

LOCKOUT_MS = 60_000  # many IP cameras lock the door after a few wrong passwords


@dataclass(frozen=True, slots=True)
class Trouble:
    """Which part failed, and in words; `wait_ms`: not to be tried again before."""

    part: str
    words: str
    wait_ms: int = 0


def of_camera(settings: Settings, kind: str, told: str) -> Trouble:
    """The camera said this; `kind` as gst.Fault has it, `told` is GStreamer's own."""
    source = settings.source
    if isinstance(source, RtspSource):
        return _rtsp(source, kind, told)
    name = _name(source)
    if kind == "core.negotiation":
        words = say(
            "{name} does not give {width} x {height} at {fps} frames a second. Choose another size or frame rate.",
            name=name,
            width=settings.width,
            height=settings.height,
            fps=settings.fps,
        )
    elif kind == "resource.busy":
        words = say("{name} is used by another program. Stop that program.", name=name)
    elif kind in ("resource.not-found", "resource.open-read", "resource.open-read-write", "resource.read"):
        words = say("{name} cannot be read. Check its cable and plug. ({told})", name=name, told=told)
    else:
        words = say("{name} failed. Check its cable. ({told})", name=name, told=told)
    return Trouble("camera", words)


def ended(settings: Settings) -> Trouble:
    """The stream came to an end that nobody asked for."""
    return Trouble("camera", say("{name} ended its stream. Check its power and cable.", name=_name(settings.source)))


def silent(settings: Settings, seconds: float, *, keyframe: bool) -> Trouble:
    """No picture for so long; `keyframe`: something came, but nothing that can be decoded."""
    source, length = settings.source, f"{seconds:.0f}"
    if keyframe:
        words = say(
            "{name} sent no keyframe for {seconds} s. Set its keyframe interval (I-frame, GOP) to 2 s.",
            name=_name(source),
            seconds=length,
        )
        return Trouble("camera", words)
    words = say("There was no picture for {seconds} s.", seconds=length)
    if isinstance(source, RtspSource):
        words = together(words, say("{name} is silent: check its power and network.", name=_name(source)))
    return Trouble("camera", words)


def no_h264(settings: Settings, offered: list[str]) -> Trouble:
    """An IP camera offers only streams that we cannot record."""
    words = say(
        "{name} offers {offered}, not H.264. Choose H.264 in the IP camera's own settings.",
        name=_name(settings.source),
        offered=", ".join(offered),
    )
    return Trouble("camera", words)


def _rtsp(source: RtspSource, kind: str, told: str) -> Trouble:
    name = _name(source)
    if kind == "resource.not-authorized":
        asked = say("{name} asks for user and password.", name=name)
        if source.user:
            asked = say("{name} does not accept user and password.", name=name)
        mend = say("Put the right ones into its URL: rtsp://user:password@…")
        return Trouble("camera", together(asked, mend), LOCKOUT_MS)
    if kind == "resource.not-found":
        words = say("{name} has no such stream. Check the path in its URL.", name=name)
    elif kind in ("resource.open-read", "resource.open-read-write", "resource.read", "resource.write"):
        words = say("{name} cannot be reached. Check its address, power and network.", name=name)
    else:
        words = say("{name} failed. ({told})", name=name, told=told)
    return Trouble("camera", words)


def _name(source: Source) -> str:
    match source:
        case RtspSource():
            return say("The IP camera at {place}", place=source.place)
        case LibcameraSource():
            return say("The camera at the ribbon cable")
        case V4l2Source(device=device) if device:
            return say("The USB camera {device}", device=device)
        case V4l2Source():
            return say("The USB camera")
        case _:
            return say("The camera")
