"""How changes between two images are shown."""

from __future__ import annotations

from typing import Final

from django import template
from django.utils.translation import pgettext_lazy

from projects.contents.comparing_files import FileChange

register = template.Library()

_WORDS: Final = {
    "added": pgettext_lazy("file", "Added"),
    "removed": pgettext_lazy("file", "Removed"),
    "type": pgettext_lazy("file", "Type"),
    "target": pgettext_lazy("file", "Link target"),
    "size": pgettext_lazy("file", "Size"),
    "mode": pgettext_lazy("file", "Mode"),
    "owner": pgettext_lazy("file", "Owner"),
    "time": pgettext_lazy("file", "Time"),
}
_ATTACHED: Final = {
    "signature": pgettext_lazy("attached", "Signature"),
    "vex": pgettext_lazy("attached", "VEX document"),
    "provenance": pgettext_lazy("attached", "Provenance"),
    "attestation": pgettext_lazy("attached", "Attestation"),
    "other": pgettext_lazy("attached", "Other"),
}


@register.filter
def attached_word(kind: str) -> str:
    """What an attached document is, in a word."""
    return str(_ATTACHED[kind])


@register.filter
def change_words(change: FileChange) -> str:
    """What changed of a file."""
    return ", ".join(str(_WORDS[each]) for each in change.what)
