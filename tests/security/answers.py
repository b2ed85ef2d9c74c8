"""Words for what a door answers to whom. doors.py uses them; a new kind of person or of door gets its word here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cameras.models import Right


class Kind(StrEnum):
    """Who knocks. All that people have is at the place `harbour.loc`; the other place is `elsewhere.loc`."""

    ANONYMOUS = "anonymous"
    STRANGER = "stranger"  # an account, and nothing else
    HOLDER = "holder"  # has what the door asks for, and no more
    OTHERWISE = "otherwise"  # has everything at the place but what the door asks for
    OPERATOR = "operator"
    GUEST = "guest"  # a link to the camera of the place, live and a range, made by somebody with every right there
    ENDED = "ended"  # a holder whose sign-in was ended
    BARRED = "barred"  # a holder who may not sign in any more
    REVOKED_GUEST = "revoked guest"
    CAMERA = "camera"  # a camera of the place
    MATE = "mate"  # another camera of the same place
    OTHER_CAMERA = "other camera"  # a camera of the other place
    ENDED_CAMERA = "ended camera"  # a camera whose token was revoked


class Which(StrEnum):
    """What the knocking is about, for a door that is about something."""

    OWN = "own"
    FOREIGN = "foreign"
    MISSING = "missing"


PEOPLE = (Kind.STRANGER, Kind.HOLDER, Kind.OTHERWISE, Kind.OPERATOR, Kind.GUEST)
CAMERAS = (Kind.CAMERA, Kind.MATE, Kind.OTHER_CAMERA)
AT_ADMIN = frozenset({Kind.ANONYMOUS, Kind.HOLDER, Kind.OPERATOR, Kind.GUEST, Kind.ENDED, Kind.BARRED, Kind.CAMERA})
Expected = Callable[[Kind, Which], int]


@dataclass(frozen=True)
class Who:
    """Whom a door lets in. `rights`: what the holder has at the place, empty for any one; `owner`: holders own it."""

    expected: Expected
    rights: frozenset[Right] = frozenset()
    owner: bool = False
    words: str = ""
    admin: bool = False
    tried: frozenset[Kind] = field(default_factory=lambda: frozenset(Kind))


def everybody(ok: int = 200, missing: int = 404) -> Who:
    """The same for all, signed in or not."""
    return Who(lambda kind, which: missing if which is Which.MISSING else ok, words="everybody")


def signed_in(ok: int = 200, *, guest: int | None = None) -> Who:
    """Every person with a living sign-in; the answer holds what is theirs only. `guest`: where guests get another."""

    def expected(kind: Kind, which: Which) -> int:
        if kind not in PEOPLE:
            return 401
        return guest if kind is Kind.GUEST and guest is not None else ok

    return Who(expected, words="whoever is signed in")


def operators(ok: int = 200, others: int = 404, nobody: int = 401) -> Who:
    """Operators of the whole installation; `others` are signed in, `nobody` is not."""

    def expected(kind: Kind, which: Which) -> int:
        if kind is Kind.OPERATOR:
            return 404 if which is Which.MISSING else ok
        return others if kind in PEOPLE else nobody

    return Who(expected, words="operators")


def may(*rights: Right, ok: int = 200, guest: bool | None = None) -> Who:
    """Whoever has the right at the place of the object; several: any of them suffices; none named: any right there.

    A guest of the camera may watch and replay it; `guest` says so where it is otherwise.
    """
    invited = bool({Right.WATCH, Right.REPLAY} & set(rights)) if guest is None else guest
    words = f"may {', '.join(rights)}" if rights else "belongs to the place"
    return Who(_object(ok, invited), frozenset(rights), words=words)


def owner(*rights: Right, ok: int = 200) -> Who:
    """Whoever made it, and operators."""
    return Who(_object(ok, False), frozenset(rights), owner=True, words="its owner")


def nobody_else(ok: int = 200) -> Who:
    """Whoever it belongs to; for operators too it does not exist here."""

    def expected(kind: Kind, which: Which) -> int:
        if kind not in PEOPLE:
            return 401
        return ok if kind is Kind.HOLDER and which is Which.OWN else 404

    return Who(expected, owner=True, words="its owner alone")


def device(ok: int) -> Who:
    """The camera itself; what belongs to another camera does not exist, not even for its neighbour."""

    def expected(kind: Kind, which: Which) -> int:
        own = {Kind.CAMERA: Which.OWN, Kind.OTHER_CAMERA: Which.FOREIGN}
        return 401 if kind not in CAMERAS else ok if own.get(kind) is which else 404

    return Who(expected, words="the camera itself")


def any_device(ok: int = 200) -> Who:
    """Every camera, about itself."""
    return Who(lambda kind, which: ok if kind in CAMERAS else 401, words="cameras")


def admin(ok: int = 200, missing: int = 302, *, tried: frozenset[Kind] | None = None) -> Who:
    """Operators, by the admin's cookie; all others are sent to its door."""

    def expected(kind: Kind, which: Which) -> int:
        if kind is not Kind.OPERATOR:
            return 302
        return missing if which is Which.MISSING else ok

    return Who(expected, words="operators", admin=True, tried=tried or AT_ADMIN)


def _object(ok: int, guest: bool) -> Expected:
    def expected(kind: Kind, which: Which) -> int:
        if kind not in PEOPLE:
            return 401
        seen = {Kind.OPERATOR: (Which.OWN, Which.FOREIGN), Kind.HOLDER: (Which.OWN,)}.get(kind, ())
        return ok if which in seen or (guest and kind is Kind.GUEST and which is Which.OWN) else 404

    return expected
