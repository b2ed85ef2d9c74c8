"""Prove that rows and files of footage agree."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from storage.check import check
from storage.errors import StorageAway
from storage.models import Chunk
from storage.tier import reached_tier
from storage.volume import Volume


class Command(BaseCommand):
    """`manage.py check_storage [--repair] [--sizes-only] [--adopt-disk] [--adopt-second-tier]`."""

    help = "Prove that rows and files of footage agree. Exits 1 when something is wrong and was not mended."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do about it."""
        parser.add_argument("--repair", action="store_true", help="Mend it; rows are rebuilt from the files.")
        parser.add_argument(
            "--sizes-only", action="store_true",
            help="Of footage on the second storage look at the sizes only: reading all takes time, and money where "
            "reads are charged.",
        )  # fmt: skip
        parser.add_argument(
            "--adopt-second-tier",
            action="store_true",
            help="What UCAM_SECOND_TIER names is the right one: mark it as ours.",
        )
        parser.add_argument(
            "--adopt-disk", action="store_true", help="The disk that is attached now is the right one: mark it as ours."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """One line a problem, then the sum."""
        left = mended = 0
        try:
            if options["adopt_disk"]:
                Volume().adopt()
            if options["adopt_second_tier"]:
                reached_tier().adopt()
            with Volume() as volume:
                for problem in check(volume, repair=options["repair"], sizes_only=options["sizes_only"]):
                    mended, left = mended + problem.mended, left + (not problem.mended)
                    word = " (mended)" if problem.mended else ""
                    self.stdout.write(f"{problem.code}{word}: {problem.subject}: {problem.words}")
        except StorageAway as error:
            raise CommandError(f"{error.message} {error.hint}") from error
        if left:
            advice = "Look at each of them." if options["repair"] else "Run it again with --repair."
            raise CommandError(f"{left} problems, {mended} mended. {advice}")
        self.stdout.write(f"{Chunk.objects.count()} chunks, {mended} problems mended, none left.")
