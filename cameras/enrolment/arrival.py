"""How far a new camera has come, in the order in which it happens."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypedDict

from django.utils.translation import gettext

from cameras.models import Camera
from cameras.room.spoken import words_of

State = Literal["waiting", "ok", "trouble"]
STATES: dict[str, State] = {"ok": "ok", "degraded": "trouble", "broken": "trouble"}


class Step(TypedDict):
    """One line of the page."""

    step: str
    title: str
    state: State
    words: str


def steps(camera: Camera) -> list[Step]:
    """From the used code to the first picture; what was before the newest enrolment does not count."""
    token = camera.tokens.filter(revoked_at=None).order_by("-created_at").first()
    since = token.created_at if token else None
    stored, nothing = _stored(camera, since), gettext("Nothing yet.")
    return [
        _step(
            "enrolled",
            gettext("Enrolled"),
            since is not None,
            gettext("The code was used."),
            gettext("Nobody has used the code yet."),
        ),
        _part(camera, since, "camera", gettext("Camera found")),
        _part(camera, since, "encoder", gettext("Encoder")),
        _part(camera, since, "clock", gettext("Clock")),
        _step("fragment", gettext("First seconds stored"), stored, gettext("Storage has footage."), nothing),
        _step("picture", gettext("First picture"), stored, gettext("There is a picture."), nothing),
    ]


def _step(step: str, title: str, done: bool, yes: str, no: str) -> Step:
    return {"step": step, "title": title, "state": "ok" if done else "waiting", "words": yes if done else no}


def _part(camera: Camera, since: datetime | None, part: str, title: str) -> Step:
    """What the camera says of this part itself."""
    fresh = since is not None and camera.status_at is not None and camera.status_at >= since
    told = (camera.status or {}).get("parts", {}).get(part) if fresh else None
    if not told:
        return _step(part, title, False, "", gettext("It has not said anything of this yet."))
    state = STATES.get(told.get("state", ""), "waiting")
    words = words_of(told) or (gettext("Works.") if state == "ok" else gettext("Not yet."))
    return {"step": part, "title": title, "state": state, "words": words}


def _stored(camera: Camera, since: datetime | None) -> bool:
    return since is not None and camera.latest_at is not None and camera.latest_at >= since
