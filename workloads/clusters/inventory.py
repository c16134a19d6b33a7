"""What ``kubectl get pods -A -o json`` says: which images run, in how many pods, of which namespaces.

Pure: bytes in, rows out. The list is read pod by pod, so that memory holds the text and one pod.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, Final

from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError

#: Of an inventory when unpacked, bytes; 5,000 pods have about 40 MB.
MAX_BYTES: Final = 128 * 1024 * 1024
#: Different images of one cluster.
MAX_IMAGES: Final = 20_000
MAX_NAMESPACES: Final = 100
_IMAGE_CHARS: Final = 600
_PIECE: Final = 256 * 1024
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DIGEST: Final = re.compile(r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})", re.ASCII)
_LISTS: Final = ("containers", "initContainers", "ephemeralContainers")
_STATUSES: Final = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(slots=True)
class Seen:
    """One image as pods name it, with the digest that runs."""

    pods: int = 0
    namespaces: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Inventory:
    """What runs in a cluster. ``images``: by name and digest (empty: not known yet)."""

    pods: int = 0
    images: dict[tuple[str, str], Seen] = field(default_factory=dict)


def read_inventory(stream: IO[bytes], *, gzipped: bool) -> Inventory:
    """Read what a cluster says of itself. What counts in it is ASCII, so each byte is taken for a character: text of
    other languages would take four times its length of memory.

    :raises ApplicationError: ``invalid_inventory``: no list of pods; ``too_large`` (413).
    """
    inventory = Inventory()
    try:
        for pod in _items(_unpacked(stream, gzipped=gzipped).decode("latin-1")):
            _add(inventory, pod)
    except (ValueError, RecursionError, zlib.error):
        raise _invalid() from None
    return inventory


def _invalid() -> ApplicationError:
    return ApplicationError(
        "invalid_inventory",
        gettext_noop("This isn't a list of pods. Send the output of: kubectl get pods -A -o json"),
    )


def _unpacked(stream: IO[bytes], *, gzipped: bool) -> bytes:
    unpacker = zlib.decompressobj(wbits=31) if gzipped else None
    parts: list[bytes] = []
    total = 0
    while piece := stream.read(_PIECE):
        while piece:
            if unpacker is not None and unpacker.eof:
                raise ValueError("there is more behind the end")
            part = unpacker.decompress(piece, _PIECE * 4) if unpacker else piece
            piece = unpacker.unconsumed_tail or unpacker.unused_data if unpacker else b""
            total += len(part)
            if total > MAX_BYTES:
                raise ApplicationError(
                    "too_large",
                    gettext_noop("The request body is larger than %(most)d bytes."),
                    most=MAX_BYTES,
                )
            parts.append(part)
    if unpacker is not None and not unpacker.eof:
        raise ValueError("the stream ends early")
    return b"".join(parts)


def _items(text: str) -> Iterator[Any]:
    """The members of the list's ``items``, one after the other.

    :raises ValueError: the text is no list.
    """
    decoder = json.JSONDecoder()
    at = _expect(text, 0, "{")
    while True:
        key, at = decoder.raw_decode(text, _skip(text, at))
        at = _skip(text, _expect(text, at, ":"))
        if key == "items":
            at = _expect(text, at, "[")
            if text.startswith("]", _skip(text, at)):
                return
            while True:
                item, at = decoder.raw_decode(text, _skip(text, at))
                yield item
                if text.startswith("]", _skip(text, at)):
                    return
                at = _expect(text, at, ",")
        _value, at = decoder.raw_decode(text, at)
        at = _expect(text, at, ",")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if not text.startswith(sign, at):
        raise ValueError(f"no {sign}")
    return at + 1


def _add(inventory: Inventory, pod: Any) -> None:
    """Count the images of one pod.

    :raises ValueError: it is no pod, or there are too many images.
    """
    if not isinstance(pod, dict) or pod.get("kind", "Pod") != "Pod" or not isinstance(pod.get("spec"), dict):
        raise ValueError("no pod")
    status = _mapping(pod, "status")
    if status.get("phase") in _ENDED:
        return
    inventory.pods += 1
    namespace = _plain(_mapping(pod, "metadata").get("namespace") or "default", 100)
    for key in set(_images(pod["spec"], _running(status))):
        seen = inventory.images.setdefault(key, Seen())
        seen.pods += 1
        if len(seen.namespaces) < MAX_NAMESPACES:
            seen.namespaces.add(namespace)
    if len(inventory.images) > MAX_IMAGES:
        raise ValueError("too many images")


def _images(spec: dict[str, Any], running: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name in _LISTS:
        for container in _mappings(spec, name):
            if image := _plain(container.get("image"), _IMAGE_CHARS):
                yield image, running.get(str(container.get("name")), "")
    for volume in _mappings(spec, "volumes"):
        if image := _plain(_mapping(volume, "image").get("reference"), _IMAGE_CHARS):
            yield image, ""


def _running(status: dict[str, Any]) -> dict[str, str]:
    """The digest of each container's image. An ID without a repository is of a configuration, and says nothing."""
    found: dict[str, str] = {}
    for name in _STATUSES:
        for each in _mappings(status, name):
            repository, _, digest = str(each.get("imageID") or "").partition("@")
            if repository and _DIGEST.fullmatch(digest):
                found[str(each.get("name"))] = digest
    return found


def _plain(text: Any, most: int) -> str:
    """A name as Kubernetes takes it; empty where there is none.

    :raises ValueError: it is none.
    """
    if text is None or text == "":
        return ""
    if not isinstance(text, str) or not (text.isascii() and text.isprintable()):
        raise ValueError("no name")
    return text[:most]


def _mapping(thing: dict[str, Any], name: str) -> dict[str, Any]:
    found = thing.get(name)
    return found if isinstance(found, dict) else {}


def _mappings(thing: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    found = thing.get(name)
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict):
            yield each
