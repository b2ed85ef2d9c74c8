"""The first minutes of an installation: the demo camera's row and code, the first operator and a sign-in link."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path
from typing import TypedDict

DEMO_LOCATION = "demo.loc"
DEMO_CAMERA = "cam001"
DEMO_JID = f"{DEMO_CAMERA}@{DEMO_LOCATION}"
# What the footage is; short chunks, so that the past can be played across several of them after a minute.
DEMO_SETTINGS = {
    "name": "Street",
    "source": {"kind": "file", "name": "street.mp4"},
    "width": 768,
    "height": 576,
    "fps": 10,
    "bitrate_kbit": 1000,
    "chunk_s": 20,
}


class Welcome(TypedDict):
    """What the supervisor needs to know: a code when the demo must enrol, whether it runs, and a link."""

    demo: bool
    code: str
    link: str


def demo(state: Path) -> tuple[bool, str]:
    """(whether the demo camera runs, its one-time code if it must enrol first); makes it when no camera is known."""
    from cameras.models import Camera, EnrolmentCode, Location

    camera = Camera.objects.by_jid(DEMO_JID).first()
    if camera and (state / "device.json").exists():
        return camera.tokens.alive().exists(), ""
    if camera is None and not Camera.objects.exists():
        location, _ = Location.objects.get_or_create(domain=DEMO_LOCATION, defaults={"name": "Demo"})
        camera = Camera.objects.create(location=location, local=DEMO_CAMERA, **DEMO_SETTINGS)
    # A start that was cut short between making the camera and enrolling it is taken up here.
    if camera is None or camera.tokens.exists():
        return False, ""
    return True, EnrolmentCode.objects.issue(camera)


def first_link(domain: str) -> str:
    """A sign-in link for the operator that this installation began with, made now if there is no operator yet."""
    from accounts.models import User
    from accounts.sign_in import make_link

    operator = User.objects.filter(is_staff=True, is_active=True).order_by("pk").first()
    return make_link(operator or User.objects.create_superuser(operator_email(domain)))


def operator_email(domain: str) -> str:
    """operator@ the server's domain, or @localhost when that is no domain of an e-mail address (127.0.0.1, say)."""
    from django.core.exceptions import ValidationError
    from django.core.validators import validate_email

    try:
        validate_email(f"operator@{domain}")
    except ValidationError:
        return "operator@localhost"
    return f"operator@{domain}"


def main() -> None:
    """Run as `python -m ucam.welcome --state DIR [--no-demo]`; prints one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m ucam.welcome", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, metavar="DIR", help="the demo camera's state directory")
    parser.add_argument("--no-demo", action="store_true", help="leave the demo camera alone")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucam.settings")
    import django

    django.setup()
    from django.conf import settings

    logging.getLogger().setLevel(logging.WARNING)
    runs, code = (False, "") if options.no_demo else demo(options.state)
    json.dump(Welcome(demo=runs, code=code, link=first_link(settings.UCAM_DOMAIN)), sys.stdout)


if __name__ == "__main__":
    main()
