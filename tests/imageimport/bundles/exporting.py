"""Bundles by the command line."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from tests.imageimport.bundles.conftest import Giving


def export(goal: Path, *names: str, **options: Any) -> str:
    said = StringIO()
    call_command("exportbundle", *names, output=goal, stdout=said, stderr=StringIO(), **options)
    return said.getvalue()


def names_of(giving: Giving) -> list[str]:
    return [f"{giving.team.project.name}/{name}" for name in giving.images]
