"""The weekly letter: right figures out of the ledger, on each reader's Monday morning, once, and easy to stop."""

from __future__ import annotations

import re
import smtplib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from cameras.models import Alert, Camera, Membership, NoticePlan
from storage import letters
from storage.letter import last_monday, letter
from storage.models import Gap, Letter, SpoolPeak
from storage.models.chunk import ms_of
from storage.report import take
from tests.conftest import Cast
from tests.storage.footage import TEN_O_CLOCK, Device, Footage

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # half past seven in Berlin


def week_of(person: User, at: datetime) -> date:
    """The Monday of its week, by the person's calendar."""
    local = at.astimezone(NoticePlan.of(person).zone())
    return local.date() - timedelta(days=local.weekday())


def test_a_week_in_figures(cast: Cast, device: Device, footage: Footage) -> None:
    device.ship(footage.chunk())
    Camera.objects.update(created_at=TEN_O_CLOCK)
    begin = ms_of(TEN_O_CLOCK)
    for number, (first, last, cause) in enumerate([(20, 30, "power"), (30, 33, "off"), (33, 35, "encoder")]):
        Gap.objects.create(
            camera=cast.camera, gap_id=str(number), cause=cause, from_ms=begin + first * 1000, to_ms=begin + last * 1000
        )
    monday = week_of(cast.bob, TEN_O_CLOCK)
    told = letter(cast.bob, monday, TEN_O_CLOCK + timedelta(seconds=35))
    row = told["cameras"][0]
    assert row["share"] == pytest.approx(20 / 32)
    assert row["seconds"]["off"] == 3
    assert row["longest_gap"]["seconds"] == 10
    assert row["longest_gap"]["words"] == "no power or a restart"
    assert row["days_asked"] == 30
    assert [one["jid"] for one in told["cameras"]] == ["cam001@studio.loc"]


def test_the_spools_peak_is_that_of_the_week(cast: Cast) -> None:
    now = timezone.now()
    for used in (100, 700, 300):
        take(cast.camera, {"gaps": [], "closed": [], "spool": {"bytes": used, "quota_bytes": 1000}}, now)
    SpoolPeak.objects.create(camera=cast.camera, day=now.date() - timedelta(days=20), bytes=999, quota_bytes=1000)
    assert letter(cast.bob, week_of(cast.bob, now), now)["cameras"][0]["spool_peak"]["share"] == 0.7


@pytest.mark.parametrize(
    ("quota", "language", "words"),
    [
        (1_000_000, "en", "Camera’s own disk: at most 70.5 % full"),
        (100_000_000, "en", "Camera’s own disk: hardly used"),
        (None, "en", "Camera’s own disk: at most 1 MB in use"),
        (1_000_000, "de", "Kameraspeicher: höchstens zu 70,5 % voll"),
    ],
)
def test_how_full_a_camera_got_reads_without_a_glossary(
    cast: Cast, quota: int | None, language: str, words: str
) -> None:
    now = timezone.now()
    take(cast.camera, {"gaps": [], "closed": [], "spool": {"bytes": 705_000, "quota_bytes": quota}}, now)
    User.objects.speaks(cast.bob, language)
    cast.bob.refresh_from_db()
    mail = letters.message(cast.bob, week_of(cast.bob, now), now)
    assert words in str(mail.body)
    assert words.partition(": ")[2] in str(mail.alternatives[0])


def test_a_spools_peak_on_sunday_night_belongs_to_the_calendar_of_the_cameras_place(cast: Cast) -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday already in Berlin
    take(cast.camera, {"gaps": [], "closed": [], "spool": {"bytes": 300, "quota_bytes": 1000}}, late)
    assert letter(cast.bob, date(2026, 11, 16), late)["cameras"][0]["spool_peak"] is None
    assert letter(cast.bob, date(2026, 11, 23), late)["cameras"][0]["spool_peak"]["day"] == "2026-11-23"


def test_alerts_and_who_had_them(cast: Cast) -> None:
    first = Alert.objects.raise_("camera_offline", "critical", "Front door is away", camera=cast.camera)
    Alert.objects.raise_("camera_offline", "critical", "Elsewhere is away", camera=cast.foreign)
    Alert.objects.raise_("disk_low", "critical", "Disk")
    first.claim(cast.bob)
    now = timezone.now()
    told = letter(cast.bob, week_of(cast.bob, now), now)["alerts"]
    assert (told["count"], told["critical_unclaimed"]) == (1, 0)
    assert told["listed"][0]["claimed_by"] == "Bob"
    assert letter(cast.alice, week_of(cast.alice, now), now)["alerts"]["count"] == 3


