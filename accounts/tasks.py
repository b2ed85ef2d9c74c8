"""Celery: what accounts does by itself."""

from celery import shared_task
from django.utils import timezone

from accounts.models import Ceremony, SignInLink
from accounts.sign_in import mail_link


@shared_task(ignore_result=True)
def send_link(email: str, next: str, language: str = "") -> None:
    """Mail a link; in a task, so that the asking request takes the same time whoever asks."""
    mail_link(email, next, language)


@shared_task(ignore_result=True)
def forget_expired() -> None:
    """Drop rows of links and ceremonies that nobody can use any more."""
    Ceremony.objects.expired(timezone.now()).delete()
    SignInLink.objects.expired(timezone.now()).delete()
