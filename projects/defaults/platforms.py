"""Platforms as people write them, and those that a project's imports take where an import says nothing."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from oci.errors import OciError
from oci.spec.platform import Platform


def cleaned(texts: Iterable[str]) -> list[str]:
    """Platforms in their one form, such as ``linux/arm64``, each once and in order.

    :raises FieldErrors: on ``platforms``: one of them can't be read.
    """
    found: dict[str, None] = {}
    for text in texts:
        try:
            found[str(Platform.parse(text))] = None
        except (OciError, ValueError):
            raise FieldErrors(
                {
                    "platforms": [
                        _("%(platform)s is not a platform. Enter one such as linux/amd64.")
                        % {"platform": text}
                    ]
                }
            ) from None
    return list(found)
