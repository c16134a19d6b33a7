"""How an image of an archive is written where a reference is: ``bundle:<file name>#<name>:<tag>``."""

from __future__ import annotations

from typing import Final

from oci.errors import gettext_noop
from oci.reference.grammar import InvalidReference, valid_repository, valid_tag
from oci.reference.parser import Reference

#: Stands where a registry's name does; no registry has it.
BUNDLE: Final = "bundle"


def write(file_name: str, image: str) -> str:
    """The text for ``image`` (``name:tag``) of a file."""
    return f"{BUNDLE}:{file_name}#{image}"


def parse(text: str) -> Reference:
    """Name and tag as a reference, whose registry is :data:`BUNDLE`.

    :raises InvalidReference: it was not written by :func:`write`.
    """
    begin, _, image = text.rpartition("#")
    name, _, tag = image.rpartition(":")
    if not begin.startswith(f"{BUNDLE}:") or not valid_repository(name) or not valid_tag(tag):
        raise InvalidReference(gettext_noop("This isn't the name of an image in an uploaded file."))
    return Reference(BUNDLE, name, tag, None)
