"""What happened, told in the room among what was said: a gap, an export, a hold. From synchronous code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from django.db import transaction

from accounts.models import User
from cameras.models import Camera, Message
from cameras.room.announce import tell
from cameras.room.audience import Audience

Kind = Literal["gap", "export", "hold"]
WORDS: dict[Kind, Callable[[str], str]] = {
    "gap": lambda cause: f"There is a gap in the recording ({cause.replace('_', ' ')}).",
    "export": lambda cause: "A recording was exported.",
    "hold": lambda cause: "A recording is kept from deletion.",
}


def happened(
    kind: Kind, camera: Camera, begin: datetime, end: datetime, *, by: User | None = None, cause: str = ""
) -> None:
    """Keep it with the messages of the camera's place and tell those who are there, once the transaction stands."""
    with transaction.atomic():
        row = Message.objects.create(
            from_jid=str((by or camera).jid), from_name=(by or camera).shown_name[:100], kind=kind, cause=cause,
            text=WORDS[kind](cause), camera=camera, at=begin, until=end, sent_at=datetime.now(UTC),
        )  # fmt: skip
        row.locations.set([camera.location_id])
        said, audience = row.as_chat(), Audience(places=[camera.location_id], operators=True)
        transaction.on_commit(lambda: tell(audience, said))
