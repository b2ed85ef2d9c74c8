"""By mail, through the server that EMAIL_URL names."""

from __future__ import annotations

import smtplib

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.translation import override

from accounts.models import User
from cameras.notices.errors import DeliveryFailed
from cameras.notices.words import Notice


def send(user: User, message: Notice) -> None:
    """Plain text and HTML; raises DeliveryFailed. The Message-ID is the same in each attempt."""
    context = {"notice": message, "name": user.shown_name, "domain": settings.UCAM_DOMAIN, "site": settings.UCAM_URL}
    with override(user.reads):
        text, html = (render_to_string(f"notices/mail.{kind}", context) for kind in ("txt", "html"))
    mail = EmailMultiAlternatives(
        subject=" ".join(message.title.split()),
        body=text,
        to=[user.email],
        headers={"Message-ID": f"<{message.key}@{settings.UCAM_DOMAIN}>", "Auto-Submitted": "auto-generated",
                 "References": f"<{message.thread}@{settings.UCAM_DOMAIN}>"},
    )  # fmt: skip
    mail.attach_alternative(html, "text/html")
    dispatch(mail)


def dispatch(mail: EmailMultiAlternatives) -> None:
    """Hand it to the mail server; raises DeliveryFailed in words."""
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()), (550, b""))
        raise DeliveryFailed(
            f"The mail server refuses this address ({code} {_text(said)}).", permanent=code >= 500
        ) from error
    except smtplib.SMTPAuthenticationError as error:
        raise DeliveryFailed("The mail server refuses our user and password. Look at EMAIL_URL.") from error
    except smtplib.SMTPException as error:
        raise DeliveryFailed(f"The mail server did not take it ({error}).") from error
    except OSError as error:
        raise DeliveryFailed(f"The mail server cannot be reached ({error}). Look at EMAIL_URL.") from error


def _text(said: bytes | str) -> str:
    return (said.decode(errors="replace") if isinstance(said, bytes) else said)[:200]
