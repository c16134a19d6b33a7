"""``manage.py bootstrap``: everything that must be true before the first request. Safe to repeat."""

from __future__ import annotations

import json
import os
import secrets
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from accounts.caller import acting_as
from projects.models import Project
from projects.services import create_project
from registry_portal.env import secret
from registry_portal.web.static_files import collect_if_changed

FIRST_PROJECT = "library"


class Command(BaseCommand):
    help = (
        "Migrate the database, collect static files, create the first administrator and the project library."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-static", action="store_true", help="do not collect static files")
        parser.add_argument(
            "--json", action="store_true", help="report on standard output as one line of JSON"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False, stdout=self.stderr, stderr=self.stderr)
        if not options["no_static"]:
            collect_if_changed(output=self.stderr)
        report = first_people()
        if options["json"]:
            self.stdout.write(json.dumps(report))
        elif report["created"]:
            self.stdout.write(f"Administrator {report['username']} was made.")
            if report["password"]:
                self.stdout.write(f"Its password, shown this once: {report['password']}")


def first_people() -> dict[str, Any]:
    """Make the first administrator, unless there is one, and the first project, unless there is one.

    :returns: ``username``, ``created``, and the ``password`` if it was generated now (it is stored hashed only).
    """
    with transaction.atomic():
        administrator = User.objects.filter(is_superuser=True).order_by("pk").first()
        created, generated = administrator is None, ""
        if administrator is None:
            password = secret("DJANGO_SUPERUSER_PASSWORD")
            if not password:
                password = generated = secrets.token_urlsafe(12)
            administrator = User.objects.create_superuser(
                os.environ.get("DJANGO_SUPERUSER_USERNAME") or "admin",
                os.environ.get("DJANGO_SUPERUSER_EMAIL", ""),
                password,
            )
        if not Project.objects.exists():
            with acting_as(administrator):
                create_project(user=administrator, name=FIRST_PROJECT)
    return {"username": administrator.get_username(), "created": created, "password": generated}
