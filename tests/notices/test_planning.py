"""Who is told of an alert, when, how often: by mail, which is there for everybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.models import User
from cameras.models import Alert, Camera, Delivery, Membership, NoticePlan, Wish
from tests.conftest import Cast

Tell = Callable[[datetime], None]
SOON = timedelta(seconds=30)
CRITICAL, WARNING = "critical", "warning"


@pytest.fixture(autouse=True)
def nobody_waits_long(settings: Any) -> None:
    settings.UCAM_ESCALATE_AFTER_MIN = 15


def offline(cast: Cast, level: str = CRITICAL, kind: str = "camera_offline") -> Alert:
    return Alert.objects.raise_(kind, level, "Front door is not connected", "Check its power.", camera=cast.camera)


def told(outbox: list[Any]) -> list[tuple[str, str]]:
    return [(mail.to[0].partition("@")[0], mail.subject) for mail in outbox]


def hears(cast: Cast, heard: str, **how: bool) -> None:
    Wish.objects.create(user=cast.bob, location=cast.studio, heard=heard, **how)


def test_who_looks_after_a_place_hears_what_is_critical_without_asking(
    cast: Cast, tell: Tell, mailoutbox: list[Any]
) -> None:
    alert = offline(cast)
    tell(alert.raised_at + timedelta(seconds=5))
    assert mailoutbox == []
    tell(alert.raised_at + SOON)
    assert told(mailoutbox) == [("alice", "Front door is not connected")]
    mail = mailoutbox[0]
    assert "Check its power." in mail.body
    assert "Front door, Studio · since" in mail.body
    assert f"/alerts/#alert-{alert.pk}" in mail.body
    assert "Check its power." in mail.alternatives[0][0]
    assert not mail.attachments


def test_everybody_is_told_once_however_often_it_is_planned(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    alert = offline(cast)
    hears(cast, "all")
    for _ in range(3):
        tell(alert.raised_at + SOON)
    Alert.objects.update(planned_at=None)
    tell(alert.raised_at + SOON)
    assert sorted(who for who, _ in told(mailoutbox)) == ["alice", "bob"]


def test_warnings_are_for_those_who_asked(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    hears(cast, "all")
    alert = offline(cast, WARNING)
    tell(alert.raised_at + SOON)
    assert told(mailoutbox) == [("bob", "Front door is not connected")]


def test_a_stranger_never_hears_whatever_they_wished(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    Wish.objects.create(user=cast.mallory, location=cast.studio, heard="all")
    Wish.objects.create(user=cast.mallory, heard="all")
    tell(offline(cast).raised_at + SOON)
    tell(Alert.objects.raise_("disk_low", CRITICAL, "Disk").raised_at + SOON)
    assert {who for who, _ in told(mailoutbox)} == {"alice"}


def test_a_right_that_went_before_the_message_takes_it_along(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    hears(cast, "all")
    alert = offline(cast)
    tell(alert.raised_at + timedelta(seconds=1))
    Membership.objects.filter(user=cast.bob).delete()
    tell(alert.raised_at + SOON)
    assert [who for who, _ in told(mailoutbox)] == ["alice"]
    assert Delivery.objects.get(channel__user=cast.bob).state == "dropped"


def test_what_is_over_at_once_is_no_message(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    alert = offline(cast)
    tell(alert.raised_at + timedelta(seconds=1))
    Alert.objects.clear("camera_offline", camera=cast.camera)
    tell(alert.raised_at + timedelta(minutes=30))
    assert mailoutbox == []


def test_flapping_is_one_message_and_one_end(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    begin = timezone.now()
    for minute in range(0, 10, 2):
        alert = offline(cast)
        raised = begin + timedelta(minutes=minute)
        Alert.objects.filter(pk=alert.pk).update(raised_at=raised)
        tell(raised + SOON)
        Alert.objects.clear("camera_offline", camera=cast.camera)
        Alert.objects.filter(pk=alert.pk).update(cleared_at=raised + timedelta(minutes=1))
        tell(raised + timedelta(seconds=61))
    assert told(mailoutbox) == [("alice", "Front door is not connected")]
    tell(begin + timedelta(minutes=20))
    assert told(mailoutbox)[1:] == [("alice", "Over: Front door is not connected")]


def test_what_goes_on_coming_back_is_told_again_later_with_how_often(
    cast: Cast, tell: Tell, mailoutbox: list[Any]
) -> None:
    first = offline(cast)
    tell(first.raised_at + SOON)
    Alert.objects.clear("camera_offline", camera=cast.camera)
    again = offline(cast)
    tell(first.raised_at + timedelta(minutes=5))
    assert len(mailoutbox) == 1
    tell(first.raised_at + timedelta(minutes=16))
    assert "it came and went 2 times" in next(mail.body for mail in mailoutbox[1:] if "not connected" in mail.subject)
    assert again.pk != first.pk


def test_nobody_claims_so_all_operators_hear_of_it(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    Membership.objects.filter(user=cast.bob).update(may_operate=True)
    hears(cast, "none")
    alert = offline(cast)
    tell(alert.raised_at + timedelta(minutes=14))
    assert [who for who, _ in told(mailoutbox)] == ["alice"]
    tell(alert.raised_at + timedelta(minutes=15))
    assert ("bob", "Nobody has it yet: Front door is not connected") in told(mailoutbox)
    assert cast.api(cast.bob).get("/api/alerts/").json()[0]["escalated_at"]


def test_a_place_has_its_own_patience(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    cast.studio.escalate_after_min = 1
    cast.studio.save()
    alert = offline(cast, WARNING)
    Alert.objects.filter(pk=alert.pk).update(raised_at=alert.raised_at)
    for seconds in (1, 61):
        tell(alert.raised_at + timedelta(seconds=seconds))
    assert told(mailoutbox) == [("alice", "Nobody has it yet: Front door is not connected")]


def test_who_claims_ends_reminders_and_escalation(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    alert = offline(cast)
    tell(alert.raised_at + SOON)
    alert.claim(cast.bob)
    for hours in (1, 2, 7):
        tell(alert.raised_at + timedelta(hours=hours))
    assert len(mailoutbox) == 1


def test_reminders_come_after_an_hour_six_and_each_day(
    cast: Cast, tell: Tell, mailoutbox: list[Any], settings: Any
) -> None:
    settings.UCAM_ESCALATE_AFTER_MIN = 10**6
    alert = offline(cast)
    for hours in (0.1, 1, 2, 5, 6, 7, 29, 30, 31, 54):
        tell(alert.raised_at + timedelta(hours=hours))
    assert [subject.partition(":")[0] for _, subject in told(mailoutbox)] == [
        "Front door is not connected", "Still open", "Still open", "Still open", "Still open",
    ]  # fmt: skip
    assert cast.api(cast.alice).get("/api/alerts/").json()[0]["reminded_at"]


def test_quiet_hours_hold_what_can_wait_in_the_persons_own_zone(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    hears(cast, "all")
    NoticePlan.objects.create(user=cast.bob, timezone="Asia/Tokyo", quiet_from=time(22), quiet_to=time(7))
    night = datetime(2026, 11, 22, 23, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    alert = offline(cast, WARNING)
    Alert.objects.update(raised_at=night)
    tell(night + SOON)
    assert mailoutbox == []
    tell(night.replace(day=23, hour=6, minute=59))
    assert "bob" not in dict(told(mailoutbox))
    tell(night.replace(day=23, hour=7, minute=0, second=1))
    assert ("bob", "Front door is not connected") in told(mailoutbox)
    assert alert.level == WARNING


@pytest.mark.parametrize(("anyway", "count"), [(True, 1), (False, 0)])
def test_what_is_critical_wakes_those_who_want_it(
    cast: Cast, tell: Tell, mailoutbox: list[Any], anyway: bool, count: int
) -> None:
    NoticePlan.objects.create(
        user=cast.alice, timezone="UTC", quiet_from=time(0), quiet_to=time(23, 59), critical_anyway=anyway
    )
    alert = offline(cast)
    at = datetime(2026, 11, 22, 3, 0, tzinfo=ZoneInfo("UTC"))
    Alert.objects.update(raised_at=at)
    tell(at + SOON)
    assert len(mailoutbox) == count
    assert alert.level == CRITICAL


def test_quiet_hours_end_right_over_the_change_of_clocks(cast: Cast) -> None:
    plan = NoticePlan(user=cast.bob, timezone="Europe/Berlin", quiet_from=time(22), quiet_to=time(7))
    before = datetime(2026, 10, 24, 21, 0, tzinfo=ZoneInfo("UTC"))  # 23:00 in Berlin; the clocks go back at 3:00
    assert plan.quiet_until(before) == datetime(2026, 10, 25, 6, 0, tzinfo=ZoneInfo("UTC"))
    assert plan.quiet_until(before - timedelta(hours=2)) is None


def test_the_end_is_told_to_those_who_heard_of_the_beginning(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    hears(cast, "critical", by_mail=False)
    alert = offline(cast)
    tell(alert.raised_at + SOON)
    Alert.objects.clear("camera_offline", camera=cast.camera)
    alert.refresh_from_db()
    assert alert.cleared_at is not None
    tell(alert.cleared_at + timedelta(seconds=30))
    tell(alert.cleared_at + timedelta(minutes=3))
    assert told(mailoutbox) == [
        ("alice", "Front door is not connected"), ("alice", "Over: Front door is not connected"),
    ]  # fmt: skip


def test_what_gets_worse_reaches_those_who_hear_of_the_worst_only_and_those_who_heard_of_it_before(
    cast: Cast, tell: Tell, mailoutbox: list[Any]
) -> None:
    hears(cast, "all")
    alert = offline(cast, WARNING)
    tell(alert.raised_at + SOON)
    assert [who for who, _ in told(mailoutbox)] == ["bob"]
    for _ in range(2):  # to and fro is told once
        offline(cast, CRITICAL)
        tell(alert.raised_at + SOON * 2)
        offline(cast, WARNING)
    title = "Front door is not connected"
    assert sorted(told(mailoutbox)[1:]) == [("alice", title), ("bob", f"It got worse: {title}")]


def test_a_power_cut_is_one_message_and_so_is_its_end(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    cameras = [Camera.objects.create(location=cast.studio, local=f"till{n}", name=f"Till {n}") for n in range(8)]
    for camera in cameras:
        Alert.objects.raise_("camera_offline", CRITICAL, f"{camera.name} is not connected", camera=camera)
    tell(timezone.now() + SOON)
    assert told(mailoutbox) == [("alice", "Till 0 is not connected, and 7 more")]
    for camera in cameras:
        assert f"{camera.name} is not connected · {camera.name}, Studio · since" in mailoutbox[0].body
        assert f"{camera.name} is not connected" in mailoutbox[0].alternatives[0][0]
        Alert.objects.clear("camera_offline", camera=camera)
    tell(timezone.now() + timedelta(minutes=3))
    assert told(mailoutbox)[1:] == [("alice", "Over: Till 0 is not connected, and 7 more")]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_of_several_the_worst_gives_the_title(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    hears(cast, "all")
    offline(cast, WARNING, "clock_unknown")
    Alert.objects.raise_("power", CRITICAL, "Front door has no power", camera=cast.camera)
    tell(timezone.now() + SOON)
    assert ("bob", "Front door has no power, and 1 more") in told(mailoutbox)


def test_what_has_just_come_is_not_told_with_what_has_settled(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    alert = offline(cast)
    Alert.objects.update(raised_at=alert.raised_at - timedelta(minutes=1))
    Alert.objects.raise_("power", CRITICAL, "Front door has no power", camera=cast.camera)
    tell(timezone.now())
    assert told(mailoutbox) == [("alice", "Front door is not connected")]


@pytest.mark.parametrize("gone", ["deleted", "locked out"])
def test_what_was_taken_by_somebody_who_is_gone_is_nobodys_again(
    cast: Cast, tell: Tell, mailoutbox: list[Any], gone: str
) -> None:
    alert = offline(cast)
    tell(alert.raised_at + SOON)
    alert.claim(cast.bob)
    tell(alert.raised_at + timedelta(minutes=16))
    assert len(mailoutbox) == 1
    if gone == "deleted":
        cast.bob.delete()
    else:
        User.objects.filter(pk=cast.bob.pk).update(is_active=False)
    tell(alert.raised_at + timedelta(minutes=17))
    assert told(mailoutbox)[1:] == [("alice", "Nobody has it yet: Front door is not connected")]
    assert cast.api(cast.alice).get("/api/alerts/").json()[0]["state"] == "raised"


def test_who_took_a_warning_hears_that_it_got_worse(cast: Cast, tell: Tell, mailoutbox: list[Any]) -> None:
    hears(cast, "all")
    alert = offline(cast, WARNING)
    tell(alert.raised_at + SOON)
    alert.claim(cast.bob)
    offline(cast, CRITICAL)
    tell(alert.raised_at + SOON * 2)
    assert ("bob", "It got worse: Front door is not connected") in told(mailoutbox)


def test_a_warning_that_waits_for_the_morning_wakes_when_it_becomes_critical(
    cast: Cast, tell: Tell, mailoutbox: list[Any]
) -> None:
    hears(cast, "all")
    NoticePlan.objects.create(user=cast.bob, timezone="UTC", quiet_from=time(22), quiet_to=time(7))
    night = datetime(2026, 11, 22, 23, 0, tzinfo=ZoneInfo("UTC"))
    offline(cast, WARNING)
    Alert.objects.update(raised_at=night)
    tell(night + SOON)
    assert mailoutbox == []
    offline(cast, CRITICAL)
    tell(night + timedelta(hours=2))
    assert ("bob", "Front door is not connected") in told(mailoutbox)
