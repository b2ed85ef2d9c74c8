"""What lies beside the footage in a zip: a manifest, checksums, and how to verify them with standard tools."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from cameras.models import Camera
from storage.coverage import coverage
from storage.models import Export
from storage.plan import Part
from storage.range import Range, text_of

README = """\
Footage exported by ucam

Who asked:  {owner}
Why:        {reason}
Made at:    {made}
From, to:   {begin} to {end} (UTC)

The MP4 files are copies of what the cameras recorded; nothing was encoded anew.
{cut}
manifest.json says of each file which camera recorded it, when, whether the
camera's clock was known to be right, and which stretches are missing and why.

To verify that no file was changed since, unpack everything into one folder and run there

    sha256sum -c SHA256SUMS

On macOS:             shasum -a 256 -c SHA256SUMS
On Windows, each by:  certutil -hashfile FILE SHA256

Keep the checksum of the zip itself apart from it: the server's audit trail and the
person who asked have it. Only that proves that SHA256SUMS was not changed as well.
"""
EXACT = (
    "They are cut exactly: players skip the moments before the range that a file needs to begin with a whole picture."
)
KEYFRAMES = "They begin at the first whole picture (keyframe) at or before the asked time, and end after the last one."


@dataclass(slots=True)
class Made:
    """One finished MP4: its part, name, checksum, and what of it is shown."""

    part: Part
    name: str
    bytes: int
    sha256: str
    from_ms: int
    to_ms: int


def papers(export: Export, cameras: list[Camera], made: list[Made]) -> dict[str, str]:
    """Name to text of each; SHA256SUMS covers all the others."""
    manifest = {
        "format": "ucam export 1", "export": str(export.pk), "made_at": text_of_now(), "by": export.owner,
        "reason": export.reason, "from": text_of(export.from_ms), "to": text_of(export.to_ms), "exact": export.exact,
        "cameras": [_camera(export, camera, [one for one in made if one.part.camera == camera]) for camera in cameras],
    }  # fmt: skip
    texts = {
        "manifest.json": json.dumps(manifest, indent=2, ensure_ascii=False) + "\n",
        "README.txt": README.format(
            owner=export.owner, reason=export.reason or "(not said)", made=manifest["made_at"], begin=manifest["from"],
            end=manifest["to"], cut=EXACT if export.exact else KEYFRAMES,
        ),
    }  # fmt: skip
    sums = [f"{one.sha256}  {one.name}\n" for one in made]
    sums += [f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in texts.items()]
    return texts | {"SHA256SUMS": "".join(sums)}


def text_of_now() -> str:
    """The present instant."""
    return timezone.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _camera(export: Export, camera: Camera, made: list[Made]) -> dict[str, Any]:
    """One camera: its files, and what of the range is not in them, with the cause."""
    stretches = coverage(camera, Range(export.from_ms, export.to_ms), None, timezone.now())
    missing = [one for one in stretches if one.state != "stored"]
    return {
        "jid": str(camera.jid), "name": camera.shown_name, "location": camera.location.shown_name,
        "timezone": camera.location.timezone, "files": [_file(one) for one in made],
        "missing": [
            {"from": text_of(one.from_ms), "to": text_of(one.to_ms), "state": one.state, "cause": one.cause}
            for one in missing
        ],
    }  # fmt: skip


def _file(made: Made) -> dict[str, Any]:
    first = made.part.pieces[0].chunk
    clocks = sorted({piece.chunk.clock for piece in made.part.pieces})
    return {
        "name": made.name, "sha256": made.sha256, "bytes": made.bytes, "from": text_of(made.from_ms),
        "to": text_of(made.to_ms), "contains_from": text_of(made.part.from_ms), "codec": first.codec,
        "width": first.width, "height": first.height, "clock": clocks[0] if len(clocks) == 1 else "mixed",
        "placed_by": sorted({piece.chunk.get_placed_display() for piece in made.part.pieces}),
        "boot": first.boot, "run": first.run, "chunks": [piece.chunk.seq for piece in made.part.pieces],
    }  # fmt: skip
