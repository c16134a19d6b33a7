"""How an import ended, as a sentence for those who can't see it change."""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext as _

from imageimport import selectors
from imageimport.choices import Status
from imageimport.models import ImportTask

#: A full stop of either language; the English one only before a space, since names have dots, too.
_END: Final = re.compile(r"(?<=[.!?])\s|(?<=[。！？])")


def how_it_ended(task: ImportTask) -> str:
    """For an ended import: what became of it, and of a failure the first sentence of its reason."""
    name = f"{task.target_name}:{task.target_tag}"
    if task.status == Status.SUCCESS:
        return _("%(image)s was imported.") % {"image": name}
    if task.status == Status.CANCELED:
        return _("The import of %(image)s was canceled.") % {"image": name}
    sentence = _("The import of %(image)s failed.") % {"image": name}
    reason = first_sentence(selectors.render_error(task))
    return f"{sentence} {reason}" if reason else sentence


def first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence; the whole text where there is none."""
    return _END.split(text.strip(), maxsplit=1)[0]
