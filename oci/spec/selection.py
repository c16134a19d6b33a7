"""A choice of platforms from an index, looking into children whose entry names none, and the index that is left."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, cast

from oci.errors import OciError, gettext_noop
from oci.limits import INDEX_DEPTH
from oci.spec.descriptor import Descriptor, read_platform
from oci.spec.manifest import Manifest, parse_manifest
from oci.spec.platform import Platform
from oci.spec.strict_json import BadJsonError, Json, dump, load

_NO_SUCH_PLATFORM: Final = gettext_noop(
    "The image is not available for %(platform)s, only for %(available)s."
)
_NONE_NAMED: Final = gettext_noop("The image is not available for %(platform)s: it declares no platforms.")
_OTHER_PLATFORM: Final = gettext_noop("The image is for %(available)s; %(platform)s was requested.")
_NO_PLATFORM: Final = gettext_noop("The image doesn't declare a platform; %(platform)s was requested.")
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
    named = (child.platform for child in manifests if not child.runs_nowhere)
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
    images = tuple(child for child in index.manifests if child.digest in chosen and not child.runs_nowhere)
    children = tuple(child for child in index.manifests if child.digest in chosen or child.attests in chosen)
    return Selection(images, children, complete=len(children) == len(index.manifests))


class PlatformChoice:
    """Chooses from each index of an image; :data:`oci.copy.manifest_tree.Choose`.

    :param wanted: at least one.
    :param fetch: a manifest by its digest; remembers, for the tree reads it again.
    :param platform_of: the platform of an image by its configuration.
    :param if_any: what names no platform at all is taken whole.
    :param before: told of an image before ``platform_of`` is asked for it, with the indexes by which it was met, the
        outermost first; what it raises ends the choice.
    """

    def __init__(
        self,
        wanted: Sequence[Platform],
        *,
        fetch: Callable[[str], Manifest],
        platform_of: Callable[[Manifest], Platform | None],
        if_any: bool = False,
        before: Callable[[Manifest, Sequence[Manifest]], None] = lambda _image, _above: None,
    ) -> None:
        self._wanted = wanted
        self._if_any = if_any
        self._fetch = fetch
        self._platform_of = platform_of
        #: By digest: a small index may name the same child a thousand times, and that child its own.
        self._found: dict[str, list[Platform]] = {}
        self._before = before
        #: The indexes above each manifest that was met.
        self._above: dict[str, tuple[Manifest, ...]] = {}

    def __call__(self, index: Manifest, depth: int) -> Sequence[Descriptor]:
        self._note_children(index)
        known = {
            child.digest: self._platforms_below(child.digest, depth + 1)
            for child in index.manifests
            if child.platform is None
        }
        if self._if_any and not _offers(index, known):
            return index.manifests
        wanted = self._wanted
        if depth > 1:
            # The outermost index has seen to it that each wish is met somewhere.
            named = dict.fromkeys((child.digest, child.platform) for child in index.manifests)
            offered = [each for digest, platform in named for each in (platform, *known.get(digest, ()))]
            wanted = [wish for wish in wanted if any(each and is_wanted(each, [wish]) for each in offered)]
        return choose(index, wanted, known=known).children

    def check_image(self, image: Manifest) -> None:
        """For a reference that leads to one image and no index.

        :raises OciError: ``not_found`` when it is not for every wanted platform.
        """
        platform = self._platform_of(image)
        if platform is None and self._if_any:
            return
        for wish in self._wanted:
            if platform is None:
                raise OciError("not_found", _NO_PLATFORM, platform=wish.detailed)
            if not is_wanted(platform, [wish]):
                raise OciError(
                    "not_found", _OTHER_PLATFORM, platform=wish.detailed, available=platform.detailed
                )

    def _platforms_below(self, digest: str, depth: int) -> list[Platform]:
        if digest not in self._found:
            self._found[digest] = self._platforms_in(self._fetch(digest), depth)
        return self._found[digest]

    def _platforms_in(self, manifest: Manifest, depth: int) -> list[Platform]:
        if not manifest.is_index:
            self._before(manifest, self._above[manifest.digest])
            platform = self._platform_of(manifest)
            return [platform] if platform else []
        if depth > INDEX_DEPTH:
            return []
        self._note_children(manifest)
        found: dict[Platform, None] = {}
        for child in manifest.manifests:
            if child.runs_nowhere:
                continue
            here = [child.platform] if child.platform else self._platforms_below(child.digest, depth + 1)
            found.update(dict.fromkeys(here))
        return list(found)

    def _note_children(self, index: Manifest) -> None:
        above = (*self._above.get(index.digest, ()), index)
        for child in index.manifests:
            self._above.setdefault(child.digest, above)


def _offers(index: Manifest, known: Mapping[str, Sequence[Platform]]) -> list[tuple[str, Platform]]:
    """Digest and platform of each child, each pair once: a small index may name the same child a thousand times."""
    named = dict.fromkeys(
        (child.digest, child.platform) for child in index.manifests if not child.runs_nowhere
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
