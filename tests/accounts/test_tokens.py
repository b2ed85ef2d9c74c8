"""Access and refresh tokens."""

import uuid
from datetime import timedelta

import jwt
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts import tokens
from accounts.errors import SessionEnded, TokenInvalid
from accounts.models import Session
from accounts.sign_in import make_link
from cameras.models import DeviceToken
from tests.accounts.test_sign_in import link_of
from tests.conftest import Cast


def test_a_link_is_exchanged_for_tokens_that_open_the_api(cast: Cast) -> None:
    client = APIClient()
    answer = client.post("/api/token/", {"link": link_of(make_link(cast.bob))})
    assert answer.status_code == 200
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    me = client.get("/api/me/").json()
    assert me["jid"] == "bob@example.com"
    assert me["places"] == [{"location": "studio.loc", "name": "Studio", "may": ["watch", "replay"]}]


def test_a_refresh_token_works_once_and_its_second_use_ends_the_session(cast: Cast) -> None:
    now = timezone.now()
    session, first = Session.objects.begin(cast.bob, "tests", now)
    second = tokens.refresh(first, now).refresh
    later = now + Session.GRACE + timedelta(seconds=1)
    with pytest.raises(SessionEnded):
        tokens.refresh(first, later)
    with pytest.raises(SessionEnded):
        tokens.refresh(second, later)
    assert not Session.objects.alive(later).filter(pk=session.pk).exists()


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_tabs_that_race_stay_signed_in_whichever_of_their_answers_is_kept(cast: Cast, kept: int) -> None:
    """Browsers without Web Locks (plain http) renew in every tab at once when a laptop wakes up."""
    now = timezone.now()
    _, first = Session.objects.begin(cast.bob, "tests", now)
    answers = [tokens.refresh(first, now + timedelta(seconds=seconds)).refresh for seconds in (0, 1, 2)]
    for minutes in (9, 18):
        answers[kept] = tokens.refresh(answers[kept], now + timedelta(minutes=minutes)).refresh


def test_revoking_ends_access_at_once(cast: Cast) -> None:
    session, refresh = Session.objects.begin(cast.bob, "tests", timezone.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens.issue(session, refresh).access}")
    assert client.get("/api/me/").status_code == 200
    assert client.post("/api/token/revoke/", {"refresh": refresh}).status_code == 204
    answer = client.get("/api/me/")
    assert answer.status_code == 401
    assert answer.json()["code"] == "session_ended"


def test_signing_out_ends_the_session_though_another_tab_has_just_renewed_it(cast: Cast) -> None:
    session, refresh = Session.objects.begin(cast.bob, "tests", timezone.now())
    tokens.refresh(refresh)
    assert APIClient().post("/api/token/revoke/", {"refresh": refresh}).status_code == 204
    assert not Session.objects.alive(timezone.now()).filter(pk=session.pk).exists()


def test_signing_out_with_a_token_that_was_never_given_ends_nothing(cast: Cast) -> None:
    session, _ = Session.objects.begin(cast.bob, "tests", timezone.now())
    tokens.revoke(f"{session.pk.hex}.")
    tokens.revoke(f"{session.pk.hex}.guess")
    assert Session.objects.alive(timezone.now()).filter(pk=session.pk).exists()


def forged(cast: Cast, kind: str) -> str:
    """A token that must not work."""
    session, _ = Session.objects.begin(cast.bob, "tests", timezone.now())
    kid, key = next(iter(tokens._keys().items()))
    now = timezone.now()
    claims = {
        "typ": "access",
        "aud": "ucam",
        "sub": str(cast.bob.pk),
        "sid": session.pk.hex,
        "exp": now + timedelta(hours=1),
    }
    match kind:
        case "alg none":
            return jwt.encode(claims, "", "none", headers={"kid": kid})
        case "wrong key":
            return jwt.encode(claims, b"x" * 32, "HS256", headers={"kid": kid})
        case "wrong audience":
            return jwt.encode(claims | {"aud": "other"}, key, "HS256", headers={"kid": kid})
        case "wrong type":
            return jwt.encode(claims | {"typ": "refresh"}, key, "HS256", headers={"kid": kid})
        case "expired":
            return jwt.encode(claims | {"exp": now - timedelta(seconds=1)}, key, "HS256", headers={"kid": kid})
        case "no expiry":
            return jwt.encode({k: v for k, v in claims.items() if k != "exp"}, key, "HS256", headers={"kid": kid})
        case "someone else's session":
            return jwt.encode(claims | {"sub": str(cast.alice.pk)}, key, "HS256", headers={"kid": kid})
        case "unknown session":
            return jwt.encode(claims | {"sid": uuid.uuid4().hex}, key, "HS256", headers={"kid": kid})
        case "device token":
            return DeviceToken.objects.issue(cast.camera)
    return kind


FORGERIES = ["alg none", "wrong key", "wrong audience", "wrong type", "expired", "no expiry", "someone else's session"]


@pytest.mark.parametrize("kind", [*FORGERIES, "unknown session", "device token", "rubbish", "a.b.c", ""])
def test_forged_tokens_open_nothing(cast: Cast, kind: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {forged(cast, kind)}")
    answer = client.get("/api/me/")
    assert answer.status_code == 401
    assert set(answer.json()) >= {"code", "message"}


def test_a_token_in_the_address_is_not_read(cast: Cast) -> None:
    assert APIClient().get(f"/api/me/?access={cast.access(cast.bob)}").status_code == 401


def test_a_rotated_key_does_not_sign_everybody_out(cast: Cast, settings: object) -> None:
    access = cast.access(cast.bob)
    old = settings.SECRET_KEY  # type: ignore[attr-defined]
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 60, [old]  # type: ignore[attr-defined]
    assert tokens.user_of(access) == cast.bob
    settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    with pytest.raises(TokenInvalid):
        tokens.user_of(access)


def test_only_operators_get_the_admin_and_only_as_long_as_they_are_signed_in(cast: Cast) -> None:
    assert cast.api(cast.bob).post("/api/admin-session/").status_code == 403
    operator = cast.api(cast.alice)
    assert operator.post("/api/admin-session/").status_code == 204
    operator.credentials()
    assert operator.get("/admin/cameras/camera/").status_code == 200
    Session.objects.filter(user=cast.alice).end(timezone.now())
    assert operator.get("/admin/cameras/camera/").status_code == 302
