"""Which of the vulnerabilities that were found are listed, on the page and over the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from oci.contents.vulnerabilities import SEVERITIES, Vulnerability

_FLAGS: Final = {"true": True, "1": True, "on": True, "": False, "false": False, "0": False, "off": False}


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for; nothing: all.

    :param search: a part of an id or of a package's name.
    :param severity: of these alone.
    :param fixable: only those that a newer version fixes.
    """

    search: str = ""
    severity: str = ""
    fixable: bool = False

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filter:
        """As an address asks for it.

        :raises FieldErrors: for a value that is not known. Else the answer would be an empty list, which reads as if
            nothing had been found.
        """
        values = {name: asked.get(name, "").strip() for name in ("search", "severity", "fixable")}
        errors: dict[str, list[str]] = {}
        if values["severity"] and values["severity"] not in SEVERITIES:
            errors["severity"] = [_("Choose one of these: %s.") % ", ".join(reversed(SEVERITIES))]
        if (fixable := _FLAGS.get(values["fixable"].lower())) is None:
            errors["fixable"] = [_("Choose one of these: %s.") % "true, false"]
        if errors:
            raise FieldErrors(errors)
        return cls(values["search"], values["severity"], bool(fixable))

    def __bool__(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.search or self.severity or self.fixable)

    def apply(self, rows: Iterable[Vulnerability]) -> list[Vulnerability]:
        """Those that are asked for, in the order in which they are given."""
        wanted = self.search.casefold()
        return [
            each
            for each in rows
            if (not self.severity or each.severity == self.severity)
            and (not self.fixable or each.fixed_in)
            and (not wanted or wanted in each.id.casefold() or wanted in each.package.casefold())
        ]
