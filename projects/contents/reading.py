"""Reading an image's documents in the private registry, for one platform of it."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from django.contrib.auth.models import User
from django.core.cache import cache
from django.utils.translation import gettext_noop

from accounts.exceptions import ApplicationError
from oci.contents.configuration import Configuration, read_configuration
from oci.errors import OciError
from oci.http.transport import Timeouts
from oci.limits import INDEX_DEPTH, MANIFEST_BYTES
from oci.registry.faults import digest_differs, size_differs
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from oci.registry.retry import RetryPolicy
from oci.spec.digest import parse_digest
from oci.spec.manifest import Descriptor, Manifest, parse_manifest
from oci.spec.media_types import CONFIG_TYPES
from oci.spec.platform import Platform
from oci.spec.selection import is_wanted, platform_names
from projects.models import Image
from projects.places import reading_ours
from projects.registry.client import PULL, opened_repository

T = TypeVar("T")

#: Taken where no platform is asked for and the index has it.
_USUAL: Final = Platform("linux", "amd64")
#: Documents never change; how long, in seconds, and up to which size they are kept.
_KEPT_SECONDS: Final = 600
_KEPT_BYTES: Final = 256 * 1024
_CHUNK_BYTES: Final = 256 * 1024
#: How long a page waits for the registry's next word.
_SECONDS: Final = 10.0

_NO_PLATFORM: Final = gettext_noop("The image is not available for %(platform)s, only for %(available)s.")
_TOO_LARGE: Final = gettext_noop("The image's configuration is larger than %(limit)d bytes.")


@dataclass(frozen=True, slots=True)
class Read:
    """An image for one platform.

    :param root: what the tag names.
    :param manifest: of the platform; the root itself where that is no index.
    :param platform: its name; empty for an artifact.
    :param platforms: all that the root names.
    :param configuration: empty for an artifact.
    """

    root: Manifest
    manifest: Manifest
    platform: str
    platforms: tuple[str, ...]
    configuration: Configuration


class Place:
    """One repository of the private registry; documents that were read lately are not read again.

    :param reader: who looks at what is in it; None: the portal itself.
    """

    def __init__(self, there: Repository, reader: User | None) -> None:
        self.there = there
        self.reader = reader

    def manifest(self, digest: str) -> Manifest:
        """A manifest of the image's repository.

        :raises OciError: it is not there, or the registry is away.
        """
        kept = self._kept(digest)
        if kept is not None:
            media_type, _, body = kept.partition(b"\n")
            return parse_manifest(body, media_type.decode(), expected_digest=digest)
        found = self.there.get_manifest(digest)
        self._keep(digest, found.media_type.encode() + b"\n" + found.body)
        return found

    def blob(self, blob: Descriptor) -> bytes:
        """A small blob, its digest checked.

        :raises OciError:
        """
        if blob.data is not None:
            return blob.data
        kept = self._kept(blob.digest)
        if kept is None:
            kept = self.there.read_blob(blob.digest, blob.size)
            self._keep(blob.digest, kept)
        return kept

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has a blob, whatever its manifests say.

        :raises OciError: the registry is away.
        """
        key = f"{self.key(digest)}:there"
        if cache.get(key) is None:
            if self.there.head_blob(digest) is None:
                return False
            cache.set(key, 1, _KEPT_SECONDS)
        return True

    def stream(self, blob: Descriptor, read: Callable[[Iterator[bytes]], T]) -> T:
        """What ``read`` makes of a blob of any size; it gets all of it, and its digest is checked.

        :raises OciError: ``read`` may have been called several times then.
        """
        return self.there.client.retrier.run(lambda: read(self._chunks(blob)))

    def _chunks(self, blob: Descriptor) -> Iterator[bytes]:
        algorithm, digits = parse_digest(blob.digest)
        stream, hashed, size = self.there.open_blob(blob.digest), hashlib.new(algorithm), 0
        try:
            buffer = memoryview(bytearray(_CHUNK_BYTES))
            while count := stream.readinto(buffer):
                size += count
                if size > blob.size:
                    break
                hashed.update(buffer[:count])
                yield bytes(buffer[:count])
        finally:
            stream.close()
        if size != blob.size:
            raise size_differs(stream.host, blob.digest, blob.size, size)
        if hashed.hexdigest() != digits:
            raise digest_differs(stream.host, blob.digest, f"{algorithm}:{hashed.hexdigest()}")

    def _kept(self, digest: str) -> bytes | None:
        kept = cache.get(self.key(digest))
        return zlib.decompress(kept) if kept is not None else None

    def _keep(self, digest: str, content: bytes) -> None:
        if len(content) <= _KEPT_BYTES:
            cache.set(self.key(digest), zlib.compress(content, 1), _KEPT_SECONDS)

    def key(self, digest: str) -> str:
        """Under which the cache keeps what was read of it: of this repository, for another one may not have it."""
        return f"document:{self.there.name}@{digest}"


