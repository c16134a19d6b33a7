"""Sentences that are stored once and shown in each reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext

from oci.errors import OciError, gettext_noop
from oci.redaction import scrub

#: Sentences that nothing says any more, and that rows of earlier releases keep.
OF_BEFORE: Final = (
    gettext_noop("%(host)s has no %(what)s."),
    gettext_noop(
        "%(host)s does not let us read %(what)s: it does not exist there or needs a sign-in%(detail)s"
    ),
    gettext_noop("%(host)s limits the rate of requests and asks to come back in %(seconds)s seconds."),
)


def parts(template: str, params: Mapping[str, str | int | float] | None = None) -> dict[str, Any]:
    """What a row keeps of a sentence: its template and its values, scrubbed."""
    values = {
        name: scrub(value) if isinstance(value, str) else value for name, value in (params or {}).items()
    }
    return {"template": template, "params": values}


def english(stored: Mapping[str, Any]) -> str:
    """The stored sentence in English, as the database keeps it for its own readers."""
    return _fill(str(stored.get("template", "")), stored)


def shown(plain: str, stored: Mapping[str, Any] | None) -> str:
    """The sentence in the active language; ``plain`` where a row has no parts."""
    if not stored or not stored.get("template"):
        return plain
    return _fill(gettext(stored["template"]), stored)


def of_error(error: OciError) -> dict[str, Any]:
    """The parts of an engine's error."""
    return parts(error.template, error.params)


def _fill(template: str, stored: Mapping[str, Any]) -> str:
    params = stored.get("params") or {}
    return template % params if params else template
