"""Which Debian package holds an element of GStreamer."""

from __future__ import annotations

PACKAGES = {
    "alsasrc": "gstreamer1.0-alsa",
    "aacparse": "gstreamer1.0-plugins-good",
    "avdec_aac": "gstreamer1.0-libav",
    "avenc_aac": "gstreamer1.0-libav",
    "jpegdec": "gstreamer1.0-plugins-good",
    "libcamerasrc": "gstreamer1.0-libcamera",
    "openh264enc": "gstreamer1.0-plugins-bad",
    "rtph264depay": "gstreamer1.0-plugins-good",
    "rtspsrc": "gstreamer1.0-plugins-good",
    "v4l2src": "gstreamer1.0-plugins-good",
    "voaacenc": "gstreamer1.0-plugins-bad",
    "x264enc": "gstreamer1.0-plugins-ugly",
    "avdec_h264": "gstreamer1.0-libav",
    "h264parse": "gstreamer1.0-plugins-bad",
    "qtdemux": "gstreamer1.0-plugins-good",
    "mp4mux": "gstreamer1.0-plugins-good",
}
PACKAGE_DEFAULT = "gstreamer1.0-plugins-base"


def package_of(factory: str) -> str:
    """For `apt install`."""
    return PACKAGES.get(factory, PACKAGE_DEFAULT)
