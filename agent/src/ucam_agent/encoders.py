"""Which H.264 encoder this board has, how it is set, and what it cannot do. Pure: no gi, no files.

All give constrained-baseline, which every browser decodes live. Facts about the Pi's hardware encoder: it wants the
level in the caps after it and hangs when every picture is a keyframe, below 9 frames/s, and below 100 kbit/s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ucam_protocol import Settings
from ucam_sentences import say, together

from .description import Element, Value

ORDER = ("v4l2h264enc", "x264enc", "openh264enc")
H264 = "video/x-h264,stream-format=byte-stream,alignment=au"
HARDWARE_FPS_MIN = 9
HARDWARE_KBIT_MIN = 100
HARDWARE_GROUP_MIN = 2
SOFTWARE_THREADS_PI = 3  # the fourth core is for everything else
SOFTWARE_PIXELS_PI = 1920 * 1080 * 15  # a second; more than 1280 x 720 at 30
# H.264, table A-1: macroblocks a second and in a frame that each level allows.
LEVELS = (("3", 40_500, 1_620), ("3.1", 108_000, 3_600), ("3.2", 216_000, 5_120), ("4", 245_760, 8_192))


@dataclass(frozen=True, slots=True)
class Encoder:
    """One encoder as it is used: its properties for some settings, which of those can be set while it runs.

    `soft`: the settings behind those. `formats`: of raw pictures that it takes. `words`: what a person should know.
    """

    factory: str
    properties: Callable[[Settings], dict[str, Value]]
    live: tuple[str, ...]
    soft: frozenset[str]
    formats: str
    caps: str = f"{H264},profile=constrained-baseline"
    words: str = ""

    def elements(self, settings: Settings) -> tuple[Element, Element]:
        """The encoder and the caps after it."""
        encoder = Element(self.factory, "encoder", self.properties(settings))
        return encoder, Element("capsfilter", "encoded", {"caps": self.caps})

    def changes(self, settings: Settings) -> dict[str, Value]:
        """What to set while it runs."""
        properties = self.properties(settings)
        return {name: properties[name] for name in self.live}


def keyframe_frames(settings: Settings) -> int:
    """Frames from one keyframe to the next."""
    return max(1, round(settings.keyframe_ms * settings.fps / 1000))


def choose(settings: Settings, installed: tuple[str, ...], model: str = "") -> Encoder:
    """The best of those installed that can do these settings; `model` is the board's name."""
    refused = hardware_refuses(settings) if "v4l2h264enc" in installed else ""
    usable = [name for name in ORDER if name in installed and not (name == "v4l2h264enc" and refused)]
    name = usable[0] if usable else "x264enc"
    if name == "v4l2h264enc":
        return _hardware(settings)
    words = ""
    if refused:
        words = together(refused, say("It is encoded in software instead, which costs much more power."))
    on_pi = model.startswith("Raspberry Pi")
    if on_pi and settings.width * settings.height * settings.fps > SOFTWARE_PIXELS_PI:
        much = say(
            "{width} x {height} at {fps} frames a second is much for this board, pictures will be dropped. "
            "Choose 1280 x 720 at 30 or 1920 x 1080 at 15.",
            width=settings.width,
            height=settings.height,
            fps=settings.fps,
        )
        words = together(words, much)
    return _x264(SOFTWARE_THREADS_PI if on_pi else 0, words) if name == "x264enc" else _openh264(words)


def hardware_refuses(settings: Settings) -> str:
    """Why the Pi's encoder cannot do these settings, or nothing."""
    if settings.fps < HARDWARE_FPS_MIN:
        return say(
            "This board's encoder needs at least {least} frames a second, not {fps}.",
            least=HARDWARE_FPS_MIN,
            fps=settings.fps,
        )
    if settings.width > 1920 or settings.height > 1088 or not level(settings):
        return say(
            "This board's encoder does not take {width} x {height} at {fps} frames a second. "
            "Choose 1920 x 1080 at 30 or less.",
            width=settings.width,
            height=settings.height,
            fps=settings.fps,
        )
    return ""


def level(settings: Settings) -> str:
    """The lowest H.264 level of the Pi's encoder that allows these settings, or nothing."""
    blocks = -(-settings.width // 16) * -(-settings.height // 16)
    fitting = (name for name, rate, size in LEVELS if blocks * settings.fps <= rate and blocks <= size)
    return next(fitting, "")


def _hardware(settings: Settings) -> Encoder:
    def properties(settings: Settings) -> dict[str, Value]:
        group = max(HARDWARE_GROUP_MIN, keyframe_frames(settings))
        bits = max(HARDWARE_KBIT_MIN, settings.bitrate_kbit) * 1000
        controls = f"repeat_sequence_header=1,video_bitrate={bits},h264_i_frame_period={group}"
        return {"extra-controls": f"controls,{controls}"}

    return Encoder(
        "v4l2h264enc",
        properties,
        live=("extra-controls",),
        soft=frozenset({"bitrate_kbit", "keyframe_ms"}),
        formats="{ NV12, I420 }",
        caps=f"{H264},profile=constrained-baseline,level=(string){level(settings)}",
    )


def _x264(threads: int = 0, words: str = "") -> Encoder:
    def properties(settings: Settings) -> dict[str, Value]:
        fixed: dict[str, Value] = {"tune": "zerolatency", "speed-preset": "ultrafast", "bframes": 0}
        more: dict[str, Value] = {"threads": threads} if threads else {}
        group = keyframe_frames(settings)
        changing: dict[str, Value] = {"bitrate": settings.bitrate_kbit, "key-int-max": group}
        return {**fixed, **changing, "byte-stream": True, "aud": False, **more}

    bitrate = frozenset({"bitrate_kbit"})
    return Encoder("x264enc", properties, live=("bitrate",), soft=bitrate, formats="{ I420, NV12 }", words=words)


def _openh264(words: str = "") -> Encoder:
    def properties(settings: Settings) -> dict[str, Value]:
        bits = settings.bitrate_kbit * 1000
        rate: dict[str, Value] = {"rate-control": "bitrate", "bitrate": bits, "max-bitrate": bits * 3 // 2}
        group = keyframe_frames(settings)
        return {**rate, "gop-size": group, "complexity": "low", "scene-change-detection": False}

    bitrate = frozenset({"bitrate_kbit"})
    live = ("max-bitrate", "bitrate")
    return Encoder("openh264enc", properties, live=live, soft=bitrate, formats="I420", words=words)


X264 = _x264()
