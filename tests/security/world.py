"""Two places with one of everything in each, and everybody who might knock."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.audit import record
from accounts.models import AuditEntry, Passkey, Session, User
from accounts.tokens import issue
from cameras.enrolment.imager import MANIFEST, cards
from cameras.models import (
    Alert,
    AlertPicture,
    Camera,
    Channel,
    DeviceToken,
    Guest,
    Location,
    Membership,
    Message,
    Right,
)
from storage.models import Chunk, Export, Gap, Hold, Installation, SpoolReport
from tests.security.answers import Kind, Which, Who
from tests.storage.footage import TEN_O_CLOCK, Device, Footage

Parameters = dict[str, str]
OWN, FOREIGN = "harbour", "elsewhere"  # words that stand in every text of the one and the other place
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
PATCH = TUS | {"HTTP_UPLOAD_OFFSET": "0", "CONTENT_TYPE": "application/offset+octet-stream", "CONTENT_LENGTH": "0"}
SHELF = {Which.OWN: "a" * 22, Which.FOREIGN: "b" * 22, Which.MISSING: "c" * 22}
MISSING_UUID = "00000000-0000-4000-8000-000000000000"


def create_headers(_: Parameters) -> dict[str, str]:
    """Of a chunk's creation."""
    facts = {"boot": "f" * 32, "seq": 1, "run": 1, "started_ms": 1_763_600_000_000, "started_mono_ns": 1}
    pairs = [f"{key} {base64.b64encode(str(value).encode()).decode()}" for key, value in facts.items()]
    return TUS | {"HTTP_UPLOAD_DEFER_LENGTH": "1", "HTTP_UPLOAD_METADATA": ",".join([*pairs, _CLOCK])}


_CLOCK = f"clock {base64.b64encode(b'synchronised').decode()}"


class Place:
    """A location with a camera, footage, an alert, a message, an export, a hold."""

    def __init__(self, word: str, footage: Footage, keeper: User) -> None:
        now = datetime.now(UTC)
        self.location = Location.objects.create(domain=f"{word}.loc", name=f"The {word}")
        self.camera = Camera.objects.create(location=self.location, local="cam001", name=f"Door of the {word}")
        self.token = DeviceToken.objects.issue(self.camera)
        device = Device(APIClient())
        device.api.credentials(HTTP_AUTHORIZATION=f"Bearer {self.token}")
        boot = ("1" if word == OWN else "2") * 32
        device.ship(footage.chunk(0, 1), 1, boot=boot)
        self.open_chunk = device.create(2, boot=boot)["Location"].rpartition("/")[2]
        self.chunk = Chunk.objects.get(camera=self.camera, seq=1)
        self.alert = Alert.objects.create(
            kind="camera_offline", about=f"camera {self.camera.pk}", camera=self.camera, location=self.location,
            level="warning", title=f"Something at the {word}", raised_at=now,
        )  # fmt: skip
        AlertPicture.objects.create(alert=self.alert, jpeg=b"jpeg", at=now)
        self.channel = Channel.objects.create(user=keeper, kind=Channel.Kind.SERVICE, name=f"Way of the {word}")
        self.passkey = Passkey.objects.create(
            user=keeper, name=f"Phone of the {word}", credential_id=word, public_key=b"key"
        )
        Membership.objects.create(user=keeper, location=self.location, **{f"may_{right}": True for right in Right})
        self.guest = self.invite(keeper)
        self.message = Message.objects.create(from_jid=str(self.camera.jid), text=f"Heard at the {word}", sent_at=now)
        self.message.locations.add(self.location)
        self.hold = Hold.objects.create(
            camera=self.camera, from_ms=1, to_ms=2, owner=str(keeper.jid), reason=f"Of the {word}",
            until=now + timedelta(days=9),
        )  # fmt: skip
        self.export = Export.objects.create(user=keeper, owner=str(keeper.jid), from_ms=1, to_ms=2, reason=word)
        self.export.cameras.add(self.camera)
        Gap.objects.create(camera=self.camera, gap_id="g", cause="power", from_ms=1, to_ms=2, reported_at=now)
        SpoolReport.objects.create(camera=self.camera, reported_at=now)

    def invite(self, keeper: User) -> Guest:
        """A guest of the camera: live, and the footage."""
        return Guest.objects.invite(
            keeper, "Gast", [self.camera], live=True, from_=TEN_O_CLOCK, to=TEN_O_CLOCK + timedelta(hours=2),
            ends_at=datetime.now(UTC) + timedelta(days=1),
        )[0]  # fmt: skip


