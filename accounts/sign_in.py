"""Sign-in by a link in a mail: signed by sesame, good for ten minutes, used up by one UPDATE; and by a passkey."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.core.cache import cache
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, override
from sesame.utils import get_token, get_user

from accounts.audit import record
from accounts.ceremonies import Answered, Asked, ask, finish
from accounts.errors import LinkExpired, LinkInvalid, LinkUsed
from accounts.models import AuditEntry, Ceremony, Session, SignInLink, User, digest
from accounts.tokens import Tokens, issue

MAILS_PER_HOUR = 5


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has just begun, and its tokens."""

    session: Session
    tokens: Tokens


def make_link(user: User, next: str = "") -> str:
    """A fresh sign-in URL for a person."""
    nonce = secrets.token_urlsafe(24)
    SignInLink.objects.create(user=user, nonce_hash=digest(nonce))
    query = f"?{urlencode({'next': next})}" if is_safe(next) else ""
    return f"{settings.UCAM_URL}/sign-in/{nonce}.{get_token(user, scope=_scope(nonce))}/{query}"


def is_safe(path: str) -> bool:
    """Whether `path` may be opened after signing in: a path of this site, nothing else."""
    return path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)


def mail_link(email: str, next: str = "", language: str = "", *, again: bool = False) -> None:
    """Mail a link when somebody with this address may sign in and was not mailed too often; tells nobody which.

    `language`: of the page that asks, for who has chosen none yet. `again`: one that did not go out, counted already.
    Raises what the mail server's library does.
    """
    user = User.objects.by_email(email)
    if user is None or not (again or _may_mail(user)):
        return
    with override(user.language or language or settings.LANGUAGE_CODE):
        body = render_to_string("accounts/sign_in_mail.txt", {"link": make_link(user, next), "name": user.shown_name})
        subject = gettext("Sign in to your cameras at {domain}").format(domain=settings.UCAM_DOMAIN)
    send_mail(subject, body, None, [user.email])


def redeem(link: str, agent: str, now: datetime | None = None) -> SignedIn | Asked:
    """Sign in by the last part of a link's path; who has a passkey is asked for it and gets nothing yet.

    Raises LinkInvalid, LinkExpired or LinkUsed.
    """
    now = now or timezone.now()
    user, nonce = _holder(link)
    if not SignInLink.objects.consume(nonce, now):
        raise LinkUsed()
    with transaction.atomic():
        user = User.objects.alone(user)
        if not user.passkeys.exists():
            return _begin(user, agent, now)
        record(user.jid, AuditEntry.Action.PASSKEY, user.jid, done="asked", browser=agent[:200])
        row = SignInLink.objects.get(nonce_hash=digest(nonce))
        return ask(user, Ceremony.Purpose.SIGN_IN, now, link=row)


def complete(answered: Answered, agent: str, now: datetime | None = None) -> SignedIn:
    """Sign in by the passkey that `redeem` asked for; raises CeremonyOver, PasskeyRefused or PasskeyCopied."""
    now = now or timezone.now()
    passkey = finish(answered, Ceremony.Purpose.SIGN_IN, now)
    with transaction.atomic():
        return _begin(passkey.user, agent, now, passkey=passkey.name)


def _begin(user: User, agent: str, now: datetime, **details: str) -> SignedIn:
    session, refresh = Session.objects.begin(user, agent, now)
    record(user.jid, AuditEntry.Action.SIGN_IN, user.jid, browser=agent[:200], **details)
    return SignedIn(session, issue(session, refresh, now))


def _holder(link: str) -> tuple[User, str]:
    """Whose link this is, and its nonce; nothing is used up by asking."""
    nonce, dot, token = link.partition(".")
    if not dot or len(link) > 400:
        raise LinkInvalid()
    user = get_user(token, scope=_scope(nonce), max_age=settings.SESAME_MAX_AGE)
    if isinstance(user, User):
        return user, nonce
    row = SignInLink.objects.filter(nonce_hash=digest(nonce)).first()
    if row is None:
        raise LinkInvalid()
    old = row.created_at < timezone.now() - timedelta(seconds=settings.SESAME_MAX_AGE)
    raise LinkExpired() if old else LinkInvalid()


def _may_mail(user: User) -> bool:
    key = f"sign-in-mails:{user.pk}"
    cache.add(key, 0, 3600)
    return cache.incr(key) <= MAILS_PER_HOUR


def _scope(nonce: str) -> str:
    return f"sign-in {nonce}"
