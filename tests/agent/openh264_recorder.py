"""The recorder on a board that has no other encoder than openh264enc."""

from __future__ import annotations

import sys
from dataclasses import replace

from ucam_agent import recorder

if __name__ == "__main__":
    looked = replace(recorder.look_at_board(), encoders=("openh264enc",))
    recorder.look_at_board = lambda: looked
    sys.exit(recorder.main())
