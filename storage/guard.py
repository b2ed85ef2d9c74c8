"""Disk guard: alerts of a low, wrong or failing disk and of a retention that stands still, raised and cleared."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet, Sum

from cameras.models import Alert
from cameras.sentences import say, together
from storage.disk import critical_below, low_below, reserve
from storage.errors import StorageAway, StorageFailing, StorageFull, StorageWrongDisk
from storage.models import Chunk, Export, Hold, Installation
from storage.retention import late_after
from storage.volume import Volume, disk_errors

PROBE = ".ucam-storage.probe"
KINDS = ("storage_wrong_disk", "storage_failing", "disk_low", "holds_fill_disk", "retention_stalled")


def check(now: datetime) -> dict[str, bool]:
    """Look at everything once; which of the troubles are there."""
    found = dict.fromkeys(KINDS, False)
    try:
        with Volume() as volume:
            found["disk_low"] = _tell_space(volume)
            found["holds_fill_disk"] = _tell_holds(volume, now)
            _probe(volume)
    except StorageAway as error:
        kind = "disk_low" if error.code == StorageFull.code else error.code
        found[kind] = True
        Alert.objects.raise_(
            kind,
            Alert.Level.CRITICAL,
            error.message,
            together(say("Cameras keep their footage meanwhile."), error.hint),
        )
    for error_kind in (StorageWrongDisk.code, StorageFailing.code):
        if not found[error_kind]:
            Alert.objects.clear(error_kind)
    found["retention_stalled"] = tell_retention(now)
    return found


def _probe(volume: Volume) -> None:
    """Write, fsync and remove a few bytes: a disk that turned read-only still tells its free space."""
    with disk_errors():
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(PROBE, flags, 0o600, dir_fd=volume.descriptor)
        try:
            os.write(descriptor, b"ucam\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(PROBE, dir_fd=volume.descriptor)


def _tell_space(volume: Volume) -> bool:
    """Raise or clear `disk_low`; between the limits everything stays as it is, so that it does not flutter."""
    free, size = volume.free_bytes(), volume.size_bytes()
    low, critical = (limit(size, settings.UCAM_DISK_LOW_BYTES) for limit in (low_below, critical_below))
    open_alert = Alert.objects.open().filter(kind="disk_low").first()
    was_critical = open_alert is not None and open_alert.level == Alert.Level.CRITICAL
    if free < critical or (was_critical and free < critical * 5 // 4):
        Alert.objects.raise_(
            "disk_low", Alert.Level.CRITICAL, say("The disk for footage is nearly full"), _words(free, size)
        )
        return True
    if free < low or (open_alert is not None and free < low * 11 // 10):
        Alert.objects.raise_(
            "disk_low", Alert.Level.WARNING, say("The disk for footage is getting full"), _words(free, size)
        )
        return True
    Alert.objects.clear("disk_low")
    return False


def _tell_holds(volume: Volume, now: datetime) -> bool:
    """Raise `holds_fill_disk` when space is short and all that could be deleted is held, or waits for exports; clear it
    when either ends.
    """
    free, wanted = volume.free_bytes(), reserve(volume.size_bytes(), settings.UCAM_DISK_LOW_BYTES)
    is_open = Alert.objects.open().filter(kind="holds_fill_disk").exists()
    short = free < (wanted * 11 // 10 if is_open else wanted)
    if not short or Chunk.objects.deletable(now).exists():
        Alert.objects.clear("holds_fill_disk")
        return False
    if (held := Chunk.objects.held(now)).exists():
        title, text = say("Held footage fills the disk"), _held_words(held, now)
    elif (exported := Chunk.objects.exported()).exists():
        title, text = say("Footage that waits for exports fills the disk"), _exported_words(exported)
    else:
        Alert.objects.clear("holds_fill_disk")
        return False
    Alert.objects.raise_("holds_fill_disk", Alert.Level.CRITICAL, title, text)
    return True


def _held_words(held: QuerySet[Chunk], now: datetime) -> str:
    return say(
        "All of the {size} that could be deleted is held by {owners}, so nothing makes room for new footage. "
        "Release holds that nobody needs any more, export what they keep, or add a larger disk.",
        size=_size(held),
        owners=_named(Hold.objects.active(now).order_by().values_list("owner", flat=True)),
    )


def _exported_words(exported: QuerySet[Chunk]) -> str:
    return say(
        "All of the {size} that could be deleted waits for exports of {owners}, so nothing makes room for new footage. "
        "It goes once they are made. Cancel those that nobody needs, or add a larger disk.",
        size=_size(exported),
        owners=_named(Export.objects.unfinished().order_by().values_list("owner", flat=True)),
    )


def _size(chunks: QuerySet[Chunk]) -> str:
    return f"{(chunks.order_by().aggregate(sum=Sum('bytes'))['sum'] or 0) / 2**30:.1f} GiB"


def _named(owners: Iterable[str]) -> str:
    return ", ".join(sorted(set(owners))[:5])


def _words(free: int, size: int) -> str:
    """Rounded to whole percent, so that the alert changes (and is told again) only when the figure does."""
    return say(
        "{percent} % of {size} are free. New footage is safe: the oldest goes for it. Free some space, add a larger "
        "disk, or keep less.",
        percent=free * 100 // max(size, 1),
        size=f"{size / 2**30:.0f} GiB",
    )


def tell_retention(now: datetime) -> bool:
    """Raise or clear `retention_stalled`, by the stamp that each completed pass leaves.

    Ingest asks too: when Celery is dead, this guard is dead with it.
    """
    stamp = Installation.objects.this().retention_at
    if stamp is None or now - stamp <= late_after():
        Alert.objects.clear("retention_stalled")
        return False
    Alert.objects.raise_(
        "retention_stalled",
        Alert.Level.WARNING,
        say("Old footage is not being deleted"),
        say(
            "The last pass ended at {at}. What is stored is safe, and new footage is taken as long as there is "
            "room. Look at the server's log; restart the server.",
            at=stamp,
        ),
    )
    return True
