"""A spool as the recorder leaves it, made of real recorded bytes, for tests of the shipper."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from ucam_agent.chunk import Chunk
from ucam_boxes import Fragment, read_init, whole_fragments


class Spooling:
    """Writes chunks whose fragments are those of `content`."""

    def __init__(self, spool: Path, content: bytes) -> None:
        self.spool, self.boot = spool, uuid.uuid4().hex
        self._original = spool.parent / "content.mp4"
        spool.mkdir(parents=True, exist_ok=True)
        (spool / "gaps").mkdir(exist_ok=True)
        self._original.write_bytes(content)
        self.init = read_init(content)
        with open(self._original, "rb") as file:
            self.fragments: list[Fragment] = list(whole_fragments(file, self.init.size, init=self.init))
        self._content = content
        self._next_ms = 1_790_000_000_000
        (spool / "boot.json").write_text(json.dumps({"boot": self.boot}))

    @property
    def chunk_bytes(self) -> int:
        last = self.fragments[-1]
        return last.offset + last.size

    def begin(self, seq: int) -> Chunk:
        """An open chunk with nothing but its init."""
        chunk = Chunk(self.spool / self.boot, seq)
        chunk.folder.mkdir(exist_ok=True)
        self._sidecar(chunk, closed=False)
        chunk.media.write_bytes(self._content[: self.init.size])
        return chunk

    def record(self, chunk: Chunk, index: int) -> tuple[str, int, int, int]:
        """Append one fragment; what the event tells of it."""
        fragment = self.fragments[index]
        with open(chunk.media, "ab") as file:
            file.write(self._content[fragment.offset : fragment.offset + fragment.size])
        return self.boot, chunk.seq, fragment.offset, fragment.size

    def end(self, chunk: Chunk) -> tuple[str, int]:
        """Close a chunk."""
        self._sidecar(chunk, closed=True)
        return self.boot, chunk.seq

    def add(self, *seqs: int) -> list[Chunk]:
        """Whole, closed chunks."""
        chunks = []
        for seq in seqs:
            chunk = self.begin(seq)
            for index in range(len(self.fragments)):
                self.record(chunk, index)
            self.end(chunk)
            chunks.append(chunk)
            self._next_ms += 6000
        return chunks

    def gap(self, cause: str) -> str:
        """A gap that storage does not know yet; its id."""
        gap: dict[str, Any] = {
            "id": uuid.uuid4().hex,
            "boot": self.boot,
            "cause": cause,
            "from_ms": 1,
            "to_ms": 2,
            "detail": "",
        }
        (self.spool / "gaps" / f"{gap['id']}.json").write_text(json.dumps(gap))
        return str(gap["id"])

    def _sidecar(self, chunk: Chunk, *, closed: bool) -> None:
        last = self.fragments[-1]
        ticks = last.tfdt + last.duration - self.fragments[0].tfdt
        facts: dict[str, Any] = {
            "boot": self.boot,
            "seq": chunk.seq,
            "run": 1,
            "started_ms": self._next_ms,
            "started_mono_ns": chunk.seq * 6_000_000_000,
            "clock": "synchronised",
            "timescale": self.init.timescale,
            "first_tfdt": self.fragments[0].tfdt,
            "codec": self.init.codec,
            "width": self.init.width,
            "height": self.init.height,
            "closed": closed,
        }
        if closed:
            size = chunk.media.stat().st_size
            ended = facts["started_mono_ns"] + ticks * 10**9 // self.init.timescale
            facts |= {"bytes": size, "ended_mono_ns": ended, "frames": 60, "dropped": 1}
        chunk.sidecar.write_text(json.dumps(facts))
