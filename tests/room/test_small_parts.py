"""Parts of the room that need nobody in it: limits, ICE servers, audiences, announcements without Redis."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from ucam_protocol import IceServer

from cameras.models import Alert
from cameras.room import announce, presence
from cameras.room.audience import Audience, who_sees
from cameras.room.ice import ice_servers
from cameras.room.limits import Window
from cameras.room.roster import Member
from cameras.tasks import check_cameras
from tests.conftest import Cast


def member(**facts: Any) -> Member:
    defaults: dict[str, Any] = {
        "jid": "bob@example.com/1",
        "kind": "person",
        "subject": 1,
        "name": "",
        "process": "p",
        "since": "",
    }
    return Member(**(defaults | facts))


def test_a_window_allows_so_many_and_forgets() -> None:
    now_s = [0.0]
    window = Window(2, 5, lambda: now_s[0])
    assert [window.allows(), window.allows(), window.allows()] == [True, True, False]
    now_s[0] = 5.0
    assert window.allows(2)
    assert not window.allows()


def test_no_ice_servers_without_settings() -> None:
    assert ice_servers("bob@example.com") == []


def test_turn_credentials_name_the_person_and_expire(settings: Any) -> None:
    settings.UCAM_STUN, settings.UCAM_TURN = ["stun:stun.example:3478"], ["turn:turn.example:3478"]
    settings.UCAM_TURN_SECRET = "north"
    stun, turn = ice_servers("bob@example.com", now_s=1000)
    assert stun == IceServer(urls=["stun:stun.example:3478"])
    assert turn.username == f"{1000 + 24 * 3600}:bob@example.com"
    code = hmac.new(b"north", turn.username.encode(), hashlib.sha1).digest()
    assert turn.credential == base64.b64encode(code).decode()


@pytest.mark.parametrize(
    ("audience", "who", "hears"),
    [
        (Audience(), member(operator=True), False),
        (Audience(places=[1]), member(places=frozenset({1})), True),
        (Audience(places=[1]), member(places=frozenset({2})), False),
        (Audience(places=[1]), member(operator=True), False),
        (Audience(places=[1], operators=True), member(operator=True), True),
        (Audience(places=[1], any_place=True), member(kind="camera", places=frozenset({1})), False),
        (Audience(cameras=[1]), member(kind="camera"), True),
        (Audience(cameras=[1]), member(), False),
        (Audience(people=[1]), member(kind="camera"), False),
        (Audience(people=[1], but="bob@example.com/1"), member(), False),
        (Audience(any_place=True), member(), False),
        (Audience(any_place=True), member(places=frozenset({3})), True),
        (Audience(any_place=True), member(operator=True), True),
    ],
)
def test_an_audience_is_who_it_names_and_nobody_else(audience: Audience, who: Member, hears: bool) -> None:
    assert audience.includes(who) is hears


def test_saving_goes_on_without_redis_and_says_so_once(
    cast: Cast, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "_reached", True)
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock?db=0"
    with caplog.at_level(logging.WARNING):
        announce.settings_changed(cast.camera)
        announce.alert_changed(Alert.objects.create(kind="x", about="x", level="warning", title="X"))
    assert [record.name for record in caplog.records] == ["cameras.room.announce"]


async def test_pages_and_tasks_do_without_redis(lasting_cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.REDIS_URL = f"unix://{tmp_path}/nobody.sock?db=0"
    assert await sync_to_async(presence.watchers_now)() == {}
    assert await sync_to_async(presence.visible_to)(lasting_cast.alice) == []
    await sync_to_async(check_cameras)()
    assert not await Alert.objects.aexists()


def test_an_account_without_a_place_does_not_know_who_is_here() -> None:
    operator, bob, mallory = member(operator=True), member(places=frozenset({1})), member()
    assert bob.sees(operator)
    assert not mallory.sees(operator)
    assert not mallory.sees(bob)
    assert not who_sees(operator).includes(mallory)
