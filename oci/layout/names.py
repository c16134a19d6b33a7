"""What the images of an archive are called: ``name:tag``, without the registry that they came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from oci.layout.annotations import IMAGE_NAME, REF_NAME
from oci.reference.grammar import looks_like_registry, valid_repository, valid_tag

DEFAULT_TAG: Final = "latest"
_OFFICIAL: Final = "library/"
_ENDINGS: Final = frozenset({"tar", "oci", "docker", "tgz", "tzst", "gz", "gzip", "zst", "zstd"})
#: Of a file's name.
_MAX_CHARS: Final = 1000
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")


def of_descriptor(annotations: Mapping[str, str], file_name: str) -> str:
    """What an entry of ``index.json`` is called; empty where it has no name.

    :param file_name: in its place where an entry has only a tag.
    """
    ref_name = annotations.get(REF_NAME, "")
    if ":" in ref_name or "/" in ref_name:
        name = normalised(ref_name)
        if name:
            return name
    whole = normalised(annotations.get(IMAGE_NAME, ""))
    if whole:
        return whole
    return f"{of_file(file_name)}:{ref_name}" if valid_tag(ref_name) else ""


def normalised(text: str) -> str:
    """``docker.io/library/nginx:1.27`` as ``nginx:1.27``; empty where it is no name.

    A digest behind it is left out: the content has its own.
    """
    plain = text.partition("@")[0]
    first, slash, rest = plain.partition("/")
    if slash and looks_like_registry(first):
        plain = rest.removeprefix(_OFFICIAL) if first in ("docker.io", "index.docker.io") else rest
    name, colon, tag = plain.rpartition(":")
    if not colon or "/" in tag:
        name, tag = plain, DEFAULT_TAG
    return f"{name}:{tag}" if valid_repository(name) and valid_tag(tag) else ""


def of_file(file_name: str) -> str:
    """A repository's name after a file: ``App v1.tar.gz`` as ``app-v1``."""
    plain = file_name.rpartition("/")[2].rpartition("\\")[2][:_MAX_CHARS]
    head, _, ending = plain.rpartition(".")
    while head and (ending.casefold() in _ENDINGS or ending.isdecimal()):
        plain = head
        head, _, ending = plain.rpartition(".")
    return _NOT_IN_NAMES.sub("-", plain.casefold())[:100].strip("-") or "image"
