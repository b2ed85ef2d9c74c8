"""Prepared cards for Raspberry Pi Imager: a manifest (its `os_list` JSON), served with the image under an address that
nobody can guess and that ends with the code, since the image holds the code.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from cameras.enrolment.image import size_and_sha256
from cameras.models.enrolment import CODE_LIFE

MANIFEST = "os_list.rpi-imager-manifest"
DEVICES = ["pi5-64bit", "pi4-64bit", "pi3-64bit"]  # as Raspberry Pi's own list names boards that run 64-bit systems
SHELF = re.compile(r"[A-Za-z0-9_-]{22}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,200}")
BLOCK = 2**20


def entry(image: Path, url: str, title: str) -> dict[str, Any]:
    """One image of the list. No `init_format`: customising it in Imager would replace the camera's own files."""
    size, sha256 = size_and_sha256(image)
    changed = datetime.fromtimestamp(image.stat().st_mtime, UTC)
    return {
        "name": title,
        "description": "Becomes this camera at its first start. Nothing to customise.",
        "icon": f"{settings.UCAM_URL}{static('icon.svg')}",
        "url": url,
        "extract_size": size,
        "extract_sha256": sha256,
        "image_download_size": image.stat().st_size,
        "release_date": f"{changed:%Y-%m-%d}",
        "init_format": "none",
        "architecture": "armv8",
        "devices": DEVICES,
    }


def manifest(entries: Iterable[dict[str, Any]]) -> str:
    """The text of a manifest."""
    return json.dumps({"os_list": list(entries)}, indent=2, ensure_ascii=False) + "\n"


def cards() -> Path:
    """Where served images lie."""
    made = Path(settings.UCAM_DATA) / "cards"
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    return made


def publish(images: list[Path]) -> str:
    """Address of a manifest of these images, which are moved to where the server serves them from."""
    forget_old()
    shelf = secrets.token_urlsafe(16)
    address = f"{settings.UCAM_URL}/install/cards/{shelf}"
    home = cards() / shelf
    home.mkdir(mode=0o700)
    entries = []
    for image in images:
        moved = home / re.sub(r"[^A-Za-z0-9._@+-]", "-", image.name).lstrip(".-")
        shutil.move(image, moved)
        entries.append(entry(moved, f"{address}/{moved.name}", f"ucam camera ({moved.name.split('.img')[0]})"))
    (home / MANIFEST).write_text(manifest(entries), encoding="utf-8")
    return f"{address}/{MANIFEST}"


def forget_old() -> None:
    """Images whose code is too old are of no use to anybody."""
    for shelf in cards().iterdir():
        if not alive(shelf):
            shutil.rmtree(shelf, ignore_errors=True)


def alive(shelf: Path) -> bool:
    """Whether the code inside may still work."""
    return shelf.is_dir() and time.time() - shelf.stat().st_mtime < CODE_LIFE.total_seconds()


@require_safe
def card(request: HttpRequest, shelf: str, name: str) -> HttpResponseBase:
    """Manifest or image, sent block by block: an image has gigabytes."""
    file = cards() / shelf / name
    known = SHELF.fullmatch(shelf) and NAME.fullmatch(name) and alive(file.parent) and file.is_file()
    if not known:
        raise Http404
    kind = "application/json" if name == MANIFEST else "application/octet-stream"
    answer = StreamingHttpResponse(blocks(file), content_type=kind)
    answer["Content-Length"] = str(file.stat().st_size)
    answer["Cache-Control"] = "private, no-store"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


async def blocks(file: Path) -> AsyncIterator[bytes]:
    """The file; the disk is read beside the event loop."""
    with await asyncio.to_thread(open, file, "rb") as opened:
        while block := await asyncio.to_thread(opened.read, BLOCK):
            yield block
