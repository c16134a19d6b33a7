"""What is wrong with an archive, as errors that name the file; nothing of it is worth another attempt."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from oci.errors import OciError, gettext_noop

_MISSING: Final = gettext_noop(
    "%(file)s doesn't contain %(missing)s, and this project doesn't have it either."
)
_CHANGED: Final = gettext_noop(
    "%(file)s is damaged or was changed: its content for %(digest)s doesn't match that digest."
)
#: So many of what is missing are named.
_NAMED: Final = 5


class Incomplete(OciError):
    """``bundle_incomplete``. ``missing``: all that is; the sentence names some of it."""

    def __init__(self, template: str, file: str, missing: Collection[str]) -> None:
        super().__init__("bundle_incomplete", template)
        self.missing = list(missing)
        text = ", ".join(self.missing[:_NAMED]) + (", …" if len(self.missing) > _NAMED else "")
        self.params.update({"file": file, "missing": text})


def invalid(file: str, template: str, **params: str | int) -> OciError:
    """``bundle_invalid``: the file is no archive of images, or was changed.

    :param template: marked, with a place for ``file``.
    """
    error = OciError("bundle_invalid", template)
    error.params.update({"file": file, **params})
    return error


def changed(file: str, digest: str) -> OciError:
    """``bundle_invalid``: other bytes than a digest says."""
    return invalid(file, _CHANGED, digest=digest)


def incomplete(file: str, missing: Collection[str]) -> OciError:
    """``bundle_incomplete``: the archive was made for a place that has what is ``missing`` (digests)."""
    return Incomplete(_MISSING, file, sorted(missing))
