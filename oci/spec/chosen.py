"""Which children of an index are wanted, when people chose platforms; looks into those whose entry names
none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from oci.errors import OciError, gettext_noop
from oci.limits import INDEX_DEPTH
from oci.spec.manifest import Descriptor, Manifest, Platform
from oci.spec.selection import choose, is_wanted

_OTHER_PLATFORM: Final = gettext_noop("The image is for %(available)s; %(platform)s was asked for.")
_NO_PLATFORM: Final = gettext_noop("The image names no platform; %(platform)s was asked for.")


class PlatformChoice:
    """Chooses from each index of an image; :data:`oci.copy.manifest_tree.Choose`.

    :param wanted: at least one.
    :param fetch: a manifest by its digest; remembers, for the tree reads it again.
    :param platform_of: the platform of an image by its configuration.
    """

    def __init__(
        self,
        wanted: Sequence[Platform],
        *,
        fetch: Callable[[str], Manifest],
        platform_of: Callable[[Manifest], Platform | None],
    ) -> None:
        self._wanted = wanted
        self._fetch = fetch
        self._platform_of = platform_of
        #: By digest: a small index may name the same child a thousand times, and that child its own.
        self._found: dict[str, list[Platform]] = {}

    def __call__(self, index: Manifest, depth: int) -> Sequence[Descriptor]:
        known = {
            child.digest: self._platforms_below(child.digest, depth + 1)
            for child in index.manifests
            if child.platform is None and not child.is_attestation
        }
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
            platform = self._platform_of(manifest)
            return [platform] if platform else []
        if depth > INDEX_DEPTH:
            return []
        found: dict[Platform, None] = {}
        for child in manifest.manifests:
            if child.is_attestation:
                continue
            here = [child.platform] if child.platform else self._platforms_below(child.digest, depth + 1)
            found.update(dict.fromkeys(here))
        return list(found)
