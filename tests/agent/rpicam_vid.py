"""Stands in for rpicam-vid: takes its options, writes H.264 to its output as it does."""

from __future__ import annotations

import argparse
import os


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--codec", "--profile", "--width", "--height", "--framerate", "--bitrate", "--intra", "--camera"):
        parser.add_argument(name)
    for name in ("-n", "--inline", "--flush"):
        parser.add_argument(name, action="store_true", required=True)
    parser.add_argument("-t", choices=["0"], required=True)
    parser.add_argument("-o", choices=["-"], required=True)
    told = parser.parse_args()
    size = f"video/x-raw,width={told.width},height={told.height},framerate={told.framerate}/1"
    encoder = f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={told.intra} bitrate=300"
    h264 = f"video/x-h264,stream-format=byte-stream,profile={told.profile}"
    line = f"gst-launch-1.0 -q videotestsrc is-live=true ! {size} ! {encoder} ! {h264} ! fdsink fd=1"
    os.execvp("gst-launch-1.0", line.split())


if __name__ == "__main__":
    main()
