"""What cameras a device has: folders that look like a Pi's, a kernel that answers like a USB camera's driver."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ucam_agent import discovery, v4l2
from ucam_agent.discovery import CsiCamera, Found, Microphone, Roots, Skipped, Trouble, UsbCamera
from ucam_agent.sources import Mode

C920 = "usb-046d_HD_Pro_Webcam_C920_82F-video-index0"
PHANTOMS = {
    "video10": ("bcm2835-codec-decode", "bcm2835-codec"),
    "video13": ("bcm2835-isp-output0", "bcm2835-isp"),
    "video19": ("rpivid", "rpivid"),
    "video20": ("pispbe-input", "pispbe"),
    "video21": ("unicam-image", "unicam"),
    "video22": ("rp1-cfe-csi2_ch0", "rp1-cfe"),
}
RPICAM = """Available cameras
-----------------
0 : imx219 [3280x2464 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx219@10)
    Modes: 'SRGGB10_CSI2P' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
                             1920x1080 [47.57 fps - (680, 692)/1920x1080 crop]
1 : imx708_wide [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@80000/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
2 : HD Pro Webcam C920 [1920x1080] (/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.3:1.0-046d:082d)
"""


@pytest.fixture
def pi(tmp_path: Path) -> Roots:
    """A Pi with two nodes of a USB camera, six phantoms and a microphone."""
    roots = Roots(tmp_path / "sys", tmp_path / "dev", tmp_path / "proc")
    by_id = roots.dev / "v4l" / "by-id"
    by_id.mkdir(parents=True)
    nodes = {**PHANTOMS, "video0": ("HD Pro Webcam C920: HD Pro Web", "uvcvideo"), "video1": ("C920", "uvcvideo")}
    for node, (name, driver) in nodes.items():
        folder = roots.sys / "class" / "video4linux" / node
        (folder / "device").mkdir(parents=True)
        (roots.sys / "bus" / driver).mkdir(parents=True, exist_ok=True)
        (folder / "device" / "driver").symlink_to(roots.sys / "bus" / driver)
        (folder / "name").write_text(f"{name}\n")
        (roots.dev / node).touch()
    (by_id / C920).symlink_to("../../video0")
    (by_id / C920.replace("index0", "index1")).symlink_to("../../video1")
    card = roots.proc / "asound" / "card2"
    card.mkdir(parents=True)
    (card / "id").write_text("C920\n")
    (roots.proc / "asound" / "pcm").write_text(
        "00-00: bcm2835 Headphones : bcm2835 Headphones : playback 8\n02-00: USB Audio : USB Audio : capture 1\n"
    )
    return roots


class Uvc:
    """Answers as the kernel does for a USB camera with these formats."""

    def __init__(self, capabilities: int = 1) -> None:
        self._capabilities = capabilities
        self.formats = {b"H264": [(1280, 720)], b"MJPG": [(1920, 1080), (1280, 720)], b"Z16 ": [(640, 480)]}

    def __call__(self, request: int, content: bytearray) -> None:
        answers = {v4l2.QUERYCAP: self._name, v4l2.ENUM_FMT: self._format, v4l2.ENUM_FRAMESIZES: self._size}
        content[:] = answers.get(request, self._interval)(content)

    def _name(self, _content: bytearray) -> bytes:
        return v4l2.CAPABILITY.pack(b"uvcvideo", b"C920", b"usb", 0x60100, 0x84A00001, self._capabilities)

    def _format(self, content: bytearray) -> bytes:
        index = v4l2.FORMAT.unpack(content)[0]
        kind = self._one(list(self.formats), index)
        return v4l2.FORMAT.pack(index, 1, 0, b"", int.from_bytes(kind, "little"), 0)

    def _size(self, content: bytearray) -> bytes:
        index, fourcc, *_ = v4l2.SIZE.unpack(content)
        width, height = self._one(self.formats[fourcc.to_bytes(4, "little")], index)
        return v4l2.SIZE.pack(index, fourcc, v4l2.DISCRETE, width, height)

    def _interval(self, content: bytearray) -> bytes:
        index, fourcc, width, height, *_ = v4l2.INTERVAL.unpack(content)
        numerator, denominator = self._one([(1, 30), (1001, 15_000)], index)
        return v4l2.INTERVAL.pack(index, fourcc, width, height, v4l2.DISCRETE, numerator, denominator)

    def _one(self, things: list[Any], index: int) -> Any:
        if index >= len(things):
            raise OSError(errno.EINVAL, "Invalid argument")
        return things[index]


def test_structures_have_the_sizes_that_the_kernel_expects() -> None:
    sizes = [(request >> 16) & 0x3FFF for request in (0x80685600, 0xC0405602, 0xC02C564A, 0xC034564B)]
    assert [one.size for one in (v4l2.CAPABILITY, v4l2.FORMAT, v4l2.SIZE, v4l2.INTERVAL)] == sizes


def test_modes_of_a_usb_camera_are_those_that_its_driver_lists() -> None:
    modes = v4l2.read_modes(Uvc())
    assert modes[:2] == (Mode("h264", 1280, 720, 30), Mode("h264", 1280, 720, 15_000, 1001))
    assert {mode.format for mode in modes} == {"h264", "mjpeg"}
    assert len(modes) == 6


def test_second_node_of_a_usb_camera_has_no_pictures() -> None:
    assert v4l2.read_modes(Uvc(capabilities=0x00A00000)) == ()


def test_phantom_nodes_of_a_pi_are_no_cameras(pi: Roots) -> None:
    found = list(discovery.nodes(pi))
    assert {thing.node for thing in found if isinstance(thing, Skipped)} == set(PHANTOMS)
    assert [thing for thing in found if isinstance(thing, UsbCamera)] == [
        UsbCamera(C920, "HD Pro Webcam C920"),
        UsbCamera(C920.replace("index0", "index1"), "C920"),
    ]


def test_usb_camera_without_a_lasting_name_is_told(pi: Roots) -> None:
    (pi.dev / "v4l" / "by-id" / C920).unlink()
    troubles = [thing.words for thing in discovery.nodes(pi) if isinstance(thing, Trouble)]
    assert troubles == [
        "The USB camera HD Pro Webcam C920: HD Pro Web has no name below /dev/v4l/by-id, "
        "so it cannot be told from others."
    ]


def test_microphones_are_named_by_their_cards(pi: Roots) -> None:
    assert list(discovery.microphones(pi)) == [Microphone("plughw:CARD=C920,DEV=0", "USB Audio")]


def test_ribbon_cameras_are_read_from_what_rpicam_lists() -> None:
    assert list(discovery.listed(RPICAM)) == [
        CsiCamera("/base/soc/i2c0mux/i2c@1/imx219@10", "imx219"),
        CsiCamera("/base/axi/pcie@120000/rp1/i2c@80000/imx708@1a", "imx708_wide"),
    ]
    assert list(discovery.listed("No cameras available!\n")) == []


def test_search_in_another_process_finds_what_is_there(pi: Roots) -> None:
    found = discovery.discover(pi)
    assert {thing.node for thing in found.skipped} == set(PHANTOMS)
    assert found.microphones == (Microphone("plughw:CARD=C920,DEV=0", "USB Audio"),)
    # The nodes are plain files here, which answer no question of a driver.
    assert found.v4l2 == ()
    assert "cannot be opened" in found.troubles[0].words


def test_device_without_anything_has_no_cameras_and_no_troubles(tmp_path: Path) -> None:
    found = discovery.discover(Roots(tmp_path, tmp_path, tmp_path))
    assert found == Found()
    assert found.words() == "No camera was found."


def test_driver_that_hangs_costs_its_time_limit_and_nothing_that_was_found(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    program = (
        f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); "
        'print(\'{"type": "alsa", "device": "a", "name": "b"}\', flush=True); time.sleep(600)'
    )
    began = time.monotonic()
    found = discovery.discover(within_s=1.5, argv=(sys.executable, "-c", program))
    assert time.monotonic() - began < 4
    assert found.microphones == (Microphone("a", "b"),)
    assert "took too long" in found.troubles[0].words
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_search_that_cannot_be_started_or_talks_nonsense_is_no_error() -> None:
    assert "could not be looked for" in discovery.discover(argv=("/nonexistent",)).words()
    assert discovery.discover(argv=(sys.executable, "-c", "print('nonsense')")) == Found()


def test_words_name_the_cameras_that_were_found() -> None:
    found = Found((CsiCamera("/base/a", "imx219"),), (UsbCamera("cam", "C920"),))
    assert found.words() == "Cameras found: imx219 (libcamera), C920 (cam)."
