"""What a browser and its passkeys are asked, and what of their answers counts (WebAuthn 3, 7.1 and 7.2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any, NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, options_to_json_dict, parse_client_data_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from accounts.audit import record
from accounts.errors import (
    CeremonyOver,
    PasskeyCopied,
    PasskeyKnown,
    PasskeyNeeded,
    PasskeyRefused,
    PasskeysImpossible,
    TooMany,
    UcamError,
)
from accounts.models import AuditEntry, Ceremony, Passkey, Session, SignInLink, User
from accounts.passkey import EACH_MAX

Purpose = Ceremony.Purpose
PREFERRED = UserVerificationRequirement.PREFERRED
LIFE_MS = int(Ceremony.LIFE.total_seconds() * 1000)
TRANSPORTS = {transport.value for transport in AuthenticatorTransport}
# What reading foreign bytes raises; py_webauthn wraps most of it.
UNREADABLE = (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser needs for a ceremony; the ticket comes back with the authenticator's answer."""

    ticket: str
    options: dict[str, Any]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """A ticket and what `navigator.credentials` gave for it, as JSON."""

    ticket: str
    credential: dict[str, Any]


def rp_id() -> str:
    """The name that passkeys are bound to: the host of UCAM_URL."""
    return urlsplit(settings.UCAM_URL).hostname or ""


def origin() -> str:
    """UCAM_URL as browsers write an origin: lower case, no default port."""
    parts = urlsplit(settings.UCAM_URL)
    default = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port not in (None, default) else "")


def possible() -> bool:
    """Whether browsers have passkeys for this address at all: a name, over https or on this very machine."""
    name = rp_id()
    try:
        ip_address(name)
    except ValueError:
        return settings.TLS or name == "localhost" or name.endswith(".localhost")
    return False


def ask(
    user: User, purpose: Ceremony.Purpose, now: datetime,
    *, link: SignInLink | None = None, session: Session | None = None,
) -> Asked:  # fmt: skip
    """Ask for one of the person's passkeys; bound to the link that was redeemed, or to the sign-in."""
    row, ticket = Ceremony.objects.begin(user, purpose, now, link=link, session=session)
    options = generate_authentication_options(
        rp_id=rp_id(), challenge=bytes(row.challenge), timeout=LIFE_MS, user_verification=PREFERRED,
        allow_credentials=_descriptors(user),
    )  # fmt: skip
    return Asked(ticket, options_to_json_dict(options), now + Ceremony.LIFE)


def finish(answered: Answered, purpose: Ceremony.Purpose, now: datetime, session: Session | None = None) -> Passkey:
    """The passkey that was used; raises CeremonyOver, PasskeyRefused or PasskeyCopied. The challenge is used up."""
    row = Ceremony.objects.consume(answered.ticket, purpose, session, now)
    if row is None or not row.user.is_active:
        raise CeremonyOver()
    passkey = _held(row.user, answered.credential)
    try:
        checked = verify_authentication_response(
            credential=answered.credential, expected_challenge=bytes(row.challenge), expected_rp_id=rp_id(),
            expected_origin=origin(), credential_public_key=bytes(passkey.public_key), credential_current_sign_count=0,
        )  # fmt: skip
        _same_page(answered.credential)
        _same_person(row.user, answered.credential)
    except UNREADABLE as error:
        refuse(row.user, PasskeyRefused(), str(error), passkey.name)
    if not passkey.count_on(checked.new_sign_count, now):
        refuse(row.user, PasskeyCopied(), f"counter {checked.new_sign_count}", passkey.name)
    return passkey


def offer(user: User, session: Session, proof: Answered | None, now: datetime) -> Asked:
    """Ask for a new passkey; whoever has one uses it first, else PasskeyNeeded; raises what `finish` does."""
    if not possible():
        raise PasskeysImpossible()
    count = user.passkeys.count()
    if count >= EACH_MAX:
        raise TooMany("You have enough passkeys.", hint="Remove some first.")
    if count:
        prove(session, proof, now)
    row, ticket = Ceremony.objects.begin(user, Purpose.ADD, now, session=session, proved=count > 0)
    selection = AuthenticatorSelectionCriteria(
        resident_key=ResidentKeyRequirement.PREFERRED, user_verification=PREFERRED
    )
    options = generate_registration_options(
        rp_id=rp_id(), rp_name=settings.UCAM_DOMAIN, user_id=handle(user), user_name=user.email,
        user_display_name=user.shown_name, challenge=bytes(row.challenge), timeout=LIFE_MS,
        authenticator_selection=selection, exclude_credentials=_descriptors(user),
    )  # fmt: skip
    return Asked(ticket, options_to_json_dict(options), now + Ceremony.LIFE)


