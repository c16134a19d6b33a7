"""Files of other tools as what ``portal apply`` wants. What can't be had is said, and never widened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from portal_client.applying.desired import Desired
from portal_client.applying.document import VERSION, read_document
from portal_client.errors import PortalError
from portal_client.foreign import hauler, image_syncer, regsync, skopeo
from portal_client.foreign.collecting import Choice, Collection
from portal_client.foreign.yaml_files import read_yaml
from portal_client.words import _

__all__ = ["Choice", "read_files"]

_Fits = Callable[[dict[str, Any]], bool]
_Reads = Callable[[dict[str, Any], Collection], None]
#: Each tool's format: whether a document is of it, and what reads it. The first that fits counts.
FORMATS: Final[tuple[tuple[_Fits, _Reads], ...]] = (
    (hauler.fits, hauler.read),
    (regsync.fits, regsync.read),
    (skopeo.fits, skopeo.read),
    (image_syncer.fits, image_syncer.read),
)


def read_files(paths: Sequence[Path], choice: Choice) -> Desired:
    """What all files together want.

    :raises PortalError: one can't be read, or has an unknown format.
    """
    desired = Desired()
    collection = Collection(choice)
    for path in paths:
        for document in read_yaml(path):
            if document.get("apiVersion") == VERSION:
                own = read_document(document, path.parent)
                desired.projects += own.projects
                continue
            reads = next((reads for fits, reads in FORMATS if fits(document)), None)
            if reads is None:
                sentence = _(
                    "%(path)s is not a file of portal/v1, regsync, skopeo sync, image-syncer or hauler."
                )
                raise PortalError(sentence % {"path": path}, "unknown_format")
            reads(document, collection)
    if not collection.is_empty:
        desired.projects.append(collection.project())
    desired.notes += collection.notes
    names = [project.name for project in desired.projects]
    if len(set(names)) < len(names):
        raise PortalError(_("Several files describe one project. Merge them."), "invalid")
    return desired
