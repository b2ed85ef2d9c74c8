"""An IP camera for tests: gst-rtsp-server in a process of its own, with its behaviour on its command line.

It writes what it sends into a file, so that a test can compare.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from ucam_agent.stamp import Layout, draw_stamp

ROOT = Path(__file__).parents[2]
H264 = "video/x-h264,profile={profile}"
WIDTH, HEIGHT, FPS = 320, 240, 15
SOUNDS = {
    "aac": "audio/x-raw,rate=44100,channels=2 ! voaacenc ! aacparse ! rtpmp4gpay",
    "g711": "audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay",
    "speex": "audio/x-raw,rate=8000,channels=1 ! speexenc ! rtpspeexpay",
}
RAW = f"video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate={FPS}/1"


class IpCamera:
    """Runs from `start` to `close`; comes back on the same port."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._folder, self._options = folder, options
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.agent.ip_camera", "--port", str(self.port), "--sent", str(self.sent)]
        self._process = subprocess.Popen([*command, *self._options], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    @property
    def sent(self) -> Path:
        return self._folder / "sent.h264"

    def url(self, who: str = "", path: str = "live") -> str:
        return f"rtsp://{who}127.0.0.1:{self.port}/{path}"

    def freeze(self) -> None:
        """Nothing comes any more, the connection stays."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(10)
            assert self._process.stdout
            self._process.stdout.close()
            self._process = None


def launch(options: argparse.Namespace) -> str:
    """The camera's inside."""
    width, height = options.size.split("x")
    picture = "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420"
    picture += f",width={int(width)},height={int(height)},framerate={options.fps}/1"
    if options.stamp:
        picture = f"appsrc name=scene is-live=true format=time do-timestamp=true caps={RAW}"
    if options.codec == "jpeg":
        return f"( {picture} ! jpegenc ! rtpjpegpay name=pay0 )"
    encoder = (
        f"x264enc speed-preset=ultrafast bitrate={options.kbit} key-int-max={options.group} bframes={options.bframes}"
    )
    encoder += " b-adapt=false sliced-threads=true rc-lookahead=0 sync-lookahead=0"
    profile = "main" if options.bframes else "baseline"
    sound = f"audiotestsrc is-live=true freq=1000 ! {SOUNDS[options.sound]} name=pay1" if options.sound else ""
    return (
        f"( {picture} ! {encoder} ! {H264.format(profile=profile)} ! h264parse ! tee name=sent "
        "sent. ! queue ! rtph264pay name=pay0 "
        "sent. ! queue ! video/x-h264,stream-format=byte-stream ! "
        f"filesink location={options.sent} async=false buffer-mode=unbuffered {sound} )"
    )


def launch_small(options: argparse.Namespace) -> str:
    """Its own small stream, at /small."""
    width, height = options.small.split("x")
    raw = f"video/x-raw,format=I420,width={width},height={height},framerate={options.fps}/1"
    encoder = f"x264enc speed-preset=ultrafast tune=zerolatency bitrate=150 key-int-max={options.group}"
    return (
        f"( videotestsrc is-live=true pattern=ball ! {raw} ! {encoder} ! {H264.format(profile='baseline')} "
        "! rtph264pay name=pay0 )"
    )


def film_a_clock(scene: Any, new_buffer: Any) -> None:
    """Pictures of the time of day, as a stamp, for as long as somebody takes them."""
    layout = Layout.of(WIDTH, HEIGHT)
    number, begun_s = 0, time.monotonic()
    picture = bytearray(b"\x80" * layout.size)
    while True:
        draw_stamp(picture, layout.stride, layout.block, time.time_ns() // 1_000_000, number)
        if scene.emit("push-buffer", new_buffer(bytes(picture))).value_nick != "ok":
            return
        number += 1
        time.sleep(max(0.0, begun_s + number / FPS - time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", default="0")
    parser.add_argument("--sent", required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--codec", default="h264")
    parser.add_argument("--bframes", type=int, default=0)
    parser.add_argument("--group", type=int, default=15)
    parser.add_argument("--size", default=f"{WIDTH}x{HEIGHT}")
    parser.add_argument("--fps", type=int, default=FPS)
    parser.add_argument("--kbit", type=int, default=300)
    parser.add_argument("--sound", nargs="?", const="aac", choices=SOUNDS)
    parser.add_argument("--small", default="", help="its size, of a camera that has a second stream")
    parser.add_argument("--stamp", action="store_true")
    options = parser.parse_args()

    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory.new()
    factory.set_launch(launch(options))
    factory.set_shared(True)
    factories = {"/live": factory}
    if options.small:
        small = factories["/small"] = GstRtspServer.RTSPMediaFactory.new()
        small.set_launch(launch_small(options))
        small.set_shared(True)
    if options.stamp:

        def configured(_factory: object, media: Any) -> None:
            scene = media.get_element().get_by_name("scene")
            threading.Thread(target=film_a_clock, args=(scene, Gst.Buffer.new_wrapped), daemon=True).start()

        factory.connect("media-configure", configured)
    if options.user:
        auth, token = GstRtspServer.RTSPAuth.new(), GstRtspServer.RTSPToken.new()
        token.set_string("media.factory.role", "viewer")
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(options.user, options.password), token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions.new()
        for permission in ("media.factory.access", "media.factory.construct"):
            permissions.add_permission_for_role("viewer", permission, True)
        for one in factories.values():
            one.set_permissions(permissions)
    for path, one in factories.items():
        server.get_mount_points().add_factory(path, one)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
