"""Access tokens: JWTs that live minutes and name the session they belong to, so that ending the session ends them."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from accounts.errors import SessionEnded, TokenInvalid
from accounts.models import Session, User, digest

ALGORITHM = "HS256"
AUDIENCE = "ucam"
TYPE = "access"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a browser keeps."""

    access: str
    refresh: str
    access_expires_at: datetime


def _keys() -> dict[str, bytes]:
    """Key id to signing key, the current first; older ones stay good while they stand in SECRET_KEY_FALLBACKS."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = [hashlib.sha256(b"ucam access token " + secret.encode()).digest() for secret in secrets]
    return {hashlib.sha256(key).hexdigest()[:8]: key for key in keys}


def issue(session: Session, refresh: str, now: datetime | None = None) -> Tokens:
    """A fresh access token beside the given refresh token."""
    now = now or timezone.now()
    expires = now + timedelta(seconds=settings.ACCESS_TOKEN_S)
    kid, key = next(iter(_keys().items()))
    claims = {
        "typ": TYPE,
        "aud": AUDIENCE,
        "sub": str(session.user_id),
        "sid": session.pk.hex,
        "iat": now,
        "exp": expires,
    }
    return Tokens(jwt.encode(claims, key, ALGORITHM, headers={"kid": kid}), refresh, expires)


def session_of(access: str) -> Session:
    """The living session behind an access token, its user loaded; raises TokenInvalid or SessionEnded."""
    sid, user = named_in(access)
    session = Session.objects.alive(timezone.now()).select_related("user").filter(pk=sid).first()
    if session is None or str(session.user_id) != user:
        raise SessionEnded()
    return session


def named_in(access: str) -> tuple[uuid.UUID, str]:
    """Session and user (id) that an access token names; whether they live is not asked. Raises TokenInvalid."""
    try:
        key = _keys()[jwt.get_unverified_header(access)["kid"]]
        claims = jwt.decode(
            access, key, [ALGORITHM], audience=AUDIENCE, options={"require": ["exp", "sub", "sid", "typ", "aud"]}
        )
        sid = uuid.UUID(hex=claims["sid"])
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise TokenInvalid() from error
    if claims["typ"] != TYPE:
        raise TokenInvalid()
    return sid, str(claims["sub"])


def refresh(token: str, now: datetime | None = None) -> Tokens:
    """New tokens for a refresh token, which is spent by that; raises SessionEnded."""
    now = now or timezone.now()
    session, secret = _session_of_refresh(token)
    new = session.rotate(secret, now)
    if new is None:
        raise SessionEnded()
    return issue(session, new, now)


def revoke(token: str) -> None:
    """End the session of a refresh token; a token that is not known is as good as ended."""
    try:
        session, secret = _session_of_refresh(token)
    except SessionEnded:
        return
    held = digest(secret)  # also by a token that another tab has just renewed: who holds it was signed in there
    mine = Session.objects.filter(Q(refresh_hash=held) | Q(previous_hash=held), pk=session.pk)
    mine.end(timezone.now())


def _session_of_refresh(token: str) -> tuple[Session, str]:
    sid, dot, secret = token.partition(".")
    try:
        session = Session.objects.select_related("user").filter(pk=uuid.UUID(hex=sid)).first()
    except ValueError:
        session = None
    if session is None or not dot:
        raise SessionEnded()
    return session, secret


def user_of(access: str) -> User:
    """The person behind an access token."""
    return session_of(access).user
