"""Add a person, or give a person rights."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import User
from cameras.models import Location, Membership, Right


class Command(BaseCommand):
    """`manage.py add_user EMAIL [--operator] [--location D --may watch,replay,export]`."""

    help = "Add a person by e-mail address; for a known one: add rights."

    def add_arguments(self, parser: CommandParser) -> None:
        """Address, rights."""
        parser.add_argument("email")
        parser.add_argument("--name", default="", help="as others see this person")
        parser.add_argument("--language", choices=[code for code, _ in settings.LANGUAGES], help="of messages to them")
        parser.add_argument("--operator", action="store_true", help="looks after the whole installation")
        parser.add_argument("--location", help="the place where --may holds")
        parser.add_argument("--may", default="", help=f"of {','.join(Right.values)}")

    def handle(self, *args: Any, **options: Any) -> None:
        """Says what the person may do now."""
        if bool(options["location"]) != bool(options["may"]):
            raise CommandError("--location and --may go together, for example --location studio.loc --may watch,replay")
        rights = [right.strip() for right in options["may"].split(",") if right.strip()]
        unknown = sorted(set(rights) - set(Right.values))
        if unknown:
            raise CommandError(f"No such right: {', '.join(unknown)}. There are {', '.join(Right.values)}.")
        user = self.user(options)
        if rights:
            self.stdout.write(str(self.membership(user, options["location"], rights)))
        else:
            self.stdout.write(f"{user} is {'an operator' if user.is_staff else 'known'} here.")

    def user(self, options: dict[str, Any]) -> User:
        """The person of that address."""
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        operator = options["operator"]
        try:
            if user is None:
                user = User.objects.create_user(
                    options["email"], name=options["name"], is_staff=operator, is_superuser=operator
                )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if options["language"]:
            User.objects.speaks(user, options["language"])
        if operator and not user.is_staff:
            user.is_staff = user.is_superuser = True
            user.save()
        return user

    def membership(self, user: User, domain: str, rights: list[str]) -> Membership:
        """The person's row at that place, with these rights added."""
        location = Location.objects.filter(domain=domain.lower()).first()
        if location is None:
            raise CommandError(f"There is no place {domain} yet. Add it: manage.py add_location {domain}")
        row, _ = Membership.objects.get_or_create(user=user, location=location)
        for right in rights:
            setattr(row, f"may_{right}", True)
        row.save()
        return row
