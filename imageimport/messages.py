"""Sentences that are stored once and shown in each reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_noop

from accounts.exceptions import filled
from oci.errors import OciError
from oci.redaction import scrub

#: Said of an import until a worker takes it.
WAITING: Final = gettext_noop("Waiting to start")
#: Said of one that succeeded, where there is nothing else to say.
DONE: Final = gettext_noop("Done")
#: Said of one that waits for a person.
REQUESTED: Final = gettext_noop("Waiting for approval")


def parts(template: str, params: Mapping[str, str | int | float] | None = None) -> dict[str, Any]:
    """What a row keeps of a sentence: its template and its values, scrubbed."""
    values = {
        name: scrub(value) if isinstance(value, str) else value for name, value in (params or {}).items()
    }
    return {"template": template, "params": values}


def english(stored: Mapping[str, Any]) -> str:
    """The stored sentence in English, as the database keeps it for its own readers."""
    template, params = str(stored.get("template", "")), stored.get("params")
    return template % params if params else template


def shown(plain: str, stored: Mapping[str, Any] | None) -> str:
    """The sentence in the active language; ``plain`` where a row has no parts."""
    if not stored or not stored.get("template"):
        return plain
    return filled(stored["template"], stored.get("params"))


def of_error(error: OciError) -> dict[str, Any]:
    """The parts of an engine's error."""
    return parts(error.template, error.params)
