"""What a file wants, whichever format it has."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from portal_client.api import Row
from portal_client.errors import PortalError
from portal_client.session import read_line
from portal_client.words import _


@dataclass(frozen=True)
class Secret:
    """Where a secret is, or the secret itself where another tool's file holds it. It shows in no text."""

    env: str = ""
    file: Path | None = None
    text: str = field(default="", repr=False)

    def reveal(self) -> str:
        """The secret.

        :raises PortalError: it is not where it should be.
        """
        if self.env:
            value = os.environ.get(self.env, "")
            if not value:
                raise PortalError(_("The variable %(name)s is not set.") % {"name": self.env})
            return value
        return read_line(self.file) if self.file is not None else self.text


@dataclass
class Project:
    """One project: its own fields, the rows of each section that is named, and images that should be there."""

    name: str
    fields: Row = field(default_factory=dict)
    sections: dict[str, list[Row]] = field(default_factory=dict)
    images: list[Row] = field(default_factory=list)


@dataclass
class Desired:
    """All projects of a file, and what of it can't be had."""

    projects: list[Project] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
