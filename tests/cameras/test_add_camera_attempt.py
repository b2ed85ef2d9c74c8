"""A power cut between the server's answer and the camera's disk costs no new code."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import digest
from cameras.device import CodeExpired, CodeUsed, enrol
from cameras.models import Camera, DeviceToken, EnrolmentCode
from tests.conftest import Cast


@pytest.fixture
def camera(cast: Cast) -> Camera:
    return cast.camera


def test_the_same_attempt_is_answered_again(camera: Camera) -> None:
    code = EnrolmentCode.objects.issue(camera)
    first, second = enrol(code, attempt="mine"), enrol(code, attempt="mine")
    assert first["jid"] == second["jid"]
    assert DeviceToken.objects.holder(str(second["token"]))


@pytest.mark.parametrize("attempt", ["", "another's"])
def test_another_attempt_is_refused(camera: Camera, attempt: str) -> None:
    code = EnrolmentCode.objects.issue(camera)
    enrol(code, attempt="mine")
    with pytest.raises(CodeUsed):
        enrol(code, attempt=attempt)


def test_without_an_attempt_a_code_works_once(camera: Camera) -> None:
    code = EnrolmentCode.objects.issue(camera)
    enrol(code)
    with pytest.raises(CodeUsed):
        enrol(code)


def test_a_revoked_camera_does_not_come_back_by_its_old_code(camera: Camera) -> None:
    code = EnrolmentCode.objects.issue(camera)
    enrol(code, attempt="mine")
    DeviceToken.objects.filter(camera=camera).revoke(timezone.now())
    with pytest.raises(CodeUsed):
        enrol(code, attempt="mine")


def test_an_attempt_ends_with_its_code(camera: Camera) -> None:
    code = EnrolmentCode.objects.issue(camera)
    enrol(code, attempt="mine")
    with pytest.raises(CodeUsed):
        enrol(code, timezone.now() + timedelta(days=2), attempt="mine")
    with pytest.raises(CodeExpired):
        enrol(EnrolmentCode.objects.issue(camera), timezone.now() + timedelta(days=2), attempt="mine")


def test_a_code_is_not_used_up_by_an_answer_that_could_not_be_made(camera: Camera) -> None:
    code = EnrolmentCode.objects.issue(camera)
    Camera.objects.update(fps=999)  # nothing that the protocol knows
    with pytest.raises(msgspec.ValidationError):
        enrol(code)
    Camera.objects.update(fps=15)
    assert DeviceToken.objects.holder(str(enrol(code)["token"]))


def test_a_device_that_asks_many_times_at_once_holds_one_token(lasting_cast: Cast) -> None:
    code, barrier = EnrolmentCode.objects.issue(lasting_cast.camera), threading.Barrier(8)

    def ask(_: int) -> str:
        barrier.wait(30)
        try:
            return str(enrol(code, attempt="mine")["token"])
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(ask, range(8)))
    assert [one for one in tokens if DeviceToken.objects.holder(one)] != []
    assert DeviceToken.objects.alive().count() == 1


def test_attempts_are_kept_as_hashes(camera: Camera) -> None:
    enrol(EnrolmentCode.objects.issue(camera), attempt="mine")
    assert EnrolmentCode.objects.get().attempt_hash == digest("mine")
