"""The recorder's pipelines as descriptions that a test can read: pure functions of typed settings, no gi, no files.

Two pipelines: the *footage* makes raw pictures as fast as they are pulled, the *encoding* takes them at their time,
encodes once and has two readers: fragments (never leaking) and frames for live viewers.
"""

from __future__ import annotations

from pathlib import Path

from ucam_protocol import Settings, SourceAudio, TestSource

from .description import Description, Element, Link, Value, chain
from .encoders import H264, X264, Encoder, keyframe_frames
from .sound_sources import PCM
from .sources import Input

__all__ = ["Description", "Element", "Link", "Value", "chain", "encoding", "keyframe_frames"]

TIMESCALE = 90_000
# Fragments are cut at keyframes. mp4mux also cuts, in the middle of a group, once its fragment duration is over, and
# storage takes no such fragment. Groups grow long when frames are dropped for want of CPU (the recorder asks for a
# keyframe then): so that is a ceiling, this many times the keyframe distance, and never less than 15 s.
FRAGMENT_CEILING, CEILING_MS_MIN = 4, 15_000
KEYFRAME_MS_MAX = 10_000  # as in Settings
CAMERA_CEILING_MS = 60_000  # where the camera itself decides when keyframes come
RECORD_QUEUE: dict[str, Value] = {"max-size-time": 5_000_000_000, "max-size-bytes": 0, "max-size-buffers": 0}


def raw_caps(settings: Settings) -> str:
    """Caps of the raw pictures that the encoder gets."""
    return (
        f"video/x-raw,format=I420,width={settings.width},height={settings.height},"
        f"framerate={settings.fps}/1,pixel-aspect-ratio=1/1"
    )


def _pictures() -> Element:
    return Element("appsink", "pictures", {"sync": False, "max-buffers": 4, "enable-last-sample": False})


def test_footage(settings: Settings, source: TestSource) -> Description:
    """GStreamer's test picture."""
    elements = (
        Element("videotestsrc", "test", {"pattern": source.pattern}),
        Element("capsfilter", "raw", {"caps": raw_caps(settings)}),
        _pictures(),
    )
    return Description(elements, chain(*elements))


test_footage.__test__ = False  # type: ignore[attr-defined]  # for pytest, which takes test_* for a test


def file_footage(settings: Settings, path: Path) -> Description:
    """H.264 in an MP4 file, decoded, scaled with its aspect kept, at the camera's frame rate."""
    size = f"video/x-raw,format=I420,width={settings.width},height={settings.height},pixel-aspect-ratio=1/1"
    file = Element("filesrc", "file", {"location": str(path)})
    demux = Element("qtdemux", "demux")
    rest = (
        Element("h264parse", "parse"),
        Element("avdec_h264", "decoder", {"max-threads": 1}),
        Element("videoconvert", "convert"),
        Element("videoscale", "scale", {"add-borders": True}),
        Element("capsfilter", "size", {"caps": size}),
        Element("videorate", "rate"),
        Element("capsfilter", "raw", {"caps": raw_caps(settings)}),
        _pictures(),
    )
    links = (Link("file", "demux"), Link("demux", "parse", sometimes="video"), *chain(*rest))
    if not isinstance(settings.audio, SourceAudio):
        return Description((file, demux, *rest), links)
    sound = _file_sound()
    sound_links = (Link("demux", sound[0].name, sometimes="audio"), *chain(*sound))
    return Description((file, demux, *rest, *sound), (*links, *sound_links))


def _file_sound() -> tuple[Element, ...]:
    """Never holds up the pictures: its queue has no bounds, for the file is read as far as there is room for them."""
    endless: dict[str, Value] = {"max-size-time": 0, "max-size-bytes": 0, "max-size-buffers": 0}
    return (
        Element("queue", "sound_queue", endless),
        Element("aacparse", "sound_parse"),
        Element("avdec_aac", "sound_decoder"),
        Element("audioconvert", "sound_convert"),
        Element("audioresample", "sound_resample"),
        Element("capsfilter", "sound_samples", {"caps": PCM}),
        Element("appsink", "sounds", {"sync": False, "async": False, "enable-last-sample": False}),
    )


def paced(settings: Settings) -> Input:
    """Raw pictures that the pacer pushes."""
    properties: dict[str, Value] = {
        "is-live": True,
        "format": "time",
        "block": False,
        "max-buffers": 0,
        "max-bytes": 0,
        "caps": raw_caps(settings),
    }
    return Input(Description((Element("appsrc", "source", properties),), ()), inlet="source")


def encoding(settings: Settings, source: Input | None = None, encoder: Encoder = X264) -> Description:
    """Pictures in, fragments and frames out; one H.264 encoder between, or none when the camera encodes itself."""
    source = source or paced(settings)
    head = (
        *(() if source.encoded else encoder.elements(settings)),
        Element("h264parse", "parse", {"config-interval": -1}),
        Element("capsfilter", "units", {"caps": H264}),
        Element("tee", "tee", {"allow-not-linked": True}),
    )
    inlets = _either(source)
    reparse = Element("h264parse", "reparse")
    mux = Element("mp4mux", "mux", {"fragment-duration": _ceiling_ms(settings, source, encoder), "streamable": True})
    sink: dict[str, Value] = {"sync": False, "async": False, "emit-signals": True, "enable-last-sample": False}
    # Nobody takes frames out while nobody watches: then only the newest stays.
    frames = Element("appsink", "frames", {**sink, "max-buffers": 1, "drop": True, "wait-on-eos": False})
    ends = (mux, Element("appsink", "fragments", sink), frames)
    links = (
        *source.description.links,
        Link(source.outlet, head[0].name),
        *chain(*head),
        Link("tee", "frames"),
        Link("tee", inlets.elements[0].name),
        *inlets.links,
        Link(inlets.elements[-1].name, "reparse"),
        Link("reparse", "mux", request="video_%u", pad_properties={"trak-timescale": TIMESCALE}),
        Link("mux", "fragments"),
    )
    return Description((*source.description.elements, *head, *inlets.elements, reparse, *ends), links)


def _either(source: Input) -> Description:
    """From the tee to the muxer. What a camera encoded goes `straight` where its pictures are shown in the order of
    decoding; else it comes in again at `record`, with the decode times that it lacked (Capture).
    """
    queue = Element("queue", "straight", RECORD_QUEUE)
    if not source.encoded:
        return Description((queue,), ())
    valve = Element("valve", "valve", {"drop": True, "drop-mode": "forward-sticky-events"})
    endless: dict[str, Value] = {"max-buffers": 0, "max-bytes": 0, "max-time": 0, "block": False}
    # Without its latency the muxer would ask for it, and complain on the bus, with every picture.
    late: dict[str, Value] = {"min-latency": 0, "max-latency": RECORD_QUEUE["max-size-time"]}
    record, either = (
        Element("appsrc", "record", {"is-live": True, "format": "time", **endless, **late}),
        Element("funnel", "either"),
    )
    return Description((valve, queue, record, either), (*chain(valve, queue, either), Link("record", "either")))


def _ceiling_ms(settings: Settings, source: Input, encoder: Encoder) -> int:
    if source.encoded:
        return CAMERA_CEILING_MS
    changes = "keyframe_ms" in encoder.soft
    return max(CEILING_MS_MIN, FRAGMENT_CEILING * (KEYFRAME_MS_MAX if changes else settings.keyframe_ms))
