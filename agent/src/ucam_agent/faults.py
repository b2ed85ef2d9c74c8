"""What a source's failure means, in words that say what to do, without passwords: IP cameras are named by place."""

from __future__ import annotations

from dataclasses import dataclass

from ucam_protocol import LibcameraSource, RtspSource, Settings, Source, V4l2Source

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
    size = f"{settings.width} x {settings.height} at {settings.fps} frames a second"
    if kind == "core.negotiation":
        return Trouble("camera", f"{_name(source)} does not give {size}. Choose another size or frame rate.")
    if kind == "resource.busy":
        return Trouble("camera", f"{_name(source)} is used by another program. Stop that program.")
    if kind in ("resource.not-found", "resource.open-read", "resource.open-read-write", "resource.read"):
        return Trouble("camera", f"{_name(source)} cannot be read. Check its cable and plug. ({told})")
    return Trouble("camera", f"{_name(source)} failed. Check its cable. ({told})")


def ended(settings: Settings) -> Trouble:
    """The stream came to an end that nobody asked for."""
    return Trouble("camera", f"{_name(settings.source)} ended its stream. Check its power and cable.")


def silent(settings: Settings, seconds: float, *, keyframe: bool) -> Trouble:
    """No picture for so long; `keyframe`: something came, but nothing that can be decoded."""
    source = settings.source
    if keyframe:
        return Trouble(
            "camera",
            f"{_name(source)} sent no keyframe for {seconds:.0f} s. Set its keyframe interval (I-frame, GOP) to 2 s.",
        )
    if isinstance(source, RtspSource):
        return Trouble(
            "camera",
            f"There was no picture for {seconds:.0f} s. {_name(source)} is silent: check its power and network.",
        )
    return Trouble("camera", f"There was no picture for {seconds:.0f} s.")


def no_h264(settings: Settings, offered: list[str]) -> Trouble:
    """An IP camera offers only streams that we cannot record."""
    return Trouble(
        "camera",
        f"{_name(settings.source)} offers {', '.join(offered)}, not H.264. "
        "Choose H.264 in the IP camera's own settings.",
    )


def _rtsp(source: RtspSource, kind: str, told: str) -> Trouble:
    name = _name(source)
    if kind == "resource.not-authorized":
        asked = "does not accept user and password" if source.user else "asks for user and password"
        return Trouble("camera", f"{name} {asked}. Put the right ones into its URL: rtsp://user:password@…", LOCKOUT_MS)
    if kind == "resource.not-found":
        return Trouble("camera", f"{name} has no such stream. Check the path in its URL.")
    if kind in ("resource.open-read", "resource.open-read-write", "resource.read", "resource.write"):
        return Trouble("camera", f"{name} cannot be reached. Check its address, power and network.")
    return Trouble("camera", f"{name} failed. ({told})")


def _name(source: Source) -> str:
    match source:
        case RtspSource():
            return f"The IP camera at {source.place}"
        case LibcameraSource():
            return "The camera at the ribbon cable"
        case V4l2Source():
            return f"The USB camera {source.device}".rstrip()
        case _:
            return "The camera"
