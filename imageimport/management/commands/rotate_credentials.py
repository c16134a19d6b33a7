"""``python manage.py rotate_credentials``: everything that is sealed, sealed with the first key."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from imageimport.credentials.rotation import rotate


class Command(BaseCommand):
    help = (
        "Re-encrypts stored credentials with the first of CRYPTOGRAPHY_KEYS. Imports can keep running. "
        "Exit status 1 if a value can't be read with any key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be re-encrypted")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        results = rotate(dry_run=dry_run)
        done = _("to re-encrypt") if dry_run else _("re-encrypted")
        for found in results:
            counts = [
                (found.stale, done),
                (found.current, _("current")),
                (found.overtaken, _("changed during the run")),
                (found.unreadable, _("unreadable")),
            ]
            shown = [f"{count} {word}" for place, (count, word) in enumerate(counts) if count or place < 2]
            self.stdout.write(f"{found.column}: {', '.join(shown)}")
        unreadable = sum(found.unreadable for found in results)
        if unreadable:
            raise CommandError(
                _("%(count)d values can't be decrypted with any of CRYPTOGRAPHY_KEYS and are unchanged.")
                % {"count": unreadable}
            )