@contextmanager
def opened_place(image: Image, reader: User | None) -> Iterator[Place]:
    """The image's repository, until the end of the block.

    :param reader: who looks at it; None: the portal itself.
    :raises OciError: ``rate_limited``: the registry is so slow that no place is free, or ``reader`` has as many as one
        may.
    """
    with opened_places(image, reader=reader) as (place,):
        yield place


@contextmanager
def opened_places(*images: Image, reader: User | None) -> Iterator[tuple[Place, ...]]:
    """As :func:`opened_place`, of several images at once."""
    with reading_ours(reader), ExitStack() as stack:
        names = [f"{image.project.name}/{image.repository}" for image in images]
        options = ClientOptions(
            retries=RetryPolicy(tries=2),
            timeouts=Timeouts(headers_seconds=_SECONDS, stall_seconds=_SECONDS),
        )
        yield tuple(
            Place(stack.enter_context(opened_repository(name, PULL, options=options)), reader)
            for name in names
        )


def read_image(place: Place, digest: str, platform: str = "") -> Read:
    """The manifest and configuration of an image for one platform.

    :param digest: of its manifest or index.
    :param platform: as ``linux/arm64``; empty: linux/amd64 where there is one, else the first.
    :raises ApplicationError: ``no_platform``.
    :raises OciError: it can't be read.
    """
    wanted = Platform.parse(platform) if platform else None
    root = place.manifest(digest)
    manifest, named = root, ""
    for _ in range(INDEX_DEPTH):
        if not manifest.is_index:
            break
        child = _choose(manifest, wanted)
        named = str(child.platform) if child.platform else named
        manifest = place.manifest(child.digest)
    configuration = _configuration(place, manifest)
    platforms = platform_names(root.manifests) if root.is_index else ()
    own = configuration.platform or named
    if wanted is not None and not root.is_index and own and not is_wanted(Platform.parse(own), [wanted]):
        raise _not_for(wanted, own)
    return Read(root, manifest, named or own, platforms or ((own,) if own else ()), configuration)


def _choose(index: Manifest, wanted: Platform | None) -> Descriptor:
    images = [child for child in index.manifests if not child.is_attestation]
    named = [child for child in images if child.platform]
    exact = [child for child in named if child.platform and child.platform.is_exactly(wanted or _USUAL)]
    found = exact or [
        child for child in named if child.platform and is_wanted(child.platform, [wanted or _USUAL])
    ]
    if found:
        return found[0]
    if images and (wanted is None or not named):
        return images[0]
    raise _not_for(wanted or _USUAL, ", ".join(platform_names(images)) or "–")


def _not_for(wanted: Platform, available: str) -> ApplicationError:
    return ApplicationError("no_platform", _NO_PLATFORM, platform=str(wanted), available=available[:500])


def _configuration(place: Place, manifest: Manifest) -> Configuration:
    config = manifest.config
    if config is None or config.media_type not in CONFIG_TYPES:
        return Configuration()
    if config.size > MANIFEST_BYTES:
        raise OciError("limit_exceeded", _TOO_LARGE, limit=MANIFEST_BYTES)
    return read_configuration(place.blob(config), manifest.layers)
