"""The camera's clock: UTC of an instant of CLOCK_MONOTONIC, and whether the kernel calls the clock synchronised."""

from __future__ import annotations

import ctypes
import time
from functools import cache
from typing import Literal

ClockState = Literal["synchronised", "unsynchronised"]

_TIMEX_WORDS = 64  # struct timex has 208 bytes on 64-bit Linux; more is harmless
_STATUS_INDEX = 10  # modes, offset, freq, maxerror, esterror, status: byte 40 of the struct
_STA_UNSYNC = 0x40


def utc_ms(mono_ns: int) -> int:
    """Milliseconds since 1970 at `mono_ns`, by the offset between the clocks of this moment."""
    return (_difference_ns() + mono_ns) // 1_000_000


def _difference_ns() -> int:
    """Wall clock minus monotonic clock."""
    return time.time_ns() - time.monotonic_ns()


STEP_NS = 1_000_000_000
_agrees: bool | None = None  # with the server's clock, as the live process last found
_judged_ns = 0  # wall clock minus monotonic clock at that moment


def judge(agrees: bool | None) -> None:
    """Somebody has compared the clock with the server's, which the ledger goes by: that counts more than the kernel."""
    global _agrees, _judged_ns
    _agrees, _judged_ns = agrees, _difference_ns()


def state() -> ClockState:
    """Whether the clock agrees with the server's; while nobody knows, or since a step, what the kernel says of it."""
    if _agrees is not None and abs(_difference_ns() - _judged_ns) < STEP_NS:
        return "synchronised" if _agrees else "unsynchronised"
    return kernel_state()


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def kernel_state() -> ClockState:
    """What adjtimex(2) says; a clock nobody disciplines is unsynchronised."""
    timex = (ctypes.c_int * _TIMEX_WORDS)()
    answer = _libc().adjtimex(ctypes.byref(timex))
    return "unsynchronised" if answer < 0 or timex[_STATUS_INDEX] & _STA_UNSYNC else "synchronised"
