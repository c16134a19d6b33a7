"""Finds out what an archive holds, of any kind that is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from oci.errors import gettext_noop
from oci.layout.archive import Archive, Contents
from oci.layout.docker_save import read_docker_save
from oci.layout.faults import invalid
from oci.layout.files import ArchiveFile, Budget
from oci.layout.image_layout import STRANGER, Layout
from oci.layout.tar_index import Member, read_index

_NO_IMAGES: Final = gettext_noop(
    "%(file)s is not an archive of images: it has neither an index.json nor a manifest.json."
)


def read_archive(
    files: Sequence[ArchiveFile], index: Callable[[ArchiveFile], dict[str, Member]] = read_index
) -> Archive:
    """Find out what one archive, or all volumes of one bundle, hold.

    :param index: gives the members of a file; a compressed one is read through for it.
    :raises OciError: ``bundle_invalid``; ``bundle_incomplete``: a volume is missing. The files stay open.
    """
    budget = Budget(len(files))
    for file in files:
        file.budget = budget
    contents = [Contents(file, index(file)) for file in files]
    archive = Archive(tuple(files))
    for each in contents:
        if not {"index.json", "oci-layout"} <= each.members.keys():
            if "manifest.json" not in each.members:
                raise invalid(each.file.name, _NO_IMAGES)
            if len(files) > 1:
                raise invalid(each.file.name, STRANGER, other=_other(files, each.file).name)
            read_docker_save(each, archive)
            return archive
    Layout(archive, contents).read()
    return archive


def _other(files: Sequence[ArchiveFile], file: ArchiveFile) -> ArchiveFile:
    return next(each for each in files if each is not file)
