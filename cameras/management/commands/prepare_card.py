"""Write a camera's files into an image of Raspberry Pi OS Lite, or into a folder such as a mounted boot partition."""

import getpass
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.errors import UcamError
from cameras.enrolment.card import Wifi, card_files
from cameras.enrolment.image import boot_offset, copy_image, write_files
from cameras.models import Camera, EnrolmentCode


class Command(BaseCommand):
    """`manage.py prepare_card IMAGE JID`."""

    help = (
        "Prepare a card: a copy of IMAGE (.img, .img.xz or .img.gz of Raspberry Pi OS Lite, 64-bit) that becomes the "
        "camera JID at its first start. Needs no root. Makes a new enrolment code, which works once, for a day."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What and where to."""
        parser.add_argument("image", type=Path, help="image, or a folder: then the files are put there")
        parser.add_argument("jid", help="for example cam001@studio.loc")
        parser.add_argument("--out", type=Path, help="name of the prepared image (default: JID.img, here)")
        parser.add_argument("--wifi", metavar="NAME", help="Wi-Fi; its password is asked for")
        parser.add_argument("--wifi-password-file", type=Path, metavar="FILE", help="the password's file, - for stdin")
        parser.add_argument("--wifi-country", default="DE", metavar="XX", help="two capital letters (default: DE)")
        parser.add_argument("--wifi-hidden", action="store_true", help="the network does not show its name")

    def handle(self, *args: Any, **options: Any) -> None:
        """The name of what was made."""
        camera = Camera.objects.by_jid(options["jid"]).select_related("location").first()
        if camera is None:
            raise CommandError(f"There is no camera {options['jid']}. Add it: manage.py add_camera {options['jid']}")
        try:
            self.stdout.write(str(self.prepare(camera, options)))
        except UcamError as error:
            raise CommandError(f"{error.message} {error.hint}".strip()) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error

    def prepare(self, camera: Camera, options: dict[str, Any]) -> Path:
        """The image or folder; a new code is made only once all else is known to work."""
        wifi = self.wifi(options)
        source: Path = options["image"]
        if source.is_dir():
            for name, text in card_files(camera, EnrolmentCode.objects.issue(camera), wifi).items():
                (source / name).write_text(text, encoding="utf-8")
            return source
        target: Path = options["out"] or Path(f"{camera.jid}.img")
        if target.exists():
            raise CommandError(f"{target} is there already. Delete it, or choose another name with --out.")
        try:
            copy_image(source, target)
            boot_offset(target)
            write_files(target, card_files(camera, EnrolmentCode.objects.issue(camera), wifi))
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        target.chmod(0o600)
        return target

    def wifi(self, options: dict[str, Any]) -> Wifi | None:
        """The network, when one is named; raises WifiInvalid."""
        if options["wifi"] is None:
            return None
        file: Path | None = options["wifi_password_file"]
        if file is None:
            password = getpass.getpass(f"Password of {options['wifi']} (empty: none): ")
        else:
            password = (sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")).rstrip("\r\n")
        return Wifi(options["wifi"], password, options["wifi_country"], options["wifi_hidden"])
