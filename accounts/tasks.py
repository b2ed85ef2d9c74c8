"""Celery: what accounts does by itself."""

import logging
import smtplib

from celery import Task, shared_task
from django.utils import timezone

from accounts.models import Ceremony, SignInLink
from accounts.sign_in import mail_link

AGAIN_AFTER_S = (5, 30, 120)  # somebody waits for it at the screen
log = logging.getLogger(__name__)


@shared_task(bind=True, ignore_result=True, max_retries=len(AGAIN_AFTER_S))
def send_link(self: Task, email: str, next: str, language: str = "") -> None:
    """Mail a link; in a task, so that the asking request takes the same time whoever asks. Tried again for a while."""
    tried = self.request.retries
    try:
        mail_link(email, next, language, again=tried > 0)
    except (smtplib.SMTPException, OSError) as error:
        log.warning("A sign-in link could not be mailed (%s). Look at EMAIL_URL and at the mail server.", error)
        if tried < len(AGAIN_AFTER_S):
            raise self.retry(countdown=AGAIN_AFTER_S[tried]) from error


@shared_task(ignore_result=True)
def forget_expired() -> None:
    """Drop rows of links and ceremonies that nobody can use any more."""
    Ceremony.objects.expired(timezone.now()).delete()
    SignInLink.objects.expired(timezone.now()).delete()
