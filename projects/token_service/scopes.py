"""Scopes of the registry token protocol: ``repository:library/nginx:pull,push``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Final

from oci.limits import REPOSITORY_CHARS
from oci.reference.grammar import valid_repository
from projects.token_service.tokens import Access

#: A request with more is not one of a registry's client.
MAX_SCOPES: Final = 100
_TYPE: Final = re.compile(r"[a-z0-9]+(?:\([a-z0-9]+\))?", re.ASCII)
_ACTION: Final = re.compile(r"[a-z*]{1,20}", re.ASCII)


def parse_scopes(texts: Iterable[str]) -> list[Access]:
    """The scopes of all parameters, each of which may hold several; what is not understood is left out.

    Actions of the same thing are joined, so that each thing is there once.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for text in islice((part for each in texts for part in each.split()), MAX_SCOPES):
        kind, _, rest = text.partition(":")
        name, _, actions = rest.rpartition(":")
        if not name or not _TYPE.fullmatch(kind) or len(name) > REPOSITORY_CHARS:
            continue
        kept = found.setdefault((kind, name), [])
        kept += [action for action in actions.split(",") if _ACTION.fullmatch(action) and action not in kept]
    return [Access(kind, name, tuple(actions)) for (kind, name), actions in found.items()]


def split_repository(name: str) -> tuple[str, str] | None:
    """Project and name inside it; None where there can be no such repository."""
    project, _, inside = name.partition("/")
    return (project, inside) if inside and valid_repository(name) else None
