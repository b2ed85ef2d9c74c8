"""Each person is written to in their own language: sign-in links, alerts, pushes, the week; else in English."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils import timezone
from django.utils.translation import override
from ucam_protocol import PartState, Status

from accounts.models import User
from accounts.sign_in import mail_link, make_link
from cameras.ailments import ailments
from cameras.models import Alert, Channel, Delivery, NoticePlan
from cameras.notices.words import notice
from cameras.sentences import in_words, say, sentences_of, together
from storage.letters import message
from tests.conftest import Cast

MONDAY = date(2026, 11, 16)


def german(cast: Cast) -> User:
    User.objects.speaks(cast.alice, "de")
    cast.alice.refresh_from_db()
    return cast.alice


def told(cast: Cast, alert: Alert, occasion: str = "raised") -> Any:
    channel = Channel.objects.mail_of(cast.alice)
    return notice([Delivery(alert=alert, channel=channel, occasion=occasion)])


def test_a_sign_in_link_comes_in_the_persons_language_else_in_the_pages(cast: Cast) -> None:
    mail_link("alice@example.com", language="de")
    assert mail.outbox[-1].subject.startswith("Anmelden bei Ihren Kameras")
    User.objects.speaks(cast.alice, "en")
    mail_link("alice@example.com", language="de")
    assert mail.outbox[-1].subject.startswith("Sign in to your cameras")


def test_an_alert_is_told_in_the_readers_language_and_stored_in_english(cast: Cast) -> None:
    status = Status(parts={"camera": PartState(state="broken", words="No {picture}.")}, recording=False)
    [trouble] = ailments(status, "Laden")
    alert = Alert.objects.raise_(trouble.kind, trouble.level, trouble.title, trouble.text, camera=cast.camera)
    assert alert.title == "Laden does not record"
    assert alert.text.startswith("No {picture}. What was recorded before is safe.")
    assert told(cast, alert).title == "Laden does not record"
    german(cast)
    assert told(cast, alert).title == "Laden nimmt nicht auf"
    assert told(cast, alert).text.startswith("No {picture}. Was vorher aufgenommen wurde, ist sicher.")
    assert told(cast, alert, "escalated").title == "Noch kümmert sich niemand: Laden nimmt nicht auf"


def test_an_alert_that_is_nothing_but_text_stays_as_it_is(cast: Cast) -> None:
    alert = Alert.objects.create(kind="x", about="x", level="warning", title="Old {name}", text="Said {before}.")
    german(cast)
    assert (told(cast, alert).title, told(cast, alert).text) == ("Old {name}", "Said {before}.")


def test_the_alerts_of_the_api_speak_the_language_of_the_page(cast: Cast) -> None:
    Alert.objects.raise_("x", "warning", say("{name} loses pictures", name="Hof"), camera=cast.camera)
    api = cast.api(cast.alice)
    titles = [api.get("/api/alerts/", headers={"accept-language": asked}).json()[0]["title"] for asked in ("de", "en")]
    assert titles == ["Hof verliert Bilder", "Hof loses pictures"]


def test_sentences_within_sentences_and_days_follow_the_language() -> None:
    inner = say("{days} asked", days=say("{count} days", count=30))
    said = together(say("{wanted}, {fit} fit, full on {day} ({limit}).", wanted=inner, fit=22, day=date(2026, 12, 14),
                        limit=say("the disk")), "", "As it was.")  # fmt: skip
    assert said == "30 days asked, 22 fit, full on 14 December (the disk). As it was."
    with override("de"):
        kept = in_words(sentences_of(said))
    assert kept == "30 Tage verlangt, 22 passen, voll am 14. Dezember (die Festplatte). As it was."


@pytest.mark.parametrize("at", ["2026-19-24T07:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_what_only_looks_like_an_instant_stays_as_a_camera_said_it(at: str) -> None:
    zone = ZoneInfo("America/New_York" if at < "2" else "Europe/Berlin")
    assert in_words([["A camera says {time}.", {"time": at}]], zone) == f"A camera says {at}."


def test_an_instant_within_a_sentence_is_written_in_the_readers_zone_and_rfc_3339_for_pages(cast: Cast) -> None:
    at = datetime(2026, 11, 24, 13, 34, 56, tzinfo=UTC)
    text = say("It has not been connected since {since}.", since=at)
    alert = Alert.objects.raise_("x", "critical", "Away", text, camera=cast.camera)
    NoticePlan.objects.create(user=german(cast), timezone="Asia/Tokyo")
    assert told(cast, alert).text == "Sie ist seit Di 24.11. 22:34 JST nicht verbunden."
    assert alert.notice().text == "It has not been connected since 2026-11-24T13:34:56Z."


@pytest.mark.parametrize(("language", "subject", "words"), [
    ("en", "Your cameras, week of 16 November", "The week from Monday 16 November to Sunday 22 November 2026"),
    ("de", "Ihre Kameras, Woche vom 16. November", "Die Woche von Montag, 16. November bis Sonntag, 22. November 2026"),
])  # fmt: skip
def test_the_week_comes_in_the_persons_language(cast: Cast, language: str, subject: str, words: str) -> None:
    User.objects.speaks(cast.alice, language)
    cast.alice.refresh_from_db()
    letter = message(cast.alice, MONDAY, datetime(2026, 11, 23, 8, tzinfo=timezone.get_current_timezone()))
    assert letter.subject.startswith(subject)
    page = str(letter.alternatives[0][0])
    assert words in page
    assert f'<html lang="{language}">' in page


def test_the_language_of_the_page_is_kept_at_the_first_sign_in_and_shown_on_the_next_device(cast: Cast) -> None:
    link = make_link(cast.alice).rstrip("/").rpartition("/")[2]
    first = cast.api(None)
    answer = first.post("/api/token/", {"link": link}, format="json", headers={"accept-language": "de"})
    assert answer.status_code == 200
    cast.alice.refresh_from_db()
    assert cast.alice.language == "de"
    link = make_link(cast.alice).rstrip("/").rpartition("/")[2]
    second = cast.api(None).post("/api/token/", {"link": link}, format="json", headers={"accept-language": "en"})
    assert second.cookies["django_language"].value == "de"


def test_a_person_chooses_a_language_that_there_is(cast: Cast) -> None:
    api = cast.api(cast.alice)
    assert api.patch("/api/me/", {"language": "de"}, format="json").status_code == 204
    assert api.get("/api/me/").json()["language"] == "de"
    assert api.patch("/api/me/", {"language": "tlh"}, format="json").status_code == 400


@pytest.mark.usefixtures("worker_in_this_process")
def test_a_link_is_asked_for_in_the_language_of_the_page(cast: Cast) -> None:
    asked = {"email": "alice@example.com"}
    cast.api(None).post("/api/sign-in/", asked, format="json", headers={"accept-language": "de"})
    assert mail.outbox[0].subject.startswith("Anmelden")


def test_what_is_over_is_told_with_its_time_in_words(cast: Cast) -> None:
    alert = Alert.objects.raise_("x", "critical", say("{name} is not connected", name="Hof"), camera=cast.camera)
    Alert.objects.filter(pk=alert.pk).update(cleared_at=timezone.now() + timedelta(minutes=5), claimed_by=cast.bob)
    alert.refresh_from_db()
    german(cast)
    over = told(cast, alert, "cleared")
    assert over.title == "Vorbei: Hof ist nicht verbunden"
    assert " bis " in over.facts
    assert "hat sich gekümmert" in over.facts
