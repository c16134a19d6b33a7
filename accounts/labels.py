"""Names and descriptions that people give to things, and that others read beside other text."""

from __future__ import annotations

import re
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

#: Control characters, line ends of Unicode, and the marks that turn the text around them (embedding, override,
#: isolate; UAX #9). Marks that only help a right-to-left word along (U+200E, U+200F, U+061C) stay.
_UNFIT: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

UNFIT: Final = _("Can't contain control characters or characters that change the text direction.")


def is_label(text: str) -> bool:
    """Whether ``text`` shows as what it is and leaves alone what stands beside it."""
    return _UNFIT.search(text) is None


def as_label(text: str) -> str:
    """``text`` with a replacement character (U+FFFD) for each that :func:`is_label` does not allow."""
    return _UNFIT.sub("\ufffd", text)


def check_label(text: str) -> None:
    """A validator of forms and serializers.

    :raises ValidationError: see :func:`is_label`.
    """
    if not is_label(text):
        raise ValidationError(UNFIT)
