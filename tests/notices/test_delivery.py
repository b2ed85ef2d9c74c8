"""A message goes out once: tried again when it did not, never twice, and nobody is left to believe that it arrived."""

from __future__ import annotations

import smtplib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import connection
from django.utils import timezone

from cameras.models import Alert, Channel, Delivery
from cameras.notices import delivery, planning
from cameras.tasks import plan_notices
from tests.conftest import Cast
from tests.notices.conftest import one_pass

Tell = Callable[[datetime], None]
SOON = timedelta(seconds=30)


class Postbox:
    """A mail server; `answers` are used up one by one."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.mails: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.mails.append(envelope.content.decode())
        return answer

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.answers and self.answers[0].startswith("5"):
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def postbox(settings: Any) -> Iterator[Postbox]:
    """A real SMTP server on loopback."""
    box = Postbox()
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_USE_TLS = "127.0.0.1", port, False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield box
    controller.stop()


def raised(cast: Cast) -> Alert:
    return Alert.objects.raise_("camera_offline", "critical", "Front door is not connected", camera=cast.camera)


def states() -> dict[str, str]:
    return dict(Delivery.objects.order_by("pk").values_list("occasion", "state"))


def test_a_mail_server_gets_it_once(cast: Cast, postbox: Postbox) -> None:
    alert = raised(cast)
    one_pass(alert.raised_at + SOON)
    one_pass(alert.raised_at + SOON * 2)
    assert len(postbox.mails) == 1
    assert f"Message-ID: <{Delivery.objects.get().key}@" in postbox.mails[0]
    assert Channel.objects.get().sent_at is not None


def test_a_server_that_is_away_for_a_while_gets_it_later(cast: Cast, postbox: Postbox) -> None:
    postbox.answers = ["451 later", "451 later"]
    alert = raised(cast)
    at = alert.raised_at + SOON
    one_pass(at)
    assert states() == {"raised": "waiting"}
    one_pass(at + timedelta(seconds=10))
    assert postbox.answers == ["451 later"]
    one_pass(at + timedelta(seconds=40))
    one_pass(at + timedelta(seconds=240))
    assert states() == {"raised": "sent"}
    assert len(postbox.mails) == 1
    assert not Alert.objects.open().filter(kind="notice_failed").exists()


def test_an_address_that_is_refused_for_good_is_told_to_the_operator_until_a_test_arrives(
    cast: Cast, postbox: Postbox
) -> None:
    postbox.answers = ["550 nobody of that name"]
    alert = raised(cast)
    one_pass(alert.raised_at + SOON)
    assert states() == {"raised": "failed"}
    told = Alert.objects.open().get(kind="notice_failed")
    assert "mail to alice@example.com" in told.text
    assert "550" in told.text
    test = Delivery.objects.test(Channel.objects.get(), timezone.now())
    delivery.deliver(test.pk, timezone.now())
    assert "This is a test" in postbox.mails[0]
    assert not Alert.objects.open().filter(kind="notice_failed").exists()


def test_it_is_given_up_after_six_attempts(cast: Cast, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    alert = raised(cast)
    for hours in range(7):
        one_pass(alert.raised_at + SOON + timedelta(hours=hours * 2))
    row = Delivery.objects.get(occasion="raised", alert=alert)
    assert (row.state, row.attempts) == ("failed", 6)
    assert "cannot be reached" in row.words
    assert Alert.objects.open().filter(kind="notice_failed").count() == 1


def test_eight_workers_with_the_same_message_send_it_once(lasting_cast: Cast, mailoutbox: list[Any]) -> None:
    alert = raised(lasting_cast)
    planning.plan(alert.raised_at)
    number = Delivery.objects.get().pk
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        delivery.deliver(number, alert.raised_at + SOON)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(mailoutbox) == 1


@pytest.mark.parametrize(("kind", "state"), [("mail", "sent"), ("service", "failed")])
def test_a_worker_that_died_while_sending_is_not_the_end(
    cast: Cast, mailoutbox: list[Any], kind: str, state: str
) -> None:
    alert = raised(cast)
    planning.plan(alert.raised_at)
    row = Delivery.objects.get()
    Channel.objects.update(kind=kind)
    Delivery.objects.claim(row.pk, alert.raised_at)
    one_pass(alert.raised_at + timedelta(minutes=9))
    assert states()["raised"] == "sending"
    one_pass(alert.raised_at + timedelta(minutes=11))
    assert states()["raised"] == state
    assert Alert.objects.open().filter(kind="notice_failed").exists() == (state == "failed")


def test_a_message_that_ends_every_worker_is_given_up_and_told(cast: Cast, mailoutbox: list[Any]) -> None:
    at = raised(cast).raised_at
    planning.plan(at)
    for _ in range(20):
        Delivery.objects.claim(Delivery.objects.filter(occasion="raised")[0].pk, at)
        at += timedelta(minutes=11)
        delivery.take_up_orphans(at)
    assert states()["raised"] == "failed"
    assert Alert.objects.open().filter(kind="notice_failed").exists()


def test_beat_and_worker_do_it_by_themselves(cast: Cast, mailoutbox: list[Any], worker_in_this_process: None) -> None:
    alert = raised(cast)
    Alert.objects.filter(pk=alert.pk).update(raised_at=alert.raised_at - SOON)
    plan_notices()
    assert [mail.subject for mail in mailoutbox] == ["Front door is not connected"]


def test_a_title_with_a_line_break_makes_no_header(cast: Cast, mailoutbox: list[Any]) -> None:
    alert = Alert.objects.raise_("camera_offline", "critical", "Front\r\nBcc: mallory@example.com", camera=cast.camera)
    one_pass(alert.raised_at + SOON)
    assert mailoutbox[0].subject == "Front Bcc: mallory@example.com"
    assert mailoutbox[0].recipients() == ["alice@example.com"]


def test_markup_in_a_name_is_text_in_the_mail(cast: Cast, mailoutbox: list[Any]) -> None:
    alert = Alert.objects.raise_("x", "critical", "<script>alert(1)</script>", "<img src=x>", camera=cast.camera)
    one_pass(alert.raised_at + SOON)
    html = mailoutbox[0].alternatives[0][0]
    assert "<script>" not in html
    assert "<img" not in html
    assert smtplib.CRLF not in mailoutbox[0].subject


def test_what_could_not_be_sent_is_told_even_when_it_is_over(cast: Cast, postbox: Postbox) -> None:
    postbox.answers = ["451 later"]
    alert = raised(cast)
    one_pass(alert.raised_at + SOON)
    Alert.objects.clear("camera_offline", camera=cast.camera)
    one_pass(alert.raised_at + timedelta(minutes=10))
    assert len(postbox.mails) == 1
    assert states()["raised"] == "sent"


def test_what_was_told_long_ago_is_forgotten_once_the_trouble_is_over(cast: Cast, postbox: Postbox) -> None:
    alert, now = raised(cast), timezone.now()
    one_pass(alert.raised_at + SOON)
    later = now + timedelta(days=100)
    assert not Delivery.objects.forgettable(later).exists()
    Alert.objects.clear("camera_offline", camera=cast.camera)
    assert not Delivery.objects.forgettable(now + timedelta(days=80)).exists()
    assert Delivery.objects.forgettable(later).count() == 1
