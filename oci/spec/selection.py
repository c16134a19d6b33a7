"""A choice of platforms from an index, and the index that is left of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, cast

from oci.errors import OciError, gettext_noop
from oci.spec.descriptor import Descriptor, read_platform
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.platform import Platform
from oci.spec.strict_json import BadJsonError, Json, dump, load

_NO_SUCH_PLATFORM: Final = gettext_noop("The image has no platform %(platform)s; it has %(available)s.")
_NONE_NAMED: Final = gettext_noop("The image has no platform %(platform)s; it names none.")
_NOTHING_KNOWN: Final[Mapping[str, Sequence[Platform]]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Selection:
    """What was chosen from an index, in its order."""

    #: Children of a wanted platform, nested indexes that hold one among them.
    images: tuple[Descriptor, ...]
    #: These and the attestations about them.
    children: tuple[Descriptor, ...]
    #: Whether nothing was left out, so that the index can stay as it is.
    complete: bool


def platform_names(manifests: Iterable[Descriptor]) -> tuple[str, ...]:
    """Platforms that children name, each once and in order; attestations run nowhere and are left out."""
    named = (child.platform for child in manifests if not child.is_attestation)
    return tuple(dict.fromkeys(str(platform) for platform in named if platform and not platform.is_unknown))


def is_wanted(platform: Platform, wanted: Iterable[Platform]) -> bool:
    """Whether an image of one platform is among what is wanted."""
    return any(platform.is_exactly(wish) or platform.is_some(wish) for wish in wanted)


def choose(
    index: Manifest,
    wanted: Sequence[Platform],
    *,
    known: Mapping[str, Sequence[Platform]] = _NOTHING_KNOWN,
) -> Selection:
    """Choose children by platform.

    A wish without a variant takes the child that names none, else every variant: ``linux/arm`` all of v6
    and v7.

    :param known: platforms by digest, for children whose entry names none: found in their configuration or,
        for a nested index, in its own entries.
    :raises OciError: ``not_found`` when a wish is met by no child; the sentence lists what there is.
    """
    offers = _offers(index, known)
    chosen: set[str] = set()
    for wish in wanted:
        met = {digest for digest, platform in offers if platform.is_exactly(wish)} or {
            digest for digest, platform in offers if platform.is_some(wish)
        }
        if not met:
            raise _no_such_platform(wish, [platform for _, platform in offers])
        chosen |= met
    images = tuple(child for child in index.manifests if child.digest in chosen and not child.is_attestation)
    children = tuple(
        child
        for child in index.manifests
        if (child.attests if child.is_attestation else child.digest) in chosen
    )
    return Selection(images, children, complete=len(children) == len(index.manifests))


def _offers(index: Manifest, known: Mapping[str, Sequence[Platform]]) -> list[tuple[str, Platform]]:
    """Digest and platform of each child, each pair once: a small index may name the same child a thousand times."""
    named = dict.fromkeys(
        (child.digest, child.platform) for child in index.manifests if not child.is_attestation
    )
    return [
        (digest, each)
        for digest, platform in named
        for each in ([platform] if platform else known.get(digest, ()))
    ]


def subset_index(
    index: Manifest, keep: Collection[str], *, replaced: Mapping[str, Manifest] = MappingProxyType({})
) -> Manifest:
    """The index with only the children whose digests are in ``keep``; everything else in it stays.

    :param replaced: nested indexes that were themselves cut, by the digest that their entry names.
    """
    # What parse_manifest has let through has this shape.
    document = cast("dict[str, Json]", load(index.body))
    entries = cast("list[Json]", document["manifests"])
    left: list[Json] = []
    for entry, child in zip(cast("list[dict[str, Json]]", entries), index.manifests, strict=True):
        if child.digest not in keep:
            continue
        new = replaced.get(child.digest)
        if new is None or new.digest == child.digest:
            left.append(entry)
            continue
        without_data = {key: value for key, value in entry.items() if key != "data"}
        left.append({**without_data, "digest": new.digest, "size": new.size})
    if left == entries:
        return index
    return parse_manifest(dump({**document, "manifests": left}), index.media_type, expected_digest=None)


def platform_of_config(body: bytes) -> Platform | None:
    """The platform that an image's configuration names; None for an artifact's."""
    try:
        config = load(body)
        return read_platform(config) if isinstance(config, dict) else None
    except (BadJsonError, OciError):
        return None  # An artifact's configuration may be anything; it only has no platform then.


def _no_such_platform(wish: Platform, offered: Sequence[Platform]) -> OciError:
    if not offered:
        return OciError("not_found", _NONE_NAMED, platform=wish.detailed)
    available = ", ".join(dict.fromkeys(platform.detailed for platform in offered))
    return OciError("not_found", _NO_SUCH_PLATFORM, platform=wish.detailed, available=available[:500])
