"""The grammar of image references, after distribution/reference. Matching is whole-string and ASCII-only."""

from __future__ import annotations

import re
from typing import Final

from oci import limits
from oci.errors import OciError

_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_LABEL: Final = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"

_REPOSITORY: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
REGISTRY: Final = re.compile(
    rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[A-Fa-f0-9:]+\])(?::(?P<port>[0-9]+))?", re.ASCII
)
IMAGE_ID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class InvalidReference(OciError):
    """A reference that can't be understood; always ``invalid_reference``, never worth another attempt."""

    def __init__(self, template: str, **params: str | int) -> None:
        super().__init__("invalid_reference", template)
        self.params.update(params)


def valid_repository(text: object) -> bool:
    """Whether ``text`` is a repository's whole path, the registry not counted."""
    return (
        isinstance(text, str)
        and len(text) <= limits.REPOSITORY_CHARS
        and _REPOSITORY.fullmatch(text) is not None
    )


def valid_tag(text: object) -> bool:
    """Whether ``text`` is a whole tag."""
    return isinstance(text, str) and _TAG.fullmatch(text) is not None


def tag_of(version: str) -> str:
    """A chart's version as Helm writes it in registries: a tag can't have the plus of a version
    (https://helm.sh/docs/topics/registries/).
    """
    return version.replace("+", "_")


def looks_like_registry(segment: str) -> bool:
    """Whether the first segment of a reference names a registry and not a namespace at Docker Hub."""
    return segment == "localhost" or "." in segment or ":" in segment or segment.lower() != segment
