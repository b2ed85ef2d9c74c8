"""The recorder's sound as descriptions that a test can read: pure functions of typed values, no gi, no files.

One pipeline of its own, so that nothing that happens in it touches the pictures. It ends in `aac` (what is recorded)
and, behind a valve that is open only while somebody listens, in `pcm` (what goes to live viewers).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .description import Description, Element, Value, chain
from .sound_boxes import SoundFormat

RATE = 48_000
PCM = f"audio/x-raw,format=S16LE,layout=interleaved,rate={RATE},channels=1"
PCM_BYTES = 2
BITRATE = 64_000
AAC = "audio/mpeg,mpegversion=4,stream-format=raw"
# What each encoder lets out later than it was heard, in samples (measured with a click).
ENCODERS = {"voaacenc": 1600, "avenc_aac": 1024}
_ALSA_BUFFER_US, _ALSA_PERIOD_US = 200_000, 20_000
# Of the names of RFC 3551 and after: what takes it out of RTP, and what decodes it.
RTP: dict[str, tuple[str, ...]] = {
    "MPEG4-GENERIC": ("rtpmp4gdepay", "aacparse", "avdec_aac"),
    "MP4A-LATM": ("rtpmp4adepay", "aacparse", "avdec_aac"),
    "PCMU": ("rtppcmudepay", "mulawdec"),
    "PCMA": ("rtppcmadepay", "alawdec"),
    "L16": ("rtpL16depay",),
    "G722": ("rtpg722depay", "avdec_g722"),
    "G726-16": ("rtpg726depay", "avdec_g726"),
    "G726-24": ("rtpg726depay", "avdec_g726"),
    "G726-32": ("rtpg726depay", "avdec_g726"),
    "G726-40": ("rtpg726depay", "avdec_g726"),
    "OPUS": ("rtpopusdepay", "opusdec"),
}
_CONFIG = re.compile(r"\bconfig=\(string\)([0-9A-Fa-f]{4,64})\b")


@dataclass(frozen=True, slots=True)
class SoundInput:
    """How sound is made: `late_ns` is what the encoder adds; `fed`: it is pushed into the element `source`."""

    description: Description
    format: SoundFormat
    late_ns: int = 0
    fed: bool = True


def alsa(device: str, encoder: str) -> SoundInput:
    """A microphone of this device."""
    times: dict[str, Value] = {"buffer-time": _ALSA_BUFFER_US, "latency-time": _ALSA_PERIOD_US}
    source = Element("alsasrc", "source", {"device": device or "default", "provide-clock": False, **times})
    return _encoded((source, *_to_pcm()), encoder, fed=False)


def pcm(encoder: str) -> SoundInput:
    """Samples that are pushed in as they shall be encoded."""
    return _encoded((_inlet(PCM),), encoder)


def rtp(caps: str, name: str, encoder: str) -> SoundInput:
    """What an IP camera sends, by its name in the session description: AAC as it comes, all else anew."""
    caps = caps.replace("application/x-unknown", "application/x-rtp", 1)  # as rtspsrc names it in advance
    depay, *decoders = (Element(factory, factory) for factory in RTP[name])
    format = comes_as_aac(caps, name)
    if format is None:
        return _encoded((_inlet(caps), depay, *decoders, *_to_pcm()), encoder)
    parse, *decoder = decoders
    head = (_inlet(caps), depay, parse, Element("capsfilter", "raw", {"caps": AAC}), _tee())
    live = (_valve(), *decoder, *_to_pcm(), _sink("pcm"))
    aac = _sink("aac")
    links = (*chain(*head), *chain(head[-1], aac), *chain(head[-1], *live))
    return SoundInput(Description((*head, aac, *live), links), format)


def comes_as_aac(caps: str, name: str) -> SoundFormat | None:
    """The format, when it is AAC that can be recorded as it comes."""
    match = _CONFIG.search(caps) if name == "MPEG4-GENERIC" else None
    return SoundFormat.of(bytes.fromhex(match[1][: len(match[1]) // 2 * 2])) if match else None


def _encoded(head: tuple[Element, ...], encoder: str, *, fed: bool = True) -> SoundInput:
    convert = (Element("audioconvert", "to_encoder"),) if encoder != "voaacenc" else ()
    record = (
        Element("queue", "record", {"max-size-time": 2_000_000_000, "max-size-bytes": 0, "max-size-buffers": 0}),
        *convert,
        Element(encoder, "encoder", {"bitrate": BITRATE}),
        Element("capsfilter", "encoded", {"caps": AAC}),
        _sink("aac"),
    )
    live = (_valve(), _sink("pcm"))
    tee = _tee()
    links = (*chain(*head, tee), *chain(tee, *record), *chain(tee, *live))
    late_ns = ENCODERS[encoder] * 1_000_000_000 // RATE
    return SoundInput(Description((*head, tee, *record, *live), links), SoundFormat(RATE, 1), late_ns, fed)


def _inlet(caps: str) -> Element:
    endless: dict[str, Value] = {"max-buffers": 500, "max-bytes": 0, "block": False, "leaky-type": "downstream"}
    return Element("appsrc", "source", {"is-live": True, "format": "time", "caps": caps, **endless})


def _to_pcm() -> tuple[Element, ...]:
    filter_ = Element("capsfilter", "samples", {"caps": PCM})
    return Element("audioconvert", "convert"), Element("audioresample", "resample"), filter_


def _tee() -> Element:
    return Element("tee", "heard", {"allow-not-linked": True})


def _valve() -> Element:
    return Element("valve", "listeners", {"drop": True})


def _sink(name: str) -> Element:
    sink: dict[str, Value] = {"sync": False, "async": False, "emit-signals": True, "enable-last-sample": False}
    return Element("appsink", name, sink)