class World:
    """All of it; `client` is whoever knocks."""

    def __init__(self, footage: Footage) -> None:
        self._known: dict[tuple[Kind, frozenset[Right], bool], tuple[str, str]] = {}
        keepers = {word: User.objects.create_user(f"keeper@{word}.example") for word in (OWN, FOREIGN)}
        self.own = Place(OWN, footage, keepers[OWN])
        self.foreign = Place(FOREIGN, footage, keepers[FOREIGN])
        mate = Camera.objects.create(location=self.own.location, local="cam002")
        self.tokens = {
            Kind.CAMERA: self.own.token,
            Kind.OTHER_CAMERA: self.foreign.token,
            Kind.MATE: DeviceToken.objects.issue(mate),
            Kind.ENDED_CAMERA: DeviceToken.objects.issue(self.own.camera),
        }
        DeviceToken.objects.filter(pk=DeviceToken.objects.latest("pk").pk).revoke(timezone.now())
        record("somebody", AuditEntry.Action.SETTINGS, "something")
        Installation.objects.get_or_create()
        Session.objects.begin(keepers[OWN], "tests", timezone.now())
        for word, which in ((OWN, Which.OWN), (FOREIGN, Which.FOREIGN)):
            shelf = cards() / SHELF[which]
            shelf.mkdir(mode=0o700, exist_ok=True)
            (shelf / MANIFEST).write_text(f'{{"of": "{word[:2]}"}}')

    # ------------------------------------------------------------ who

    def client(self, kind: Kind, who: Who) -> APIClient:
        """With all that this kind can show: an access token and a cookie, or a device's token."""
        client = APIClient()
        if kind in self.tokens:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {self.tokens[kind]}")
        elif kind is not Kind.ANONYMOUS:
            access, cookie = self._signed_in(kind, who)
            client.cookies[settings.SESSION_COOKIE_NAME] = cookie
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        return client

    def _signed_in(self, kind: Kind, who: Who) -> tuple[str, str]:
        """(access token, cookie) of this kind of person at this kind of door; made once."""
        key = kind, frozenset() if who.owner else who.rights, who.owner
        if key not in self._known:
            guests = (Kind.GUEST, Kind.REVOKED_GUEST)
            user = self._guest() if kind in guests else self._person(kind, who, len(self._known))
            self._known[key] = self._sign_in(user, kind)
        return self._known[key]

    def _sign_in(self, user: User, kind: Kind) -> tuple[str, str]:
        session, refresh = Session.objects.begin(user, "tests", timezone.now())
        access = issue(session, refresh).access
        browser = APIClient()
        browser.force_login(user)
        cookie = browser.session
        cookie["sign_in"] = session.pk.hex
        cookie.save()
        if kind is Kind.ENDED:
            Session.objects.filter(pk=session.pk).end(timezone.now())
        if kind is Kind.REVOKED_GUEST:
            Guest.objects.get(user=user).revoke(user, timezone.now())
        if kind is Kind.BARRED:
            User.objects.filter(pk=user.pk).update(is_active=False)
        return access, str(cookie.session_key)

    def _guest(self) -> User:
        return self.own.invite(User.objects.get(email=f"keeper@{OWN}.example")).user

    def _person(self, kind: Kind, who: Who, number: int) -> User:
        operator = kind is Kind.OPERATOR
        user = User.objects.create_user(f"{kind}{number}@example.com", is_staff=operator, is_superuser=operator)
        asked = {Right.EXPORT} if who.owner else set(who.rights) or {Right.WATCH}
        if kind is Kind.OTHERWISE:
            # Of what somebody else owns, and of a door that any right opens, "everything but that" means other things.
            asked = set(Right) if who.owner else set(Right) - asked if who.rights else set()
        if kind in (Kind.HOLDER, Kind.OTHERWISE, Kind.ENDED, Kind.BARRED):
            rights = {f"may_{right}": True for right in asked}
            Membership.objects.create(user=user, location=self.own.location, **rights)
        if who.owner and kind is Kind.HOLDER:
            Export.objects.filter(pk=self.own.export.pk).update(user=user, owner=str(user.jid))
            Channel.objects.filter(pk=self.own.channel.pk).update(user=user)
            Passkey.objects.filter(pk=self.own.passkey.pk).update(user=user)
        return user

    # ------------------------------------------------------------ about what

    def parameters(self, about: str, which: Which) -> Parameters:
        """What fills the parameters of a route; docs/development.md says how to add an object."""
        if which is Which.MISSING:
            return self._missing(about)
        place = self.own if which is Which.OWN else self.foreign
        jid = str(place.camera.jid)
        named: dict[str, Parameters] = {
            "": {},
            "camera": {"jid": jid},
            "camera row": {"pk": str(place.camera.pk)},
            "chunk": {"jid": jid, "number": str(place.chunk.pk)},
            "upload": {"name": place.open_chunk},
            "alert": {"number": str(place.alert.pk)},
            "export": {"number": str(place.export.pk)},
            "hold": {"number": str(place.hold.pk)},
            "channel": {"number": str(place.channel.pk)},
            "guest": {"number": str(place.guest.pk)},
            "passkey": {"number": str(place.passkey.pk)},
            "link": {"link": "not.a-link"},
            "install file": {"name": "ucam_firstboot.py"},
            "card": {"shelf": SHELF[which], "name": MANIFEST},
            "content type": {"content_type_id": "1", "object_id": "1"},
        }
        return named[about] if about in named else self._row(about, place)

    def _row(self, label: str, place: Place) -> Parameters:
        """A row of a model in the admin: of the place where it has one, else the first."""
        kind = apps.get_model(label)
        found = next((value for value in vars(place).values() if isinstance(value, kind)), None)
        row: Any = found or kind._base_manager.first()
        assert row is not None, f"World has no {label}: add one, so that its pages in the admin can be tried."
        return {"object_id": str(row.pk)}

    def _missing(self, about: str) -> Parameters:
        own = {key: value for key, value in self.parameters(about, Which.OWN).items() if key != "number"}
        kinds: dict[str, Parameters] = {
            "camera": {"jid": f"cam999@{OWN}.loc"},
            "camera row": {"pk": "999999"},
            "export": {"number": MISSING_UUID},
            "upload": {"name": f"{'9' * 32}-1"},
            "install file": {"name": "passwd"},
            "card": {"shelf": SHELF[Which.MISSING], "name": MANIFEST},
            "link": {"link": "other.link"},
            "content type": {"content_type_id": "999", "object_id": "1"},
        }
        if "object_id" in own and about not in kinds:
            return {"object_id": MISSING_UUID if re.search("session", about) else "999999"}
        return kinds.get(about, own | {"number": "999999"})


def no_files_left() -> None:
    """Shelves of cards lie in the data folder of the run."""
    for shelf in SHELF.values():
        for file in (settings.UCAM_DATA / "cards" / shelf).glob("*"):
            file.unlink()