def add(session: Session, answered: Answered, name: str, now: datetime) -> tuple[Passkey, int]:
    """The new passkey, and how many other sign-ins ended: the first one ends those that a link alone gave."""
    row = Ceremony.objects.consume(answered.ticket, Purpose.ADD, session, now)
    if row is None:
        raise CeremonyOver()
    try:
        checked = verify_registration_response(
            credential=answered.credential, expected_challenge=bytes(row.challenge), expected_rp_id=rp_id(),
            expected_origin=origin(),
        )  # fmt: skip
        _same_page(answered.credential)
    except UNREADABLE as error:
        refuse(row.user, PasskeyRefused(), str(error), name)
    passkey = Passkey(
        user=row.user, name=name, credential_id=bytes_to_base64url(checked.credential_id), created_at=now,
        public_key=checked.credential_public_key, sign_count=checked.sign_count,
        transports=_transports(answered.credential["response"].get("transports")),
    )  # fmt: skip
    return passkey, _keep(passkey, row, session, now)


def prove(session: Session, proof: Answered | None, now: datetime) -> Passkey:
    """That it is the person who is signed in here, by a passkey used just now for this."""
    if proof is None:
        raise PasskeyNeeded()
    return finish(proof, Purpose.PROVE, now, session)


def rename(passkey: Passkey, name: str) -> None:
    """Only the person's own word for it."""
    with transaction.atomic():
        Passkey.objects.filter(pk=passkey.pk).update(name=name)
        record(passkey.user.jid, AuditEntry.Action.PASSKEY, passkey.user.jid, done="renamed", passkey=name)


def remove(passkey: Passkey, session: Session, proof: Answered | None, now: datetime) -> None:
    """Remove it, with one of the person's passkeys used just now; afterwards it opens nothing any more."""
    prove(session, proof, now)
    with transaction.atomic():
        record(passkey.user.jid, AuditEntry.Action.PASSKEY, passkey.user.jid, done="removed", passkey=passkey.name)
        passkey.delete()


def remove_all(user: User, by: str) -> list[str]:
    """For somebody who lost them all: names of what was removed. A link alone signs them in from then on."""
    with transaction.atomic():
        names = [passkey.name for passkey in Passkey.objects.of(user)]
        for name in names:
            record(by, AuditEntry.Action.PASSKEY, user.jid, done="removed", passkey=name)
        Passkey.objects.of(user).delete()
    return names


def refuse(user: User, error: UcamError, why: str, passkey: str) -> NoReturn:
    """Write it down, then raise: who tries with a wrong key has the person's mailbox."""
    record(user.jid, AuditEntry.Action.PASSKEY, user.jid, done="refused", why=why[:200], passkey=passkey)
    raise error


def handle(user: User) -> bytes:
    """The same for all passkeys of a person here, and no word about them (WebAuthn 3, 14.6.1)."""
    return hashlib.sha256(f"ucam passkeys of {user.pk} at {rp_id()}".encode()).digest()


def _keep(passkey: Passkey, row: Ceremony, session: Session, now: datetime) -> int:
    with transaction.atomic():
        user = User.objects.alone(row.user)
        first = not user.passkeys.exists()
        if not first and not row.proved:  # another one came between: this ceremony was begun without it
            raise PasskeyNeeded()
        if Passkey.objects.filter(credential_id=passkey.credential_id).exists():
            raise PasskeyKnown()
        passkey.save()
        ended = Session.objects.filter(user=user).exclude(pk=session.pk).end(now) if first else 0
        record(user.jid, AuditEntry.Action.PASSKEY, user.jid, done="added", passkey=passkey.name, signed_out=ended)
    return ended


def _held(user: User, credential: dict[str, Any]) -> Passkey:
    """The passkey that the answer names, if it is this person's."""
    passkey = Passkey.objects.of(user).filter(credential_id=str(credential.get("id"))).first()
    if passkey is None:
        refuse(user, PasskeyRefused(), "not a passkey of this person", "")
    return passkey


def _transports(told: Any) -> list[str]:
    """Those that we know, of what the browser says; they only spare people a choice later."""
    return sorted(each for each in TRANSPORTS if isinstance(told, list) and each in told)


def _descriptors(user: User) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=base64url_to_bytes(passkey.credential_id),
            transports=[AuthenticatorTransport(each) for each in passkey.transports],
        )
        for passkey in Passkey.objects.of(user)
    ]


def _same_page(credential: dict[str, Any]) -> None:
    """Not from a frame within somebody else's page (7.1 step 10, 7.2 step 13); the library does not look at it."""
    if parse_client_data_json(base64url_to_bytes(credential["response"]["clientDataJSON"])).cross_origin:
        raise ValueError("cross-origin frame")


def _same_person(user: User, credential: dict[str, Any]) -> None:
    """A passkey that says whose it is must say the same (7.2 step 6)."""
    told = credential["response"].get("userHandle")
    if told and base64url_to_bytes(told) != handle(user):
        raise ValueError("user handle of somebody else")
