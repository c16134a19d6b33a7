"""What of an image is scanned: the images of an index, one by one."""

from __future__ import annotations

from collections import deque
from typing import Final

from django.utils.translation import gettext_noop

from oci.errors import OciError
from oci.limits import INDEX_DEPTH
from projects.contents.reading import Place

#: Manifests below one index, indexes among them counted.
MAX_PARTS: Final = 50

_EMPTY: Final = gettext_noop("The image has no platform that can be scanned.")
_MANY: Final = gettext_noop("The image has more than %(limit)d platforms.")
_DEEP: Final = gettext_noop("The image nests indexes more than %(limit)d levels deep.")


def parts_of(place: Place, digest: str) -> list[dict[str, str]]:
    """Each image below ``digest`` once, as ``{"digest", "media_type", "platform"}``; itself where it is no index.

    Only what no runtime takes is left out: an image that counts as scanned must have nothing in it that was not. What a
    manifest is, it says itself; its entry in an index may say another thing.

    :raises OciError: there is none, there are too many, or one can't be read.
    """
    waiting, seen = deque([(digest, "", 1)]), {digest}
    parts: list[dict[str, str]] = []
    while waiting:
        digest, platform, depth = waiting.popleft()
        manifest = place.manifest(digest)
        if not manifest.is_index:
            parts.append({"digest": digest, "media_type": manifest.media_type, "platform": platform})
            continue
        if depth > INDEX_DEPTH:
            raise OciError("limit_exceeded", _DEEP, limit=INDEX_DEPTH)
        for child in manifest.manifests:
            if child.digest in seen or (child.runs_nowhere and not child.is_index):
                continue
            seen.add(child.digest)
            waiting.append((child.digest, str(child.platform or platform), depth + 1))
        if len(seen) > MAX_PARTS + 1:
            raise OciError("limit_exceeded", _MANY, limit=MAX_PARTS)
    if not parts:
        raise OciError("unsupported_manifest", _EMPTY)
    return parts
