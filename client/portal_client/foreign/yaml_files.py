"""YAML as these files have it: several documents, anchors; a key that stands twice is a mistake and no choice."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from portal_client.errors import PortalError
from portal_client.words import _


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [
            key.value for key, _value in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"
        ]
        twice = {key for key in keys if keys.count(key) > 1} if len(keys) != len(set(keys)) else set()
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"{', '.join(sorted(twice))} stands twice", node.start_mark
            )
        return dict(super().construct_mapping(node, deep))


def read_yaml(path: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file; ``-`` is standard input. JSON is YAML, too.

    :raises PortalError: it can't be read, or a document is no mapping.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        documents = list(yaml.load_all(text, Loader=_Loader))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise PortalError(_("Can't read %(path)s: %(reason)s") % {"path": path, "reason": exc}) from exc
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, dict):
            raise PortalError(
                _("%(path)s must be a mapping at its top level.") % {"path": path}, "unknown_format"
            )
        yield document
