"""What an import is about to bring, for those who judge it before a blob of it has moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from oci.copy.manifest_tree import Tree
from oci.spec.strict_json import BadJsonError, load


@dataclass(frozen=True, slots=True)
class Candidate:
    """An image as it stands at its source.

    :param digest: what the source's reference names.
    :param bytes_total: of all blobs, those of what is attached among them.
    :param platforms: of each image taken, attestations aside; an empty text for one that names none. May read
        configurations, as the next. Raises :class:`OciError`.
    :param created: when each image taken says that it was made; None for one that says nothing. Reads configurations,
        so it costs a question for each image. Raises :class:`OciError`.
    :param tree: the manifests that were read; None where another program reads them (Docker Engine).
    """

    digest: str
    bytes_total: int
    platforms: Callable[[], tuple[str, ...]]
    created: Callable[[], tuple[dt.datetime | None, ...]]
    tree: Tree | None = None


def created_of_config(body: bytes | None) -> dt.datetime | None:
    """The moment that an image's configuration names; None where it names none that can be read."""
    if body is None:
        return None
    try:
        config = load(body)
    except BadJsonError:
        return None
    text = config.get("created") if isinstance(config, dict) else None
    if not isinstance(text, str):
        return None
    try:
        # Go writes nanoseconds, of which the rest beyond microseconds says nothing here.
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
