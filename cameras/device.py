"""DRF authentication of devices by their token, and enrolment."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import bearer
from accounts.errors import TokenInvalid, UcamError
from accounts.models import digest
from cameras.models import Camera, DeviceToken, EnrolmentCode
from cameras.models.enrolment import normal_code


class CodeInvalid(UcamError):
    """No code of ours."""

    code = "code_invalid"
    message = "This enrolment code is not known here."
    hint = "Look for a slip in typing, or make a new code on the camera's page in the admin."


class CodeUsed(UcamError):
    """A device enrolled with it already."""

    code = "code_used"
    status = 410
    message = "This enrolment code is used up."
    hint = "Make a new code on the camera's page in the admin."


class CodeExpired(UcamError):
    """Older than a day."""

    code = "code_expired"
    status = 410
    message = "This enrolment code is too old."
    hint = "Make a new code on the camera's page in the admin."


class Device:
    """The `request.user` of a device's request: its camera, and nothing else."""

    is_authenticated = True
    is_staff = False

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.pk = f"camera-{camera.pk}"


class DeviceAuthentication(BaseAuthentication):
    """`Authorization: Bearer <device token>`."""

    def authenticate(self, request: Request) -> tuple[Device, DeviceToken] | None:
        """(device, token), or None without such a header; raises TokenInvalid."""
        token = bearer(request.headers.get("Authorization", ""))
        if token is None:
            return None
        row = DeviceToken.objects.holder(token)
        if row is None:
            raise TokenInvalid("This device token does not work here.", hint="Enrol the camera again with a new code.")
        return Device(row.camera), row

    def authenticate_header(self, request: Request) -> str:
        """Makes DRF answer 401 and not 403."""
        return "Bearer"


class IsDevice(BasePermission):
    """Only devices."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """A person's token does not get this far: it is no device token."""
        return isinstance(request.user, Device)


class DeviceScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names it."""

    target_class = DeviceAuthentication
    name = "device"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """HTTP bearer."""
        return {"type": "http", "scheme": "bearer"}


@transaction.atomic
def enrol(code: str, now: datetime | None = None, attempt: str = "") -> dict[str, object]:
    """Exchange a code for what a device needs; raises CodeInvalid, CodeUsed or CodeExpired.

    `attempt`: a secret of the device's own; with the same one a lost answer is given again. All or nothing: a code that
    is used up without a token would be lost. A device that asks twice at once is answered twice; the later token lives.
    """
    now = now or timezone.now()
    rows = EnrolmentCode.objects.select_for_update(of=("self",)).select_related("camera__location")
    row = rows.filter(code_hash=digest(normal_code(code))).first()
    if row is None:
        raise CodeInvalid()
    if not EnrolmentCode.objects.consume(code, now, attempt) and not row.was_used_by(attempt, now):
        raise CodeUsed() if row.used_at else CodeExpired()
    older = list(row.camera.tokens.alive().values_list("pk", flat=True))
    token = DeviceToken.objects.issue(row.camera)
    DeviceToken.objects.filter(pk__in=older).revoke(now)  # a camera is one device: the newest one that enrolled
    return {
        "jid": str(row.camera.jid),
        "token": token,
        "room": f"{settings.UCAM_URL.replace('http', 'ws', 1)}/ws/room",
        "storage": f"{settings.UCAM_URL}/api/device/",
        "settings": row.camera.settings(),
    }
