"""Make prepared images known to Raspberry Pi Imager."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import UcamError
from cameras.enrolment import imager


class Command(BaseCommand):
    """`manage.py imager_manifest IMAGE…`."""

    help = (
        "Move prepared images (manage.py prepare_card) to where this server serves them; print the address of their "
        "manifest for Raspberry Pi Imager 2 (App options, Content repository, Use custom URL). It works for a day and "
        "is as secret as the codes inside. With --url: print a manifest for images that lie elsewhere, move nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which images."""
        parser.add_argument("image", type=Path, nargs="+")
        parser.add_argument("--url", help="folder where the images can be fetched, such as file:///home/me/cards")

    def handle(self, *args: Any, **options: Any) -> None:
        """An address, or with --url the manifest itself."""
        images: list[Path] = options["image"]
        lacking = [str(image) for image in images if not image.is_file()]
        if lacking:
            raise CommandError(f"There is no {', '.join(lacking)}. Make it: manage.py prepare_card")
        try:
            if options["url"] is None:
                self.stdout.write(imager.publish(images))
                return
            base = options["url"].rstrip("/")
            entries = [imager.entry(one, f"{base}/{one.name}", f"ucam camera ({one.stem})") for one in images]
        except UcamError as error:
            raise CommandError(error.message) from error
        self.stdout.write(imager.manifest(entries), ending="")
