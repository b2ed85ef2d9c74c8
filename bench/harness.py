"""What all benchmarks share: rounds in turn, medians and ratios, a table, a file of results.

A benchmark is `bench/NAME.py` with a `main()` that ends in something like

    samples = alternate(7, {"ucam": one_round_of_ucam, "bare webrtcbin": one_round_of_the_peer})
    report("live_latency", [Row("live latency, p50", "ms", samples, goal="<= 1.0 times the peer")])
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
UCAM = "ucam"
QUICK = "--quick"
Samples = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: the samples of each contestant ("ucam" first), in `unit`; smaller is better."""

    name: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    goal: str = ""
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)  # the goal for "median", "p95", "max" or "ratio"

    @property
    def met(self) -> bool | None:
        """Whether every part of the goal holds; None without one."""
        return all(self.measured(kind) <= limit for kind, limit in self.at_most.items()) if self.at_most else None

    def measured(self, kind: str) -> float:
        """ucam's "median", "p95" or "max" over all samples, or the "ratio" of the medians."""
        values = self.samples[UCAM]
        if kind == "ratio":
            return self.ratio if self.ratio is not None else math.inf
        return {"median": statistics.median(values), "p95": percentile(values, 95), "max": max(values)}[kind]

    @property
    def peer(self) -> str:
        """The other contestant, empty when ucam is measured alone."""
        return next((name for name in self.samples if name != UCAM), "")

    @property
    def ratio(self) -> float | None:
        """ucam's median over the peer's."""
        peer = statistics.median(self.samples[self.peer]) if self.peer else 0.0
        return statistics.median(self.samples[UCAM]) / peer if peer else None


def alternate(rounds: int, contestants: Mapping[str, Callable[[], float]]) -> Samples:
    """Run each contestant once a round, in an order that turns round from round to round; returns their samples."""
    samples: Samples = {name: [] for name in contestants}
    for number in range(rounds):
        names = list(contestants)
        for name in names if number % 2 == 0 else reversed(names):
            samples[name].append(contestants[name]())
        print(
            f"  round {number + 1} of {rounds}: " + ", ".join(f"{n} {v[-1]:.4g}" for n, v in samples.items()),
            flush=True,
        )
    return samples


def rounds(usual: int, quick: int) -> int:
    """How many rounds to measure: the usual number, or the few of --quick."""
    parser = argparse.ArgumentParser()
    parser.add_argument(QUICK, action="store_true", help="fewer rounds: to see that it works, not for figures")
    chosen = quick if parser.parse_args().quick else usual
    print(f"{Path(sys.argv[0]).stem}: {chosen} rounds", flush=True)
    return chosen


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the values lie, between neighbours by proportion."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def spread(values: Sequence[float]) -> str:
    """Smallest to largest, short."""
    return f"{min(values):.4g}..{max(values):.4g}"


def report(name: str, rows: Sequence[Row]) -> Path:
    """Print the rows as a table and write bench/results/NAME.json (bench/out with --quick); returns the file."""
    print(table(rows), flush=True)
    folder = RESULTS.with_name("out") if QUICK in sys.argv else RESULTS  # trials must not replace figures
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.json"
    file.write_text(
        json.dumps({"name": name, **circumstances(), "rows": [as_json(row) for row in rows]}, indent=2) + "\n"
    )
    return file


def table(rows: Sequence[Row]) -> str:
    """Text columns: measure, ucam's median and spread, the peer's, ratio, goal."""
    lines = [["measure", UCAM, "peer", "ratio", "goal", "met"]]
    for row in rows:
        peer = row.samples.get(row.peer, [])
        lines.append([
            f"{row.name} ({row.unit})",
            f"{statistics.median(row.samples[UCAM]):.4g} ({spread(row.samples[UCAM])})",
            f"{row.peer}: {statistics.median(peer):.4g} ({spread(peer)})" if peer else "-",
            f"{row.ratio:.2f}" if row.ratio is not None else "-",
            row.goal + (f"; {row.note}" if row.note else ""),
            {True: "yes", False: "NO", None: ""}[row.met],
        ])  # fmt: skip
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def as_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "unit": row.unit,
        "goal": row.goal,
        "met": row.met,
        "note": row.note,
        "ratio": row.ratio,
        "contestants": {
            name: {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "p95": percentile(values, 95),
                "samples": list(values),
            }
            for name, values in row.samples.items()
        },
        "details": dict(row.details),
    }


def circumstances() -> dict[str, Any]:
    """When, on what machine, how busy that was in the last minute, and with which versions it was measured."""
    return {
        "load_average": round(os.getloadavg()[0], 2),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
    }


def machine() -> dict[str, Any]:
    """Processor, cores, memory and system, by no name that would tell whose machine it is."""
    model = Path("/proc/device-tree/model")  # a Pi says here what it is
    processor = next(
        (line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), ""
    )
    memory_kib = int(Path("/proc/meminfo").read_text().split()[1])
    return {
        "processor": model.read_text().strip("\0") if model.exists() else processor.partition(":")[2].strip(),
        "cores": os.cpu_count(),
        "memory_mib": memory_kib // 1024,
        "architecture": platform.machine(),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release(),
    }


def versions() -> dict[str, str]:
    """Of the programs that matter, each as it says itself; one that is missing is left out."""
    commands = {
        "gstreamer": ["gst-launch-1.0", "--version"],
        "chromium": ["chromium", "--version"],
        "ffmpeg": ["ffmpeg", "-version"],
        "nginx": ["/usr/sbin/nginx", "-v"],
        "ucam": ["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"],
    }
    found = {"python": platform.python_version()}
    for name, command in commands.items():
        if shutil.which(command[0]):
            said = subprocess.run(command, capture_output=True, text=True)
            found[name] = (said.stdout or said.stderr).partition("\n")[0].strip()
    return found


def cpu_s(pid: int) -> float:
    """CPU-seconds that one process and the children it has waited for have used so far."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(word) for word in words[11:15]) / os.sysconf("SC_CLK_TCK")


def wait_until(true: Callable[[], object], seconds: float, what: str) -> float:
    """Poll until something is so and return the seconds it took; raises TimeoutError naming `what`."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.005)
    return time.monotonic() - started