def test_exports_of_the_week_are_told_to_who_looks_after_the_camera(
    cast: Cast, device: Device, footage: Footage
) -> None:
    device.ship(footage.chunk())
    Membership.objects.filter(user=cast.bob).update(may_export=True)
    end = (TEN_O_CLOCK + timedelta(seconds=5)).isoformat()
    body = {"cameras": ["cam001@studio.loc"], "from": TEN_O_CLOCK.isoformat(), "to": end, "reason": "the break-in"}
    assert cast.api(cast.bob).post("/api/exports/", body).status_code == 202
    now = timezone.now()
    for who in (cast.alice, cast.bob):
        assert [one["reason"] for one in letter(who, week_of(who, now), now)["exports"]] == ["the break-in"]


def test_it_comes_on_monday_morning_of_each_reader_and_once(cast: Cast, mailoutbox: list[Any]) -> None:
    NoticePlan.objects.create(user=cast.alice, timezone="America/New_York")
    NoticePlan.objects.create(user=cast.bob, timezone="Europe/Berlin", letter=True)
    assert letters.send_due(MONDAY - timedelta(hours=1)) == 0
    for _ in range(3):
        letters.send_due(MONDAY)
    assert [mail.to for mail in mailoutbox] == [["bob@example.com"]]
    letters.send_due(MONDAY + timedelta(hours=6))
    assert [mail.to for mail in mailoutbox][1:] == [["alice@example.com"]]
    assert "16 November" in mailoutbox[0].subject


def test_who_looks_after_nothing_gets_none_unless_they_ask(cast: Cast, mailoutbox: list[Any]) -> None:
    NoticePlan.objects.create(user=cast.bob, letter=False)
    letters.send_due(MONDAY + timedelta(hours=12))
    assert [mail.to for mail in mailoutbox] == [["alice@example.com"]]


def test_a_mail_server_that_is_away_gets_it_later(cast: Cast, mailoutbox: list[Any], monkeypatch: Any) -> None:
    with monkeypatch.context() as away:

        def refuse(*_: Any, **__: Any) -> None:
            raise smtplib.SMTPServerDisconnected("away")

        away.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
        assert letters.send_due(MONDAY + timedelta(hours=12)) == 0
    assert letters.send_due(MONDAY + timedelta(hours=12, minutes=5)) == 0
    assert letters.send_due(MONDAY + timedelta(hours=13)) == 1
    assert Letter.objects.get(user=cast.alice).attempts == 2


def test_it_is_not_sent_long_after_monday(cast: Cast, mailoutbox: list[Any]) -> None:
    assert letters.send_due(MONDAY + timedelta(days=3)) == 0


def test_the_link_stops_it_and_a_mail_scanner_does_not(cast: Cast, mailoutbox: list[Any]) -> None:
    letters.send_due(MONDAY + timedelta(hours=12))
    mail = mailoutbox[0]
    url = mail.extra_headers["List-Unsubscribe"].strip("<>")
    path = url[url.index("/api/") :]
    assert mail.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert Client().get(path).status_code == 405
    assert cast.api(cast.alice).get("/api/notices/").json()["letter"] is True
    assert Client().post(path, {"List-Unsubscribe": "One-Click"}).status_code == 204
    assert cast.api(cast.alice).get("/api/notices/").json()["letter"] is False
    assert letters.send_due(MONDAY + timedelta(days=7, hours=12)) == 0
    key = re.search(r"/letter/stop/#(\S+)", mail.body)
    assert key is not None
    assert Client().post("/api/letter/stop/", {"key": key[1]}, content_type="application/json").status_code == 204


@pytest.mark.parametrize("key", ["", "x", "1:abc:def", "x" * 500])
def test_a_forged_key_stops_nothing(cast: Cast, key: str) -> None:
    assert Client().post("/api/letter/stop/", {"key": key}, content_type="application/json").status_code in (400, 410)
    assert not NoticePlan.objects.exists()


def test_names_are_text_in_it(cast: Cast, mailoutbox: list[Any]) -> None:
    Camera.objects.filter(pk=cast.camera.pk).update(name="<b>Front</b>")
    letters.send_due(MONDAY + timedelta(hours=12))
    assert "<b>Front</b>" in mailoutbox[0].body
    assert "<b>" not in mailoutbox[0].alternatives[0][0]


@pytest.mark.parametrize(("week", "status"), [("", 200), ("2026-11-17", 400), ("never", 400), ("2999-01-07", 400)])
def test_the_same_on_demand(cast: Cast, week: str, status: int) -> None:
    answer = cast.api(cast.bob).get("/api/letter/", {"week": week} if week else {})
    assert answer.status_code == status
    if status == 200:
        assert answer.json()["week"] == last_monday(timezone.now(), NoticePlan.of(cast.bob).zone()).isoformat()


def test_a_stranger_gets_an_empty_one(cast: Cast) -> None:
    told = cast.api(cast.mallory).get("/api/letter/").json()
    assert (told["cameras"], told["alerts"]["count"], told["exports"]) == ([], 0, [])
