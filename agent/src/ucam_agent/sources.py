"""Cameras with a clock of their own as the head of the encoding pipeline. Pure functions of typed values: no gi."""

from __future__ import annotations

from dataclasses import dataclass

from ucam_protocol import RtspSource, Settings

from .description import Description, Element, Link, Value, chain, line
from .encoders import H264, Encoder, keyframe_frames

FRESH_BUFFERS = 3  # pictures waiting for the encoder; more would only be delay
RTSP_LATENCY_MS = 200
RTSP_TIMEOUT_US = 5_000_000
BY_ID = "/dev/v4l/by-id"


@dataclass(frozen=True, slots=True)
class Input:
    """The head of a pipeline. `inlet`: the element that an end of stream is given to, behind the camera itself.

    `encoded`: it gives H.264. `argv`: a program whose output the element `camera` reads.
    """

    description: Description
    inlet: str
    encoded: bool = False
    argv: tuple[str, ...] = ()

    @property
    def outlet(self) -> str:
        """Its last element."""
        return self.description.elements[-1].name

    @property
    def counted(self) -> bool:
        """Whether pictures are counted, and dropped, before an encoder in this pipeline."""
        return self.inlet == "fresh"


@dataclass(frozen=True, slots=True)
class Mode:
    """What a USB camera can give: `format` is `h264`, `mjpeg` or `raw`; frames/s as a fraction."""

    format: str
    width: int
    height: int
    rate: int
    per: int = 1

    @property
    def fps(self) -> float:
        return self.rate / self.per


def libcamera(settings: Settings, name: str, encoder: Encoder) -> Input:
    """A camera at the ribbon cable. Every field of the caps is given: libcamera would choose odd ones."""
    caps = (
        f"video/x-raw,format=NV12,width={settings.width},height={settings.height},framerate={settings.fps}/1,"
        "interlace-mode=progressive,colorimetry=bt709"
    )
    properties: dict[str, Value] = {"camera-name": name} if name else {}
    camera = Element("libcamerasrc", "camera", properties), Element("capsfilter", "size", {"caps": caps})
    return Input(line(*camera, *_to_encoder(encoder)), inlet="fresh")


def rpicam(settings: Settings, program: str, index: int | None) -> Input:
    """The same through rpicam-vid, which encodes as well."""
    figures = {
        "--width": settings.width,
        "--height": settings.height,
        "--framerate": settings.fps,
        "--bitrate": settings.bitrate_kbit * 1000,
        "--intra": keyframe_frames(settings),
    }
    argv = [program, "-t", "0", "-n", "--inline", "--flush", "--codec", "h264", "--profile", "baseline"]
    argv += [word for name, value in figures.items() for word in (name, str(value))]
    argv += [*(("--camera", str(index)) if index is not None else ()), "-o", "-"]
    # Whole, width and height too: bytes out of a pipe have no caps of their own that could complete these.
    size = f"width={settings.width},height={settings.height}"
    caps = f"video/x-h264,stream-format=byte-stream,{size},framerate={settings.fps}/1"
    pipe = Element("fdsrc", "camera", {"do-timestamp": True}), Element("capsfilter", "piped", {"caps": caps})
    return Input(line(*pipe), inlet="piped", encoded=True, argv=tuple(argv))


def v4l2(settings: Settings, device: str, mode: Mode, encoder: Encoder) -> Input:
    """A USB camera in one of its modes."""
    media = {"h264": H264, "mjpeg": "image/jpeg", "raw": "video/x-raw"}[mode.format]
    caps = f"{media},width={mode.width},height={mode.height},framerate={mode.rate}/{mode.per}"
    # Its own time stamps are better than those of our reading: no do-timestamp.
    camera = Element("v4l2src", "camera", {"device": f"{BY_ID}/{device}"})
    filter_ = Element("capsfilter", "mode", {"caps": caps})
    if mode.format == "h264":
        return Input(line(camera, filter_), inlet="mode", encoded=True)
    decoder = (Element("jpegdec", "decoder"),) if mode.format == "mjpeg" else ()
    rate: tuple[Element, ...] = ()
    if mode.fps > settings.fps:
        rate = (
            Element("videorate", "rate", {"drop-only": True}),
            Element("capsfilter", "rated", {"caps": f"video/x-raw,framerate={settings.fps}/1"}),
        )
    return Input(line(camera, filter_, *decoder, *rate, *_to_encoder(encoder)), inlet="fresh")


def best_mode(settings: Settings, modes: tuple[Mode, ...]) -> Mode | None:
    """H.264 before MJPEG before raw, of the wanted size; the lowest rate that suffices, else the highest."""
    for format_ in ("h264", "mjpeg", "raw"):
        fitting = [mode for mode in modes if (mode.format, mode.width, mode.height) == (format_, *_size(settings))]
        # 30000/1001 is what many mean by 30.
        enough = [mode for mode in fitting if mode.fps >= settings.fps * 0.99]
        if enough:
            return min(enough, key=lambda mode: mode.fps)
        if fitting:
            return max(fitting, key=lambda mode: mode.fps)
    return None


def rtsp(source: RtspSource, *, sound: bool = False) -> Input:
    """An IP camera's H.264. User and password are given apart, so that no message of GStreamer's holds them.

    `sound`: its own comes out of `heard`, as RTP: nothing that is wrong with it shall touch the pictures.
    """
    properties: dict[str, Value] = {
        "location": source.bare_url,
        "protocols": "tls+tcp" if source.url.startswith("rtsps") else source.transport,
        "latency": RTSP_LATENCY_MS,
        "tcp-timeout": RTSP_TIMEOUT_US,
        "timeout": RTSP_TIMEOUT_US,
    }
    if source.user:
        properties |= {"user-id": source.user, "user-pw": source.password}
    camera = Element("rtspsrc", "camera", properties)
    depay = Element("rtph264depay", "depay")
    link = Link("camera", "depay", sometimes="", caps="media=(string)video")
    if not sound:
        return Input(Description((camera, depay), (link,)), inlet="depay", encoded=True)
    sink: dict[str, Value] = {"sync": False, "async": False, "emit-signals": True, "enable-last-sample": False}
    heard = Link("camera", "heard", sometimes="", caps="media=(string)audio")
    elements = (camera, Element("appsink", "heard", sink), depay)
    return Input(Description(elements, (link, heard)), inlet="depay", encoded=True)


def own_small(source: RtspSource) -> Description:
    """An IP camera's own small stream as frames for live viewers; ends in `frames`."""
    head = rtsp(source)
    sink: dict[str, Value] = {"sync": False, "async": False, "emit-signals": True, "enable-last-sample": False}
    rest = (
        Element("h264parse", "parse", {"config-interval": -1}),
        Element("capsfilter", "units", {"caps": H264}),
        Element("appsink", "frames", sink),
    )
    links = (*head.description.links, Link(head.outlet, "parse"), *chain(*rest))
    return Description((*head.description.elements, *rest), links)


def _to_encoder(encoder: Encoder) -> tuple[Element, ...]:
    caps = f"video/x-raw,format={encoder.formats}"
    fresh: dict[str, Value] = {"leaky": "upstream", "max-size-buffers": FRESH_BUFFERS}
    return (
        Element("videoconvert", "convert"),
        Element("capsfilter", "raw", {"caps": caps}),
        Element("queue", "fresh", {**fresh, "max-size-bytes": 0, "max-size-time": 0}),
    )


def _size(settings: Settings) -> tuple[int, int]:
    return settings.width, settings.height
