"""A recorder's spool without camera: what it does in one life, from a seed, and what must be there in the next one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from ucam_agent.backlog import Shipment
from ucam_agent.chunk import Chunk, Sidecar
from ucam_agent.spool import Hole

from storage.spans import Span, merged
from tests.agent.recording import fragments_of
from tests.agent.test_spool import SETTINGS, START_NS, Feed

SEAM_MS = 5
FRAGMENT_S = 2
FLOOR_BYTES = 10 * 2**20
Name = tuple[str, int]


@dataclass(frozen=True)
class Told:
    """A fragment that was told as durable: its bytes, and from when until when it goes."""

    content: bytes
    from_ms: int
    to_ms: int


@dataclass
class Life:
    """One life of the recorder: fragments, chunks, new runs, and a shipper that confirms some of it."""

    folder: Path
    muxed: bytes
    boot: str = "kernel-1"
    began_ns: int = START_NS
    quota_bytes: int = 0
    feed: Feed | None = None
    told: dict[tuple[str, int, int], Told] = field(default_factory=dict)
    confirmed: set[Name] = field(default_factory=set)

    def run(self, chance: random.Random, steps: int) -> None:
        """Until its end, or until the power fails."""
        feed = self._begin()
        feed.write()
        for _ in range(steps):
            self._act(feed, chance)
            self.hear()
        feed.spool.close(0)
        self.hear()

    def _begin(self) -> Feed:
        settings = replace(SETTINGS, spool_max_bytes=self.quota_bytes) if self.quota_bytes else SETTINGS
        feed = self.feed = Feed(self.folder, self.muxed, self.boot, settings=settings, free_floor_bytes=FLOOR_BYTES)
        feed.begin(None, self.began_ns)
        return feed

    def _act(self, feed: Feed, chance: random.Random) -> None:
        roll = chance.random()
        if roll < 0.75:
            for _ in range(chance.randint(1, 3)):
                feed.write()
                self.hear()
        elif roll < 0.9:
            self._confirm(chance)
        else:
            feed.spool.close(0)
            self.began_ns = self.ended_ns + chance.randint(1, 9) * 10**9
            feed.begin(Hole(chance.choice(("camera", "encoder")), "It failed."), self.began_ns)

    def _confirm(self, chance: random.Random) -> None:
        """As the shipper does when storage has closed a chunk."""
        closed = [(chunk, sidecar) for chunk, sidecar in chunks_of(self.folder) if sidecar.closed]
        if closed:
            chunk, sidecar = chance.choice(closed)
            self.confirmed.add((sidecar.boot, sidecar.seq))
            with suppress(OSError):  # the shipper says so and goes on
                Shipment(chunk, sidecar, done=True).confirm()

    def hear(self) -> None:
        """Takes down the bytes of what was told as durable."""
        for event in self.feed.told("fragment") if self.feed else ():
            name = event["boot"], event["seq"], event["offset"]
            if name not in self.told:
                self.told[name] = self._told(*name, event["length"])

    def _told(self, boot: str, seq: int, offset: int, length: int) -> Told:
        chunk = Chunk(self.folder / boot, seq)
        sidecar = chunk.read_sidecar()
        (fragment,) = (one for one in fragments_of(chunk.media) if one.offset == offset)
        assert sidecar
        start_ms = sidecar.started_ms + (fragment.tfdt - sidecar.first_tfdt) * 1000 // sidecar.timescale
        end_ms = start_ms + fragment.duration * 1000 // sidecar.timescale
        return Told(chunk.media.read_bytes()[offset:][:length], start_ms, end_ms)

    @property
    def ended_ns(self) -> int:
        """When its last fragment ended, on CLOCK_MONOTONIC."""
        return self.began_ns + (self.feed.index * FRAGMENT_S if self.feed else 0) * 10**9


def chunks_of(folder: Path) -> Iterator[tuple[Chunk, Sidecar]]:
    """All chunks of a spool that have a sidecar."""
    for path in sorted(folder.glob("*/*.json")):
        if path.parent.name != "gaps" and path.stem.isdigit():
            chunk = Chunk(path.parent, int(path.stem))
            sidecar = chunk.read_sidecar()
            if sidecar is not None:
                yield chunk, sidecar


def judge(life: Life, folder: Path, gaps: list[dict[str, Any]]) -> None:
    """The spool after the next start holds all that was told, in whole files, and accounts for every second."""
    spans = [(gap["from_ms"], gap["to_ms"]) for gap in gaps]
    found = {(sidecar.boot, sidecar.seq): (chunk, sidecar) for chunk, sidecar in chunks_of(folder)}
    for (boot, seq, offset), told in life.told.items():
        if (boot, seq) in found:
            stored = found[boot, seq][0].media.read_bytes()[offset:][: len(told.content)]
            assert stored == told.content, f"the fragment at {offset} of chunk {seq} was told and is not there"
        elif (boot, seq) in life.confirmed:
            spans.append((told.from_ms, told.to_ms))
        else:
            assert is_within((told.from_ms, told.to_ms), gaps_of(gaps, "spool_full")), f"chunk {seq} is gone unsaid"
    assert not list(folder.glob("*/*.damaged"))
    assert {path.stem for path in folder.glob("*/*.mp4")} == {f"{seq:08d}" for _, seq in found}
    for chunk, sidecar in found.values():
        whole = fragments_of(chunk.media)
        assert sidecar.closed
        assert whole
        assert whole[-1].offset + whole[-1].size == chunk.bytes_on_disk() == sidecar.bytes
    account(sorted([*((one.started_ms, one.ended_ms) for _, one in found.values()), *spans]))


def account(known: list[Span]) -> None:
    """From the first second on, each is in a chunk or in a gap."""
    reached = known[0][1] if known else 0
    for begin, end in known:
        assert begin <= reached + SEAM_MS, f"{begin - reached} ms that nobody accounts for"
        reached = max(reached, end)


def gaps_of(gaps: list[dict[str, Any]], cause: str) -> list[Span]:
    return merged(((gap["from_ms"], gap["to_ms"]) for gap in gaps if gap["cause"] == cause), SEAM_MS)


def is_within(span: Span, spans: list[Span]) -> bool:
    return any(begin <= span[0] + SEAM_MS and span[1] - SEAM_MS <= end for begin, end in spans)
