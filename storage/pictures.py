"""The picture that a camera saw when an alert was raised, kept with it: the footage itself may be gone one day."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from accounts.errors import UcamError
from cameras.models import Alert, AlertPicture
from cameras.models.picture import TRIED_FOR
from storage.errors import NothingStored
from storage.models.chunk import instant_of, ms_of
from storage.snapshot import snapshot

log = logging.getLogger(__name__)

SHIPPED_WITHIN = timedelta(seconds=30)  # the moment itself is waited for that long
OLDEST = timedelta(hours=1)  # an older picture says nothing about the alert
BYTES_MAX = 200_000
KEPT = timedelta(days=90)


def keep(now: datetime) -> int:
    """Pictures for alerts that have none yet; how many were found. Those that are too old go."""
    AlertPicture.objects.filter(kept_at__lt=now - KEPT).delete()
    rows = Alert.objects.filter(picture=None, raised_at__gt=now - TRIED_FOR).exclude(camera=None)
    return sum(_keep_one(alert, now) for alert in rows.select_related("camera__location", "location"))


def _keep_one(alert: Alert, now: datetime) -> bool:
    """The keyframe at or before the instant, once storage has that instant or will not get it soon."""
    camera = alert.camera
    if camera is None:
        return False
    there = camera.latest_at is not None and camera.latest_at >= alert.raised_at
    if not there and now - alert.raised_at < SHIPPED_WITHIN:
        return False
    try:
        still = snapshot(camera, ms_of(alert.raised_at), ms_of(alert.raised_at - OLDEST), full=False)
    except NothingStored:
        return False
    except UcamError as error:  # the disk guard tells of a disk that is away; the next pass tries again
        log.info("No picture for alert %s yet: %s", alert.pk, error.message)
        return False
    if len(still.jpeg) > BYTES_MAX:
        return False
    AlertPicture.objects.get_or_create(alert=alert, defaults={"jpeg": still.jpeg, "at": instant_of(still.at_ms)})
    alert.refresh_from_db()
    alert.announce()
    return True
