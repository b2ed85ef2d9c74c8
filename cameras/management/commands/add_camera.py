"""Add a camera, print its enrolment code."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from ucam_protocol import Jid, JidInvalid

from cameras.models import Camera, EnrolmentCode, Location

NUMBERS = ("width", "height", "fps", "bitrate_kbit", "keyframe_ms", "chunk_s", "retention_days")


class Command(BaseCommand):
    """`manage.py add_camera JID`."""

    help = "Add a camera and print the code with which its device enrols. For a known camera: a new code, nothing else."

    def add_arguments(self, parser: CommandParser) -> None:
        """JID and settings."""
        parser.add_argument("jid", help="for example cam001@studio.loc")
        parser.add_argument("--name", default="", help="as people call it")
        parser.add_argument("--source", default="", help='JSON, for example {"kind": "test"}')
        for number in NUMBERS:
            parser.add_argument(f"--{number.replace('_', '-')}", type=int, help=f"{number}; the default is fine")

    def handle(self, *args: Any, **options: Any) -> None:
        """The code alone on standard output."""
        try:
            camera = self.camera(options)
        except (JidInvalid, ValidationError) as error:
            raise CommandError(" ".join(getattr(error, "messages", [str(error)]))) from error
        self.stdout.write(EnrolmentCode.objects.issue(camera))

    def camera(self, options: dict[str, Any]) -> Camera:
        """The camera of that JID, made with the given settings when it is new."""
        jid = Jid.parse(options["jid"])
        known = Camera.objects.by_jid(jid).first()
        if known is not None:
            return known
        location = Location.objects.filter(domain=jid.domain).first()
        if location is None:
            raise CommandError(f"There is no place {jid.domain} yet. Add it: manage.py add_location {jid.domain}")
        camera = Camera(location=location, local=jid.local, name=options["name"])
        for number in NUMBERS:
            if options[number] is not None:
                setattr(camera, number, options[number])
        if options["source"]:
            camera.source = self.source(options["source"])
        camera.full_clean()
        camera.save()
        return camera

    def source(self, text: str) -> Any:
        """The JSON of a source."""
        try:
            return json.loads(text)
        except ValueError as error:
            raise CommandError(f'The source is not JSON ({error}). It looks like {{"kind": "test"}}.') from error
