"""What is kept of an image's signatures, with a task and with the image, and how it is shown.

Kept as JSON: ``{"state", "by", "at", "digest", "reason": {"template", "params"} or null, "anchors": [id, …],
"proved": [[id, …], …], "at_target"}``; null where it was not asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts.exceptions import filled

STATES: Final = [
    ("verified", _("Signature verified")),
    ("unsigned", _("Not signed")),
    ("invalid", _("Signature not valid")),
    ("unknown", _("Signature not checked")),
]

_NOT_ASKED: Final = gettext_noop(
    "No trusted signer applies to this image, so its signatures weren't checked."
)
_VERIFIED: Final = {
    (True, True): gettext_noop(
        "The signature of %(digest)s is valid, at the source and here. Signed %(at)s."
    ),
    (True, False): gettext_noop("The signature of %(digest)s is valid at the source. Signed %(at)s."),
    (False, True): gettext_noop("The signature of %(digest)s is valid, at the source and here."),
    (False, False): gettext_noop("The signature of %(digest)s is valid at the source."),
}
_UNSIGNED: Final = gettext_noop("No signature was found for %(digest)s.")
_INVALID: Final = gettext_noop("No trusted signer has signed %(digest)s.")
_UNKNOWN: Final = gettext_noop("The source didn't say whether %(digest)s is signed.")


@dataclass(frozen=True, slots=True)
class Shown:
    """As the API and pages say it, in the active language.

    :param at: when it was signed, where a log or an authority says so.
    :param asked: whether it was looked for at all.
    """

    state: str
    by: str
    detail: str
    at: dt.datetime | None = None
    asked: bool = True


def proofs_of(kept: Mapping[str, Any] | None) -> frozenset[frozenset[UUID]] | None:
    """Sets of trust anchors that proved the whole image, as they were found then; None where it was not asked or not
    answered. Earlier releases kept ``anchors`` only: all of them together prove it.
    """
    if not kept or kept["state"] == "unknown":
        return None
    sets = kept.get("proved", [kept["anchors"]])
    return frozenset(frozenset(map(UUID, each)) for each in sets if each)


def shown(kept: Mapping[str, Any] | None) -> Shown:
    """The verdict of a row."""
    if not kept:
        return Shown("unknown", "", filled(_NOT_ASKED), asked=False)
    at = dt.datetime.fromisoformat(kept["at"]) if kept.get("at") else None
    return Shown(kept["state"], kept["by"], _detail(kept, at), at)


def _detail(kept: Mapping[str, Any], at: dt.datetime | None) -> str:
    values = {"digest": kept["digest"], "at": at.strftime("%Y-%m-%d %H:%M UTC") if at else ""}
    if kept["state"] == "verified":
        return filled(_VERIFIED[at is not None, bool(kept.get("at_target"))], values)
    reason = kept.get("reason")
    if reason:
        return filled(reason["template"], reason["params"])
    return filled({"unsigned": _UNSIGNED, "invalid": _INVALID}.get(kept["state"], _UNKNOWN), values)
