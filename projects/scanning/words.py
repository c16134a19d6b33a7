"""What severities are called."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import pgettext_lazy

SEVERITY_WORDS: Final = {
    "critical": pgettext_lazy("severity", "Critical"),
    "high": pgettext_lazy("severity", "High"),
    "medium": pgettext_lazy("severity", "Medium"),
    "low": pgettext_lazy("severity", "Low"),
    "negligible": pgettext_lazy("severity", "Negligible"),
    "unknown": pgettext_lazy("severity", "Unknown"),
}


def severity_word(name: str) -> Any:
    """What a severity is called by itself; another text stays as it is."""
    return SEVERITY_WORDS.get(name, name)


def severity_in_sentence(name: str) -> str:
    """What a severity is called within a sentence, in the active language; another text stays as it is."""
    return str(SEVERITY_WORDS[name]).lower() if name in SEVERITY_WORDS else name
