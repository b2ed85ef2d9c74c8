"""The first viewer waits no longer than the others, and nothing of this camera listens on the network for them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from ucam_protocol import Offer, Status

from .conftest import MakeRecorder
from .server import Server
from .watching import LiveProcess, enrolled, watching

PSS_MAX_KIB = 52 * 1024  # about 43 MiB; what it shares counts more when fewer processes share it


def listening(pid: int) -> list[str]:
    """Local addresses on which a process takes TCP connections or speaks SSDP (UDP port 1900), as /proc has them."""
    inodes = set()
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(fd))
        except FileNotFoundError:
            continue
    found = []
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            listens = fields[3] == "0A" if name.startswith("tcp") else fields[1].endswith(":076C")
            if listens and f"socket:[{fields[9]}]" in inodes:
                found.append(f"{name} {fields[1]}")
    return found


def pss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


async def test_the_first_viewer_is_answered_at_once_and_nothing_listens(make_recorder: MakeRecorder) -> None:
    async with Server() as server:
        recorder = make_recorder()
        enrolled(recorder.state, server)
        recorder.start()
        live = LiveProcess(recorder.state)
        try:
            await server.until(lambda: any(one.recording for one in server.all(Status)))
            await server.until(lambda: "Ready for viewers" in live.log.read_text())
            assert listening(live.pid) == []
            assert pss_kib(live.pid) <= PSS_MAX_KIB
            async with watching(server) as viewer:
                await server.until(lambda: server.all(Offer))
                offered_after_ms = (time.monotonic() - viewer.called_at) * 1000
                await server.until(lambda: viewer.frames >= 1)
                assert listening(live.pid) == []
            # Without what is loaded beforehand it is more than a second.
            assert offered_after_ms < 600
            assert pss_kib(live.pid) <= PSS_MAX_KIB
        finally:
            live.end(signal.SIGTERM)
