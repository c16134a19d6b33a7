"""An image's configuration, and its history beside its layers (OCI image specification, ``config.md``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.spec.manifest import Descriptor
from oci.spec.platform import Platform
from oci.spec.strict_json import BadJsonError, Json, load

_NO_OBJECT: Final = gettext_noop("The image's configuration is not a JSON object.")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history. ``layer``: the digest of what it made; None where it made nothing or the image does
    not say."""

    created: str
    created_by: str
    comment: str
    empty_layer: bool
    layer: str | None


@dataclass(frozen=True, slots=True)
class Configuration:
    """What an image's configuration says. Texts that are absent are empty; ``config`` is as it was written.

    :param variant: of the architecture.
    """

    created: str = ""
    architecture: str = ""
    os: str = ""
    variant: str = ""
    config: Mapping[str, Json] = field(default_factory=dict)
    history: tuple[Step, ...] = ()

    @property
    def labels(self) -> dict[str, str]:
        """Those that are texts."""
        found = self.config.get("Labels")
        pairs = found.items() if isinstance(found, dict) else ()
        return {name: value for name, value in pairs if isinstance(value, str)}

    @property
    def platform(self) -> str:
        """``linux/arm64/v8``; empty where it names none."""
        return str(Platform(self.os, self.architecture, self.variant)) if self.os else ""


def read_configuration(body: bytes, layers: Sequence[Descriptor]) -> Configuration:
    """Read an image's configuration.

    :param layers: of its manifest, the lowest first.
    :raises OciError: ``unsupported_manifest`` or ``limit_exceeded``: it can't be read.
    """
    try:
        document = load(body)
    except BadJsonError as bad:
        code = "limit_exceeded" if bad.too_large else "unsupported_manifest"
        raise OciError(code, bad.template) from None
    if not isinstance(document, dict):
        raise OciError("unsupported_manifest", _NO_OBJECT)
    config = document.get("config")
    return Configuration(
        created=_text(document, "created"),
        architecture=_text(document, "architecture"),
        os=_text(document, "os"),
        variant=_text(document, "variant"),
        config=config if isinstance(config, dict) else {},
        history=align(document.get("history"), [layer.digest for layer in layers]),
    )


def align(history: Json, layers: Sequence[str]) -> tuple[Step, ...]:
    """The lines of a history, each with its layer, the oldest first.

    Lines that made a layer and layers are matched from the newest on: what is missing is missing at the beginning,
    where an image was built on one that had lost its history. A layer without a line gets an empty one.

    :param layers: digests, the lowest first.
    """
    lines = [line for line in history if isinstance(line, dict)] if isinstance(history, list) else []
    making = sum(1 for line in lines if line.get("empty_layer") is not True)
    unmatched = max(0, making - len(layers))
    silent = max(0, len(layers) - making)
    steps = [Step("", "", "", False, digest) for digest in layers[:silent]]
    rest = iter(layers[silent:])
    for line in lines:
        empty = line.get("empty_layer") is True
        layer = None
        if not empty and unmatched:
            unmatched -= 1
        elif not empty:
            layer = next(rest, None)
        steps.append(
            Step(_text(line, "created"), _text(line, "created_by"), _text(line, "comment"), empty, layer)
        )
    return tuple(steps)


def _text(document: Mapping[str, Json], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
