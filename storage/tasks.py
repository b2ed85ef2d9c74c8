"""Celery tasks of storage; the schedule is in ucam/celery.py."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from storage import export, forecast, guard, letters, moving, pictures, retention
from storage.errors import StorageAway
from storage.flight import single_flight
from storage.models import Export

EXPORTS_S = 6 * 3600
MOVES_S = 300
log = logging.getLogger(__name__)


@shared_task
def enforce_retention() -> None:
    """One pass, unless one is running."""
    with single_flight("retention") as mine:
        if not mine:
            return
        try:
            retention.enforce(timezone.now())
        except StorageAway as error:  # the disk guard tells people
            log.warning("Retention: %s", error.message)


@shared_task
def check_disk() -> None:
    """Look at the disk, raise and clear alerts."""
    with single_flight("disk") as mine:
        if mine:
            guard.check(timezone.now())


@shared_task
def check_second_tier() -> None:
    """Look whether the second storage is there; apart from the disk's check, for it may take its time to fail."""
    with single_flight("second-tier") as mine:
        if mine:
            moving.tell_reached()


@shared_task(time_limit=MOVES_S * 10)
def move_footage() -> None:
    """What is due goes to the second storage, for as long as a pass may take; the next one goes on."""
    with single_flight("moving") as mine:
        if mine:
            moving.tell_pass(timezone.now(), MOVES_S)


@shared_task
def keep_pictures() -> None:
    """What the cameras saw when alerts were raised, every 10 s."""
    with single_flight("pictures") as mine:
        if mine:
            pictures.keep(timezone.now())


@shared_task
def send_letters() -> None:
    """The weekly letter, where Monday morning has come."""
    with single_flight("letters") as mine:
        if mine:
            letters.send_due(timezone.now())


@shared_task
def tell_what_fits() -> None:
    """Alerts about cameras of which less is kept than was asked, every hour."""
    try:
        forecast.tell(timezone.now())
    except StorageAway as error:
        log.warning("What fits is not known: %s", error.message)


@shared_task(time_limit=EXPORTS_S)
def make_exports() -> None:
    """All that wait, one after the other; the lock ends with the process, so what runs without it lost its worker."""
    with single_flight("exports") as mine:
        if not mine:
            return
        Export.objects.resume_orphans()
        Export.objects.expire(timezone.now())
        export.sweep()
        while (claimed := Export.objects.claim(timezone.now())) is not None:
            export.make(claimed)
