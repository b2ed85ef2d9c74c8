"""What the database says of those at the door and inside: whether they may be here, which places are theirs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Literal

import msgspec
from django.utils import timezone

from accounts.errors import SessionEnded, TokenInvalid
from accounts.models import Session, User
from accounts.tokens import named_in
from cameras.models import Camera, DeviceToken, Membership, Right

Credential = uuid.UUID | int  # a person's sign-in, or a device token


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Who somebody is and what is theirs, at one moment. `watch`: places (ids) whose cameras they may watch."""

    kind: Literal["person", "camera"]
    credential: Credential
    subject: int
    bare: str
    name: str
    operator: bool = False
    places: frozenset[int] = frozenset()
    watch: frozenset[int] = frozenset()
    guest: bool = False  # then single cameras count, not places: those they may know of, those they may watch
    cameras: frozenset[int] = frozenset()
    watch_cameras: frozenset[int] = frozenset()

    def may_watch(self, place: int, camera: int) -> bool:
        """Whether live pictures of that camera, at that place, are theirs to see."""
        if self.guest:
            return camera in self.watch_cameras
        return self.operator or place in self.watch


def of_people(accesses: Iterable[str]) -> list[Standing | Exception]:
    """The person behind each access token; TokenInvalid or SessionEnded in the place of those that have none."""
    named: list[tuple[uuid.UUID, str] | TokenInvalid] = []
    for access in accesses:
        try:
            named.append(named_in(access))
        except TokenInvalid as error:
            named.append(error)
    found = people(one[0] for one in named if isinstance(one, tuple))
    return [one if isinstance(one, TokenInvalid) else _living(found.get(one[0]), one[1]) for one in named]


def _living(standing: Standing | None, user: str) -> Standing | SessionEnded:
    return standing if standing is not None and str(standing.subject) == user else SessionEnded()


def of_device(token: str) -> Standing:
    """The camera behind a device token; raises TokenInvalid."""
    row = DeviceToken.objects.holder(token)
    if row is None:
        raise TokenInvalid("This device token does not work here.", hint="Enrol the camera again with a new code.")
    return _camera(row)


def people(sessions: Iterable[uuid.UUID]) -> dict[Credential, Standing]:
    """The standing of each living sign-in; those that ended are absent. Three queries."""
    rows = list(Session.objects.alive(timezone.now()).filter(pk__in=list(sessions)).select_related("user"))
    of_users = Membership.objects.filter(user__in={row.user_id for row in rows})
    places = _by_user(of_users.effective().values_list("user_id", "location_id"))
    watch = _by_user(of_users.allowing(Right.WATCH).values_list("user_id", "location_id"))
    return {row.pk: _guest(row) if row.user.is_guest else _person(row, places, watch) for row in rows}


def devices(tokens: Iterable[int]) -> dict[Credential, Standing]:
    """The standing of each living device token; those that were revoked are absent. One query."""
    rows = DeviceToken.objects.alive().filter(pk__in=list(tokens)).select_related("camera__location")
    return {row.pk: _camera(row) for row in rows}


def may_watch(person: int, camera: str) -> bool:
    """Whether a person may watch the camera with this JID; no different for one that does not exist."""
    user = User.objects.get(pk=person)
    return Camera.objects.may(user, Right.WATCH).by_jid(camera).exists()


_Places = dict[int, frozenset[int]]


def _person(row: Session, places: _Places, watch: _Places) -> Standing:
    user, nothing = row.user, frozenset[int]()
    return Standing(
        kind="person",
        credential=row.pk,
        subject=user.pk,
        bare=str(user.jid),
        name=user.shown_name,
        operator=user.is_staff,
        places=places.get(user.pk, nothing),
        watch=watch.get(user.pk, nothing),
    )


def _guest(row: Session) -> Standing:
    """By the same queries as every other door; the people of the cameras' places see that they are here."""
    known = dict(Camera.objects.for_user(row.user).order_by().values_list("pk", "location_id"))
    watch = Camera.objects.may(row.user, Right.WATCH).order_by().values_list("pk", flat=True)
    return Standing(
        kind="person", credential=row.pk, subject=row.user_id, bare=str(row.user.jid),
        name=f"{row.user.shown_name} (guest)", places=frozenset(known.values()), guest=True,
        cameras=frozenset(known), watch_cameras=frozenset(watch),
    )  # fmt: skip


def _camera(row: DeviceToken) -> Standing:
    camera = row.camera
    return Standing(
        kind="camera", credential=row.pk, subject=camera.pk, bare=str(camera.jid), name=camera.shown_name,
        places=frozenset({camera.location_id}),
    )  # fmt: skip


def _by_user(pairs: Iterable[tuple[int, int]]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = {}
    for user, place in pairs:
        found.setdefault(user, set()).add(place)
    return {user: frozenset(of_user) for user, of_user in found.items()}
