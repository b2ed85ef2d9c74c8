"""What lies on a prepared card: read back by other programs, and inert whatever people are called."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import re
import shutil
import struct
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from django.core.management import CommandError, call_command

from accounts.errors import UcamError
from cameras.device import enrol
from cameras.enrolment.card import Wifi, WifiInvalid, as_yaml, card_files, network
from cameras.enrolment.image import boot_offset, copy_image, read_file, write_files
from cameras.models import Camera, EnrolmentCode
from tests.conftest import Cast

START = 2048
NAMES = {
    "user-data", "network-config", "meta-data", "ucam.toml", "ucam_firstboot.py", "ucam-firstboot.service"
}  # fmt: skip
HOSTILE = [
    "$(reboot)",
    "`id`; rm -rf /",
    'a"b',
    "a'b",
    "a: b",
    "{x: y}",
    "- no",
    "!!python/object:os.system",
    "&anchor *alias",
    "%YAML 1.1",
    "a\nb: c",
    "a\tb",
    "null",
    "0x10",
    "yes",
    "#not a comment",
    "\\u0000",
    "</script><script>",
    "\u2028\u0085\u007f",
    "Größe 📷",
    "__proto__",
]
# The keys of cloud-init's own schema that we use, as strict as it is there (reference/modules in its documentation).
COMMANDS = {"type": "array", "items": {"type": "array", "minItems": 1, "items": {"type": "string"}}}
USER_DATA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["hostname", "user", "bootcmd", "runcmd"],
    "properties": {
        "hostname": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"},
        "manage_resolv_conf": {"const": False},
        "timezone": {"type": "string", "pattern": "^[A-Za-z_+/0-9-]+$"},
        "ssh_pwauth": {"const": False},
        "bootcmd": COMMANDS,
        "runcmd": COMMANDS,
        "user": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "lock_passwd"],
            "properties": {
                "name": {"type": "string"},
                "lock_passwd": {"const": True},
                "shell": {"type": "string"},
                "sudo": {"type": "string"},
                "ssh_authorized_keys": {"type": "array", "items": {"type": "string"}},
            },
        },
    },
}


def image(folder: Path, kind: int = 0x0C, mebibytes: int = 34) -> Path:
    """A disk with one FAT partition, as Raspberry Pi OS has it: a table of our own bytes, mkfs.vfat for the rest."""
    file = folder / "raspios.img"
    table = bytearray(512)
    sectors = mebibytes * 2048
    table[446:462] = struct.pack("<B3sB3sII", 0, b"\0\0\0", kind, b"\0\0\0", START, sectors)
    table[510:] = b"\x55\xaa"
    with open(file, "wb") as written:
        written.write(table)
        written.truncate((START + sectors) * 512)
    make = shutil.which("mkfs.vfat", path="/usr/sbin:/sbin:/usr/bin")
    assert make, "mkfs.vfat is missing: sudo apt install dosfstools mtools"
    argv = [make, "-F", "32", "-n", "bootfs", "--offset", str(START), str(file), str(sectors // 2)]
    subprocess.run(argv, check=True, capture_output=True)
    write_files(file, {"user-data": "#cloud-config\n", "config.txt": "arm_64bit=1\n"})
    return file


def test_the_partition_of_an_image_is_found(tmp_path: Path) -> None:
    assert boot_offset(image(tmp_path)) == START * 512


def test_files_are_written_and_read_back_beside_those_that_were_there(tmp_path: Path) -> None:
    disk = image(tmp_path)
    write_files(disk, {"user-data": "#cloud-config\n{}\n", "meta-data": "ä\n"})
    assert read_file(disk, "user-data") == b"#cloud-config\n{}\n"
    assert read_file(disk, "meta-data") == "ä\n".encode()
    assert read_file(disk, "config.txt") == b"arm_64bit=1\n"


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"\0" * 510 + b"\x55\xaa"])
def test_what_is_no_image_is_said(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.img"
    file.write_bytes(content)
    with pytest.raises(UcamError, match=r"no partition table|no boot partition"):
        boot_offset(file)


@pytest.mark.parametrize("pack", [gzip, lzma])
def test_packed_images_are_unpacked(tmp_path: Path, pack: Any) -> None:
    packed = tmp_path / f"a.img.{'gz' if pack is gzip else 'xz'}"
    packed.write_bytes(pack.compress(b"disk" * 1000))
    copy_image(packed, tmp_path / "b.img")
    assert (tmp_path / "b.img").read_bytes() == b"disk" * 1000


def test_half_a_packed_image_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    packed = tmp_path / "a.img.xz"
    packed.write_bytes(lzma.compress(bytes(range(256)) * 1000)[:-40])
    with pytest.raises(UcamError, match="cannot be copied"):
        copy_image(packed, tmp_path / "b.img")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.img.xz"]


def test_the_command_makes_a_card_that_enrols(cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "wifi"
    secret.write_text("correct horse\n")
    out = tmp_path / "card.img"
    words = ["--wifi", "Shop: #1", "--wifi-password-file", str(secret), "--out", str(out)]
    call_command("prepare_card", str(image(tmp_path)), "cam001@studio.loc", *words)
    assert capsys.readouterr().out.strip() == str(out)
    plan = yaml.safe_load(read_file(out, "network-config"))["network"]
    assert plan["wifis"]["wlan0"]["access-points"] == {"Shop: #1": {"password": "correct horse"}}
    told = tomllib.loads(read_file(out, "ucam.toml").decode())
    assert told["server"] == "http://127.0.0.1:8000"
    assert enrol(told["code"])["jid"] == "cam001@studio.loc"
    assert out.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="there already"):
        call_command("prepare_card", str(image(tmp_path)), "cam001@studio.loc", "--out", str(out))


def test_a_folder_gets_the_files_as_they_are(cast: Cast, tmp_path: Path) -> None:
    call_command("prepare_card", str(tmp_path), "cam001@studio.loc", stdout=io.StringIO())
    assert {file.name for file in tmp_path.iterdir()} == NAMES


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["IMAGE", "cam009@studio.loc"], "There is no camera"),
        (["IMAGE", "cam001@studio.loc", "--wifi", "x", "--wifi-password-file", "SHORT"], "8 to 63"),
        (["nowhere.img", "cam001@studio.loc"], "nowhere.img"),
    ],
)
def test_the_command_says_what_is_wrong_and_makes_no_code(
    cast: Cast, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "short").write_text("short")
    known = {"IMAGE": str(image(tmp_path)), "SHORT": str(tmp_path / "short")}
    with pytest.raises(CommandError, match=said):
        call_command("prepare_card", *[known.get(word, word) for word in words], "--out", str(tmp_path / "o.img"))
    assert not (tmp_path / "o.img").exists()
    assert not EnrolmentCode.objects.exists()


def test_without_mtools_a_person_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = image(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UcamError, match="apt install mtools"):
        write_files(disk, {"a": "b"})


# ---------------------------------------------------------------- YAML


@pytest.fixture
def files(cast: Cast) -> dict[str, str]:
    return card_files(cast.camera, "AAAA-BBBB-CCCC-DDDD")


def test_user_data_is_what_cloud_init_takes(files: dict[str, str], tmp_path: Path) -> None:
    assert files["user-data"].startswith("#cloud-config\n")
    jsonschema.validate(yaml.safe_load(files["user-data"]), USER_DATA)
    if cloud_init := shutil.which("cloud-init"):  # its own opinion too, on machines that have it
        (tmp_path / "user-data").write_text(files["user-data"])
        subprocess.run([cloud_init, "schema", "--config-file", str(tmp_path / "user-data")], check=True)


def test_the_start_survives_a_lost_runcmd(files: dict[str, str]) -> None:
    """cloud-init marks runcmd as done before it runs; bootcmd runs at every start."""
    told = yaml.safe_load(files["user-data"])
    assert told["bootcmd"][-1] == told["runcmd"][-1]
    assert told["bootcmd"][-1][-1].endswith("ucam_firstboot.py install")


def test_each_card_is_a_new_instance(cast: Cast) -> None:
    told = [yaml.safe_load(card_files(cast.camera, "x")["meta-data"]) for _ in range(2)]
    assert told[0]["instance-id"] != told[1]["instance-id"]


@pytest.mark.parametrize("local", ["cam001", "a_b.c", "a__", "9-", "x" * 63])
def test_the_host_name_is_one(cast: Cast, local: str) -> None:
    told = yaml.safe_load(card_files(Camera(location=cast.studio, local=local), "x")["user-data"])
    jsonschema.validate(told, USER_DATA)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_passwords_are_only_themselves(text: str) -> None:
    name = text.encode()[:32].decode(errors="ignore")
    password = re.sub(r"[^\x20-\x7e]", "", text).ljust(8, "'")
    plan = yaml.safe_load(as_yaml(network(Wifi(name, password))))
    assert plan["network"]["wifis"]["wlan0"]["access-points"] == {name: {"password": password}}
    assert list(plan["network"]) == ["version", "ethernets", "wifis"]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_codes_and_places_are_only_themselves(cast: Cast, text: str) -> None:
    cast.studio.timezone = text
    made = card_files(cast.camera, text)
    assert tomllib.loads(made["ucam.toml"])["code"] == text
    told = yaml.safe_load(made["user-data"])
    assert told["timezone"] == text
    assert set(told) == set(USER_DATA["properties"])  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "wifi", [("", ""), ("x" * 33, ""), ("ü" * 17, ""), ("a", "short"), ("a", "pässword1"), ("a", "x" * 64)]
)
def test_what_no_wifi_has_is_refused(wifi: tuple[str, str]) -> None:
    with pytest.raises(WifiInvalid):
        Wifi(*wifi)


def test_an_open_network_says_so() -> None:
    plan = json.loads(as_yaml(network(Wifi("guests"))))
    assert plan["network"]["wifis"]["wlan0"]["access-points"]["guests"] == {"auth": {"key-management": "none"}}
