"""Celery: what cameras need by themselves."""

import logging

from celery import shared_task
from django.utils import timezone
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from cameras import trouble
from cameras.models import Delivery
from cameras.notices import delivery, planning
from cameras.room import presence

log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def check_cameras() -> None:
    """Raise and clear alerts about cameras, every 10 s."""
    try:
        everyone = presence.everyone_now()
    except RedisError as error:
        log.warning("Who is in the room is not known while Redis is away (%s); cameras are looked at later.", error)
        return
    trouble.check(everyone)


@shared_task(ignore_result=True)
def plan_notices() -> None:
    """Plan what is to be told, and give what is due to the workers; every 10 s."""
    now = timezone.now()
    planning.plan(now)
    delivery.take_up_orphans(now)
    for number in Delivery.objects.due(now):
        try:
            deliver_notice.delay(number)
        except OperationalError as error:
            log.warning("Messages about alerts wait: the queue is away (%s).", error)
            return


@shared_task(ignore_result=True)
def forget_notices() -> None:
    """Drop what was told long ago."""
    Delivery.objects.forgettable(timezone.now()).delete()


@shared_task(ignore_result=True)
def deliver_notice(number: int) -> None:
    """Send one message."""
    delivery.deliver(number, timezone.now())
