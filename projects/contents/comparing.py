"""Two images of a project side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from accounts.exceptions import FieldErrors
from oci.contents.comparison import (
    Change,
    Layers,
    Packages,
    compare_configurations,
    compare_layers,
    compare_packages,
)
from oci.errors import OciError
from oci.spec.digest import is_digest
from projects.contents import sboms
from projects.contents.reading import Place, Read, opened_places, read_image
from projects.models import Image
from projects.selectors import images_of


@dataclass(frozen=True, slots=True)
class Comparison:
    """``before`` is what the image is compared with, ``after`` the image.

    :param packages: None where one of the two has no SBOM.
    :param size: bytes of the layers, each once.
    """

    before: Read
    after: Read
    layers: Layers
    config: tuple[Change, ...]
    packages: Packages | None
    size: tuple[int, int]

    @property
    def same(self) -> bool:
        """Whether both are one image."""
        return self.before.manifest.digest == self.after.manifest.digest

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes of the layers, ``before`` and ``after``."""
        return dict(zip(("before", "after"), self.size, strict=True))

    @property
    def told_packages(self) -> dict[str, Any]:
        """As the API says it; ``known`` is false where there are none to compare."""
        found = self.packages or Packages()
        return {
            "known": self.packages is not None,
            "added": found.added,
            "removed": found.removed,
            "changed": found.changed,
        }


def compare(image: Image, reader: User, other: str, platform: str = "") -> Comparison:
    """What changed from ``other`` to ``image``, for one platform of both.

    :param other: an image's id, or a digest that the project has.
    :raises FieldErrors: there is no such image.
    :raises ApplicationError: ``no_platform``.
    :raises OciError: one can't be read.
    """
    partner, digest = find_partner(image, other)
    with opened_places(image, partner, reader=reader) as (here, there):
        try:
            before = read_image(there, digest, platform)
        except OciError as error:
            if error.retryable or digest == partner.digest:
                raise
            raise _no_such(other) from None
        after = read_image(here, image.digest, platform)
        packages = _packages((there, before), (here, after))
    return Comparison(
        before,
        after,
        compare_layers(before.manifest.layers, after.manifest.layers),
        compare_configurations(before.configuration, after.configuration),
        packages,
        (_size(before), _size(after)),
    )


def find_partner(image: Image, other: str) -> tuple[Image, str]:
    """The image whose repository holds the other one, and the other's digest.

    :raises FieldErrors: there is no such image.
    """
    images = images_of(image.project)
    if is_digest(other):
        # Its own repository first: it may have a digest that no tag names anymore.
        named = images.filter(digest=other).first()
        return named or image, other
    try:
        found = images.get(pk=UUID(other))
    except (ValueError, Image.DoesNotExist):
        raise _no_such(other) from None
    return found, found.digest


def _no_such(_other: str) -> FieldErrors:
    return FieldErrors({"with": [_("The project has no such image. Enter an image's id or a digest.")]})


def _packages(before: tuple[Place, Read], after: tuple[Place, Read]) -> Packages | None:
    listed: list[Any] = []
    for place, read in (before, after):
        packages = sboms.packages_for(place, read.root, read.manifest)
        if packages is None:
            return None
        listed.append(packages)
    return compare_packages(*listed)


def _size(read: Read) -> int:
    return sum({layer.digest: layer.size for layer in read.manifest.layers}.values())
