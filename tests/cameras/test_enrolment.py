"""A device becomes a camera by a code that works once."""

import threading
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.errors import UcamError
from cameras.device import enrol
from cameras.models import Camera, DeviceToken, EnrolmentCode
from tests.conftest import Cast


def test_a_code_becomes_a_token_and_settings(cast: Cast) -> None:
    code = EnrolmentCode.objects.issue(cast.camera)
    answer = APIClient().post("/api/device/enrol/", {"code": code.lower().replace("-", " ")})
    assert answer.status_code == 200
    device = answer.json()
    assert device["jid"] == "cam001@studio.loc"
    assert device["room"].startswith("ws://")
    assert device["room"].endswith("/ws/room")
    assert device["storage"].endswith("/api/device/")
    assert device["settings"]["name"] == "Front door"
    assert DeviceToken.objects.holder(device["token"]).camera == cast.camera  # type: ignore[union-attr]


def test_a_code_works_once_however_many_try(lasting_cast: Cast) -> None:
    code = EnrolmentCode.objects.issue(lasting_cast.camera)
    barrier = threading.Barrier(8)
    answers: list[str] = []

    def try_it() -> None:
        barrier.wait()
        try:
            enrol(code)
            answers.append("in")
        except UcamError as error:
            answers.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers.count("in") == 1
    assert DeviceToken.objects.count() == 1


@pytest.mark.parametrize(("age", "code"), [(timedelta(days=2), "code_expired"), (None, "code_invalid")])
def test_old_and_unknown_codes_say_what_they_are(cast: Cast, age: timedelta | None, code: str) -> None:
    issued = EnrolmentCode.objects.issue(cast.camera)
    if age:
        EnrolmentCode.objects.update(expires_at=timezone.now() - age)
    answer = APIClient().post("/api/device/enrol/", {"code": issued if age else "AAAA-BBBB-CCCC-DDDD"})
    assert answer.json()["code"] == code
    assert "new code" in answer.json()["hint"]


def test_a_new_code_ends_the_old_one(cast: Cast) -> None:
    old = EnrolmentCode.objects.issue(cast.camera)
    EnrolmentCode.objects.issue(cast.camera)
    assert APIClient().post("/api/device/enrol/", {"code": old}).json()["code"] == "code_invalid"


def test_codes_and_tokens_are_kept_as_hashes_only(cast: Cast) -> None:
    code = EnrolmentCode.objects.issue(cast.camera)
    token = DeviceToken.objects.issue(cast.camera)
    kept = [*EnrolmentCode.objects.values_list("code_hash", flat=True)]
    kept += DeviceToken.objects.values_list("token_hash", flat=True)
    assert not any(secret in row for row in kept for secret in (code, code.replace("-", ""), token))


def test_the_commands_add_place_camera_and_person(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_location", "Shop.loc")
    capsys.readouterr()
    call_command("add_camera", "till@shop.loc", "--chunk-s", "10", "--source", '{"kind": "file", "name": "street.mp4"}')
    code = capsys.readouterr().out.strip()
    assert enrol(code)["jid"] == "till@shop.loc"
    assert Camera.objects.get().chunk_s == 10
    call_command("add_user", "Bob@Example.com", "--location", "shop.loc", "--may", "watch,replay")
    assert "watch, replay" in capsys.readouterr().out
    call_command("sign_in_link", "bob@example.com")
    assert "/sign-in/" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("add_camera", "till@nowhere.loc"), "no place nowhere.loc"),
        (("add_camera", "no jid"), "has no @"),
        (("add_camera", "till@shop.loc", "--fps", "999"), "60"),
        (("add_camera", "till@shop.loc", "--source", "{"), "not JSON"),
        (("add_camera", "till@shop.loc", "--source", '{"kind": "file", "name": "../../etc/passwd"}'), "source"),
        (("add_camera", "till@shop.loc", "--source", '{"kind": "exec"}'), "source"),
        (("add_location", "shop..loc"), "no domain"),
        (("add_user", "nobody"), "valid email address"),
        (("add_user", "a@b.de", "--location", "shop.loc", "--may", "fly"), "No such right: fly"),
        (("sign_in_link", "nobody@example.com"), "add_user"),
    ],
)
def test_commands_say_in_a_sentence_what_is_wrong(db: None, command: tuple[str, ...], words: str) -> None:
    call_command("add_location", "shop.loc", verbosity=0)
    with pytest.raises(CommandError, match=words):
        call_command(*command)
