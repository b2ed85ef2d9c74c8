"""HLS of stored footage: byte ranges of the chunk files, nothing is repackaged (RFC 8216).

A segment is a few whole fragments, as many as make the length that is asked for: few for a player that wants its first
picture soon, more for a list of a day. Its borders depend only on that and on the chunk's own index, so they stay where
they are while the chunk grows. Dates are given per chunk; where the media times break off is a DISCONTINUITY.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from cameras.models import Camera
from storage.errors import NothingStored
from storage.index import ENTRY, HOLE_MS
from storage.models import Chunk
from storage.models.chunk import ms_of
from storage.range import Range, text_of

SEGMENT_MS = 5000  # fragments are added until a segment has at least this much, unless something else is asked for
QUIET_AFTER = timedelta(seconds=30)  # an open chunk that long without a byte is shown to its end
LONGEST = timedelta(hours=49)
COLUMNS = (
    "pk", "boot", "run", "codec", "width", "height", "timescale", "first_tfdt", "started_ms", "state", "appended_at",
    "init_bytes", "fragments",
)  # fmt: skip

Segment = tuple[int, int, int, int, bool]  # begin, end (ms after the first frame), offset, length, hole before


class Part(NamedTuple):
    """The lines of some segments of one chunk, and what else must be known of them."""

    lines: str
    segments: int
    begin_ms: int
    end_ms: int
    longest_ms: int


@dataclass(slots=True)
class Text:
    """The playlist in the making."""

    longest_ms: int
    lines: list[str] = field(default_factory=list)
    skipped: int = 0  # segments that are older than the person may see
    segments: int = 0
    stream: tuple[object, ...] = ()  # what must stay the same for media times to run on
    expected_ms: float = 0  # media time at which the next chunk of the stream would begin


def playlist(camera: Camera, asked: Range, since_ms: int | None, now: datetime, segment_ms: int = SEGMENT_MS) -> str:
    """The playlist of a range; with its end open it grows. Raises NothingStored.

    `since_ms`: earliest instant that may be shown; segments before it are counted and left out. A segment has at least
    `segment_ms`, but for the last one before a hole or the end.
    """
    finished = asked.to_ms is not None and asked.to_ms <= ms_of(now)
    end_ms = asked.to_ms if asked.to_ms is not None else ms_of(now + timedelta(days=1))
    rows = list(Chunk.objects.stored().filter(camera=camera).within(asked.from_ms, end_ms).values_list(*COLUMNS))
    text = Text(segment_ms)
    for number, row in enumerate(rows, 1):
        pk, *_, started_ms, state, appended_at, _, fragments = row
        growing = not finished and number == len(rows) and state == Chunk.State.OPEN
        whole = not growing or appended_at < now - QUIET_AFTER
        edges = _cut(asked.from_ms - started_ms), _cut(end_ms - started_ms)
        shown_from = -1 if since_ms is None else _cut(since_ms - started_ms)
        part, skipped = rendered(pk, started_ms, bytes(fragments), whole, edges, shown_from, segment_ms)
        text.skipped += skipped
        if part.segments:
            _add(text, row, part)
    if not text.segments:
        raise NothingStored()
    return "".join([*_head(text, finished), *text.lines, "#EXT-X-ENDLIST\n" if finished else ""])


@lru_cache(maxsize=600)  # two camera-days
def rendered(
    pk: int,
    started_ms: int,
    fragments: bytes,
    whole: bool,
    edges: tuple[int, int],
    shown_from: int,
    segment_ms: int,
) -> tuple[Part, int]:
    """Lines of the segments that touch the edges; those that begin before `shown_from` are only counted."""
    found = segments(fragments, whole, *edges, segment_ms)
    shown = [segment for segment in found if segment[0] >= shown_from] if shown_from > 0 else found
    uri, longest_ms = f"chunks/{pk}.mp4\n", 0
    lines = []
    for number, (begin, end, offset, length, hole) in enumerate(shown):
        if hole and number:
            lines.append(f"#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:{text_of(started_ms + begin)}\n")
        duration_ms = end - begin
        if duration_ms > longest_ms:
            longest_ms = duration_ms
        lines.append(f"#EXTINF:{_seconds(duration_ms)},\n#EXT-X-BYTERANGE:{length}@{offset}\n{uri}")
    if not shown:
        return Part("", 0, 0, 0, 0), len(found)
    return Part("".join(lines), len(shown), shown[0][0], shown[-1][1], longest_ms), len(found) - len(shown)


@lru_cache(maxsize=4096)  # nearly all of them are as long as each other
def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"


def segments(fragments: bytes, whole: bool, from_ms: int, to_ms: int, segment_ms: int) -> list[Segment]:
    """The segments of an index that touch a range (ms after the first frame); `whole`: the unfinished one too."""
    found: list[Segment] = []
    begin = end = group_ms = offset = length = 0
    hole = False
    for at_offset, at_length, at_ms, duration_ms, _ in ENTRY.iter_unpack(fragments):
        broken = at_ms - end > HOLE_MS
        if broken or end - group_ms >= segment_ms:
            if length:
                found.append((begin, end, offset, length, hole))
                length, hole = 0, False
            hole, group_ms = hole or broken, at_ms
        end = at_ms + duration_ms
        if at_ms >= to_ms:
            whole = True
            break
        if end <= from_ms:
            continue
        if not length:
            begin, offset = at_ms, at_offset
        length = at_offset + at_length - offset
        last = end
    else:
        last = end
    if length and (whole or last - group_ms >= segment_ms):
        found.append((begin, last, offset, length, hole))
    return found


def _cut(ms: int) -> int:
    """An edge of the range after the chunk's begin; beyond the chunk all are the same, for the cache."""
    return max(-1, min(ms, 2**31))


def _add(text: Text, row: tuple, part: Part) -> None:
    """Lines of one chunk."""
    pk, *stream, first_tfdt, started_ms, _, _, init_bytes, _ = row
    media_ms = first_tfdt * 1000 / stream[-1]
    if text.stream != tuple(stream) or abs(media_ms + part.begin_ms - text.expected_ms) > HOLE_MS:
        if text.segments:
            text.lines.append("#EXT-X-DISCONTINUITY\n")
        text.lines.append(f'#EXT-X-MAP:URI="chunks/{pk}.mp4",BYTERANGE="{init_bytes}@0"\n')
    text.lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{text_of(started_ms + part.begin_ms)}\n")
    text.lines.append(part.lines)
    text.longest_ms = max(text.longest_ms, part.longest_ms)
    text.segments += part.segments
    text.stream, text.expected_ms = tuple(stream), media_ms + part.end_ms


def _head(text: Text, finished: bool) -> list[str]:
    """The first lines. A list whose beginning was left out counts what is missing, and may not call itself EVENT."""
    kind = "VOD" if finished else "" if text.skipped else "EVENT"
    return [
        "#EXTM3U\n#EXT-X-VERSION:7\n",
        f"#EXT-X-TARGETDURATION:{-(-text.longest_ms // 1000)}\n",
        f"#EXT-X-MEDIA-SEQUENCE:{text.skipped}\n",
        f"#EXT-X-PLAYLIST-TYPE:{kind}\n" if kind else "",
        "#EXT-X-INDEPENDENT-SEGMENTS\n",
    ]
