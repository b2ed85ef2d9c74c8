"""Files into the boot partition of an image of Raspberry Pi OS, without root: by mtools, at the partition's offset."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from accounts.errors import UcamError

SECTOR = 512
FAT_TYPES = (0x0B, 0x0C, 0x0E)  # FAT32, FAT32 with LBA, FAT16 with LBA
BLOCK = 4 * 2**20


class ImageUnusable(UcamError):
    """No image, or none with a boot partition; the message says what to do."""

    code = "image_unusable"


def boot_offset(image: Path) -> int:
    """Where the first FAT partition begins, in bytes, by the partition table; raises ImageUnusable."""
    with open(image, "rb") as opened:
        table = opened.read(SECTOR)
    if len(table) < SECTOR or table[510:] != b"\x55\xaa":
        raise ImageUnusable(f"{image} is no disk image: it has no partition table.")
    for entry in range(446, 510, 16):
        kind, start = table[entry + 4], struct.unpack_from("<I", table, entry + 8)[0]
        if kind in FAT_TYPES and start:
            return int(start) * SECTOR
    raise ImageUnusable(f"{image} has no boot partition (FAT). Is it an image of Raspberry Pi OS?")


def copy_image(source: Path, target: Path) -> None:
    """A copy to write into, unpacked when it is .xz or .gz; raises ImageUnusable."""
    part = target.with_name(f"{target.name}.part")
    try:
        with unpacked(source) as opened, open(part, "wb") as written:
            shutil.copyfileobj(opened, written, BLOCK)
        part.replace(target)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ImageUnusable(f"{source} cannot be copied: {error}.") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def unpacked(image: Path) -> Iterator[IO[bytes]]:
    """The image's bytes, whether it is packed or not."""
    openers: dict[str, Callable[..., Any]] = {".xz": lzma.open, ".gz": gzip.open}
    with openers.get(image.suffix, open)(image, "rb") as opened:
        yield opened


def write_files(image: Path, files: Mapping[str, str]) -> None:
    """Put the texts into the boot partition and read them back; raises ImageUnusable."""
    drive = f"{image}@@{boot_offset(image)}"
    with tempfile.TemporaryDirectory() as name:
        for file, text in files.items():
            written = Path(name, file)
            written.write_text(text, encoding="utf-8")
            _mtool("mcopy", "-D", "o", "-i", drive, str(written), f"::/{file}")
            if read_file(image, file) != text.encode():
                raise ImageUnusable(f"{file} could not be read back from {image}. Is its boot partition full?")
    descriptor = os.open(image, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(image: Path, file: str) -> bytes:
    """One file of the boot partition; raises ImageUnusable."""
    return _mtool("mtype", "-i", f"{image}@@{boot_offset(image)}", f"::/{file}")


def _mtool(tool: str, *arguments: str) -> bytes:
    if not shutil.which(tool):
        raise ImageUnusable("Writing into an image needs mtools. Install them: sudo apt install mtools")
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
    done = subprocess.run([tool, *arguments], capture_output=True, env=environment, check=False)  # noqa: S603 - ours
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ImageUnusable(f"The boot partition could not be used: {said[-1] if said else tool}")
    return done.stdout


def size_and_sha256(image: Path) -> tuple[int, str]:
    """Of the unpacked image, as Imager checks it."""
    digest, size = hashlib.sha256(), 0
    try:
        with unpacked(image) as opened:
            while block := opened.read(BLOCK):
                digest.update(block)
                size += len(block)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise ImageUnusable(f"{image} cannot be read: {error}.") from error
    return size, digest.hexdigest()
