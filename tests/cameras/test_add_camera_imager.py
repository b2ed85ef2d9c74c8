"""Raspberry Pi Imager's manifest: as its published format has it; without the address there is no way to an image."""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema  # type: ignore[import-untyped]
import pytest
from django.core.management import CommandError, call_command
from django.test import AsyncClient

from cameras.enrolment import imager

# After doc/json-schema/os-list-schema.json of raspberrypi/rpi-imager: what an entry with an image must hold.
TEXT = {"type": "string", "minLength": 1}
NUMBER = {"type": "integer", "minimum": 1}
OS_LIST = {
    "type": "object",
    "required": ["os_list"],
    "additionalProperties": False,
    "properties": {
        "os_list": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": [
                    "name", "description", "icon", "url", "extract_size", "extract_sha256", "image_download_size",
                    "release_date", "devices",
                ],
                "properties": {
                    "name": TEXT,
                    "description": TEXT,
                    "icon": {"type": "string", "pattern": "^https?://"},
                    "url": {"type": "string", "pattern": "^(https?|file)://"},
                    "extract_size": NUMBER,
                    "extract_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    "image_download_size": NUMBER,
                    "release_date": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
                    "init_format": {"enum": ["", "systemd", "cloudinit", "cloudinit-rpi", "rpi-preseed", "none"]},
                    "architecture": {"enum": ["armel", "armhf", "armv8"]},
                    "devices": {"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9-]+$"}},
                },
            },
        }
    },
}  # fmt: skip
DISK = bytes(range(256)) * 8192


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "cam001@studio.loc.img"
    file.write_bytes(DISK)
    return file


def published(image: Path) -> str:
    out = io.StringIO()
    call_command("imager_manifest", str(image), stdout=out)
    return urlsplit(out.getvalue().strip()).path


async def fetch(path: str) -> tuple[int, bytes]:
    answer: Any = await AsyncClient().get(path)
    if answer.status_code != 200:
        return answer.status_code, b""
    return 200, b"".join([block async for block in answer.streaming_content])


async def test_manifest_and_image_are_served_as_the_manifest_says(image: Path) -> None:
    path = published(image)
    status, body = await fetch(path)
    assert status == 200
    told = json.loads(body)
    jsonschema.validate(told, OS_LIST)
    entry = told["os_list"][0]
    status, disk = await fetch(urlsplit(entry["url"]).path)
    assert (status, disk) == (200, DISK)
    assert (entry["extract_size"], entry["extract_sha256"]) == (len(DISK), hashlib.sha256(DISK).hexdigest())


async def test_an_image_ends_with_its_code(image: Path) -> None:
    path = published(image)
    shelf = imager.cards() / path.split("/")[3]
    os.utime(shelf, (time.time(), time.time() - 25 * 3600))
    assert (await fetch(path))[0] == 404
    imager.forget_old()
    assert not shelf.exists()


async def test_without_the_address_there_is_nothing(image: Path) -> None:
    path = published(image)
    shelf = path.split("/")[3]
    for wrong in ("x" * 22, "..", "%2e%2e", shelf[:-1], ""):
        assert (await fetch(path.replace(shelf, wrong)))[0] == 404
    for name in ("", "..", "%2e%2e%2fsecret.key", ".hidden"):
        assert (await fetch(f"/install/cards/{shelf}/{name}"))[0] == 404


def test_served_images_are_moved_and_not_copied(image: Path) -> None:
    published(image)
    assert not image.exists()


def test_images_that_lie_elsewhere_stay_there(tmp_path: Path, image: Path) -> None:
    packed = tmp_path / "card.img.xz"
    packed.write_bytes(lzma.compress(DISK))
    out = io.StringIO()
    call_command("imager_manifest", str(image), str(packed), "--url", "file:///home/me/cards/", stdout=out)
    told = json.loads(out.getvalue())
    jsonschema.validate(told, OS_LIST)
    assert [entry["extract_sha256"] for entry in told["os_list"]] == [hashlib.sha256(DISK).hexdigest()] * 2
    assert told["os_list"][1]["url"] == "file:///home/me/cards/card.img.xz"
    assert told["os_list"][1]["image_download_size"] == packed.stat().st_size
    assert image.exists()


def test_a_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"no .*nothing\.img"):
        call_command("imager_manifest", str(tmp_path / "nothing.img"))
