"""How vulnerabilities are shown: how many of which severity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import template
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from oci.contents.vulnerabilities import SEVERITIES
from projects.scanning.selectors import Summary, summary_of
from projects.scanning.words import severity_word
from projects.templatetags.portal import mark

register = template.Library()

register.filter(severity_word)

_LOOKS: Final = {"critical": "red", "high": "orange"}


@dataclass(frozen=True, slots=True)
class Severity:
    """One severity, and how many vulnerabilities have it."""

    name: str
    word: Any
    count: int

    @property
    def look(self) -> str:
        return f"chip-{_LOOKS.get(self.name, 'plain')}"


@register.simple_tag
def severities_of(summary: Summary | None) -> Sequence[Severity]:
    """All severities, the worst first."""
    if summary is None:
        return ()
    return [Severity(name, severity_word(name), summary.counts[name]) for name in reversed(SEVERITIES)]


@register.simple_tag
def vulnerability_mark(image: Any) -> SafeString | str:
    """Beside an image of a list: how many critical and high ones it has; nothing where it was not scanned."""
    summary = summary_of(image)
    if not summary.known:
        return ""
    counts = summary.counts
    words = _("Vulnerabilities: %(critical)d critical, %(high)d high") % {
        "critical": counts["critical"],
        "high": counts["high"],
    }
    bad = counts["critical"] + counts["high"]
    colour = "red" if counts["critical"] else "orange" if bad else "green"
    return mark(colour, "report-search" if bad else "shield-check", words, bad or "")
