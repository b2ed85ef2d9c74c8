"""Signing in by a link."""

import threading
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.errors import LinkExpired, LinkInvalid, LinkUsed
from accounts.models import Session, SignInLink
from accounts.sign_in import MAILS_PER_HOUR, SignedIn, mail_link, make_link, redeem
from tests.conftest import Cast


def link_of(url: str) -> str:
    """The last part of a link's path."""
    return urlsplit(url).path.rstrip("/").rpartition("/")[2]


class AwayAtFirst(EmailBackend):
    """A mail server that cannot be reached the first times."""

    times = 0

    def send_messages(self, messages: Any) -> int:
        AwayAtFirst.times -= 1
        if AwayAtFirst.times >= 0:
            raise ConnectionRefusedError(111, "Connection refused")
        return super().send_messages(messages)


def signed_in(done: object) -> SignedIn:
    """A link alone was enough."""
    assert isinstance(done, SignedIn)
    return done


def test_a_link_signs_its_person_in_once(cast: Cast) -> None:
    link = link_of(make_link(cast.bob))
    done = signed_in(redeem(link, "Firefox"))
    assert done.session.user == cast.bob
    assert done.tokens.access
    assert done.tokens.refresh
    with pytest.raises(LinkUsed):
        redeem(link, "Firefox")


def test_fifty_at_once_get_exactly_one_session(lasting_cast: Cast) -> None:
    link = link_of(make_link(lasting_cast.bob))
    barrier = threading.Barrier(50)
    answers: list[str] = []

    def try_it() -> None:
        barrier.wait()
        try:
            redeem(link, "race")
            answers.append("in")
        except LinkUsed:
            answers.append("used")
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["in"] + ["used"] * 49
    assert Session.objects.count() == 1


def test_an_old_link_says_that_it_is_too_old(cast: Cast, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    link = link_of(make_link(cast.bob))
    SignInLink.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    settings.SESAME_MAX_AGE = -1  # type: ignore[attr-defined]
    with pytest.raises(LinkExpired):
        redeem(link, "late")


@pytest.mark.parametrize("link", ["", "x", "a.b", "no-dot", "." * 50, "ä.ö", "a" * 500])
def test_what_is_no_link_is_refused(cast: Cast, link: str) -> None:
    with pytest.raises(LinkInvalid):
        redeem(link, "guess")


def test_a_link_with_another_links_signature_is_refused(cast: Cast) -> None:
    one, other = link_of(make_link(cast.bob)), link_of(make_link(cast.alice))
    mixed = f"{one.partition('.')[0]}.{other.partition('.')[2]}"
    with pytest.raises(LinkInvalid):
        redeem(mixed, "mallory")


def test_a_link_dies_with_the_address_it_was_sent_to(cast: Cast) -> None:
    link = link_of(make_link(cast.bob))
    cast.bob.email = "robert@example.com"
    cast.bob.save()
    with pytest.raises(LinkInvalid):
        redeem(link, "old mailbox")


def test_a_person_who_may_not_sign_in_any_more_cannot(cast: Cast) -> None:
    link = link_of(make_link(cast.bob))
    cast.bob.is_active = False
    cast.bob.save()
    with pytest.raises(LinkInvalid):
        redeem(link, "fired")


def test_the_mail_holds_a_link_that_works(cast: Cast) -> None:
    mail_link("BOB@example.com ")
    url = next(line for line in mail.outbox[0].body.splitlines() if line.startswith("http"))
    assert signed_in(redeem(link_of(url), "phone")).session.user == cast.bob


def test_unknown_addresses_get_no_mail_and_known_ones_at_most_five_an_hour(cast: Cast) -> None:
    mail_link("nobody@example.com")
    assert mail.outbox == []
    for _ in range(MAILS_PER_HOUR + 3):
        mail_link("bob@example.com")
    assert len(mail.outbox) == MAILS_PER_HOUR


@pytest.mark.parametrize(("away", "mails"), [(2, 1), (4, 0)])
def test_a_mail_server_that_is_away_for_a_moment_is_asked_again(
    cast: Cast, worker_in_this_process: None, settings: Any, caplog: pytest.LogCaptureFixture, away: int, mails: int
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.AwayAtFirst"
    AwayAtFirst.times = away
    assert APIClient().post("/api/sign-in/", {"email": "bob@example.com"}).status_code == 202
    assert len(mail.outbox) == mails
    assert caplog.text.count("Look at EMAIL_URL") == min(away, 4)
    AwayAtFirst.times = 0
    for _ in range(MAILS_PER_HOUR):  # what did not go out counts once
        APIClient().post("/api/sign-in/", {"email": "bob@example.com"})
    assert len(mail.outbox) == mails + MAILS_PER_HOUR - 1


@pytest.mark.parametrize("next_path", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil"])
def test_a_link_never_leads_to_another_site(cast: Cast, next_path: str) -> None:
    assert "?" not in make_link(cast.bob, next_path)
    assert "?next=%2Fadmin%2F" in make_link(cast.bob, "/admin/")


def test_known_and_unknown_addresses_get_the_same_answer(cast: Cast, worker_in_this_process: None) -> None:
    answers = [APIClient().post("/api/sign-in/", {"email": who}) for who in ("bob@example.com", "nobody@example.com")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].content == answers[1].content


def test_no_address_gets_a_sentence(cast: Cast) -> None:
    answer = APIClient().post("/api/sign-in/", {"email": "ana.example.com"})
    assert answer.status_code == 400
    assert "looks like ana@example.com" in answer.json()["message"]
