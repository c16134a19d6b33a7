"""Which source a pulled name stands for: ``team/docker.io/library/nginx`` is ``docker.io/library/nginx``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop

from oci.copy.referrers import is_attachment_tag
from oci.errors import OciError
from oci.reference.grammar import looks_like_registry
from oci.reference.parser import Reference, parse_reference
from oci.spec.digest import is_digest

#: A port's colon can't be in a repository's name.
_PORT: Final = re.compile(r"__([0-9]{1,5})\Z", re.ASCII)
#: Of the hexadecimal digits of a digest, those that its tag has.
_DIGITS: Final = 12
_NOT_WHOLE: Final = gettext_noop("%(name)s isn't the whole name of an image. Pull %(whole)s instead.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client pulls, and where it comes from."""

    project: str
    #: Inside the project, as an image's row and an import's target have it.
    repository: str
    #: Tag or digest, as the client named it.
    reference: str
    source: Reference

    @property
    def tag(self) -> str:
        """The tag that an import of it sets. What is pulled by digest has one of its own, and moves no other."""
        if self.source.digest is None:
            return self.reference
        return f"digest-{self.source.digest.partition(':')[2][:_DIGITS]}"

    @property
    def is_tag(self) -> bool:
        """Whether the client asks by tag, not by digest."""
        return self.source.digest is None

    @property
    def is_attachment(self) -> bool:
        """It only holds what belongs to an image, and comes with that."""
        return self.is_tag and is_attachment_tag(self.reference)


def read(name: str, reference: str) -> Wanted | None:
    """What is wanted; None for a name that stands for no source.

    :param name: of the repository, as the registry has it: project, registry, and the repository there.
    :param reference: tag or digest.
    :raises OciError: ``not_found`` for a short name, with the whole one.
    """
    project, _, inside = name.partition("/")
    first, _, rest = inside.partition("/")
    registry = _PORT.sub(r":\1", first)
    if not rest or not looks_like_registry(registry):
        return None
    mark = "@" if is_digest(reference) else ":"
    try:
        source = parse_reference(f"{registry}/{rest}{mark}{reference}")
    except OciError:
        return None
    if source.full_target_name != inside:
        raise OciError(
            "not_found",
            _NOT_WHOLE,
            name=inside,
            whole=f"{project}/{source.full_target_name}{mark}{reference}",
        )
    return Wanted(project, inside, reference, source)
