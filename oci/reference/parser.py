"""Image references: what a person typed, normalised the way ``docker pull`` does it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from oci import limits
from oci.errors import gettext_noop
from oci.reference.grammar import (
    IMAGE_ID,
    REGISTRY,
    InvalidReference,
    looks_like_registry,
    valid_repository,
    valid_tag,
    valid_target_name,
)
from oci.reference.pasted import Note, unwrap
from oci.spec.digest import is_digest

__all__ = [
    "DEFAULT_TAG",
    "DOCKER_HUB",
    "DOCKER_HUB_HOST",
    "InvalidReference",
    "Pasted",
    "Reference",
    "connect_host",
    "normalise_registry",
    "parse_reference",
    "read_pasted",
    "valid_repository",
    "valid_tag",
    "valid_target_name",
]

DOCKER_HUB: Final = "docker.io"
#: Where Docker Hub's registry answers; ``docker.io`` itself is a web site.
DOCKER_HUB_HOST: Final = "registry-1.docker.io"
_DOCKER_HUB_NAMES: Final = frozenset({DOCKER_HUB, "index.docker.io", DOCKER_HUB_HOST})
_OFFICIAL: Final = "library/"
DEFAULT_TAG: Final = "latest"


@dataclass(frozen=True, slots=True)
class Reference:
    """A whole, normalised reference. ``tag`` is None only where a digest was given without one."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        """The full form, which parses to the same reference again."""
        return f"{self.registry}/{self.repository}{self._suffix}"

    @property
    def familiar(self) -> str:
        """The short form that people know, which parses to the same reference again."""
        if self.registry != DOCKER_HUB:
            return str(self)
        first, slash, rest = self.repository.partition("/")
        if first == "library" and rest and "/" not in rest and (self._suffix or not IMAGE_ID.fullmatch(rest)):
            return rest + self._suffix
        if not slash or looks_like_registry(first):
            return str(self)
        return self.repository + self._suffix

    @property
    def host(self) -> str:
        """``host[:port]`` to connect to, in lower case."""
        return connect_host(self.registry)

    @property
    def wanted(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag or DEFAULT_TAG

    @property
    def default_target_name(self) -> str:
        """The name inside a project when the user gives none: the repository without ``library/``."""
        return self.repository.removeprefix(_OFFICIAL)

    @property
    def default_target_tag(self) -> str:
        """The tag inside a project when the user gives none."""
        return self.tag or DEFAULT_TAG

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


@dataclass(frozen=True, slots=True)
class Pasted:
    """A reference found in pasted text; each note is a sentence template with its parameters.

    :ivar kept: the text without what it held of passwords, for records.
    """

    reference: Reference
    kept: str
    notes: tuple[Note, ...] = ()
    platforms: tuple[str, ...] = ()


def normalise_registry(registry: str) -> str:
    """The one name of a registry: Docker Hub's aliases become ``docker.io``, others stay as typed."""
    return DOCKER_HUB if registry.lower() in _DOCKER_HUB_NAMES else registry


def connect_host(registry: str) -> str:
    """``host[:port]`` at which a registry answers, in lower case."""
    lowered = registry.lower()
    return DOCKER_HUB_HOST if lowered in _DOCKER_HUB_NAMES else lowered


def read_pasted(text: str) -> Pasted:
    """Understand what people paste: a reference, a command, a URL, a page of Docker Hub.

    :raises InvalidReference: when no reference is found in it; the sentence says why.
    """
    found = unwrap(text)
    return Pasted(parse_reference(found.reference), found.kept, found.notes, found.platforms)


def parse_reference(text: str) -> Reference:
    """Parse a reference strictly, without any of the friendliness of :func:`read_pasted`.

    :raises InvalidReference: with a sentence that says what is wrong and, where known, what was meant.
    """
    _refuse_at_sight(text)
    named, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise _bad_digest(digest)
    registry, remainder = _split_registry(named)
    repository, colon, tag = remainder.partition(":")
    if colon and not valid_tag(tag):
        raise _bad_tag(tag)
    if registry == DOCKER_HUB and repository and "/" not in repository:
        repository = _OFFICIAL + repository
    _check_repository(repository)
    return Reference(
        registry=registry,
        repository=repository,
        tag=tag if colon else (None if at else DEFAULT_TAG),
        digest=digest if at else None,
    )


def _refuse_at_sight(text: str) -> None:
    if not text:
        raise InvalidReference(gettext_noop("Enter an image reference, for example nginx:latest."))
    if len(text) > limits.REFERENCE_CHARS:
        raise InvalidReference(
            gettext_noop("An image reference has at most %(limit)d characters."), limit=limits.REFERENCE_CHARS
        )
    if any(char.isspace() for char in text):
        raise InvalidReference(
            gettext_noop(
                "That isn't an image reference: it contains spaces. To import several images, switch to Many."
            )
        )
    if not text.isascii() or not text.isprintable():
        raise InvalidReference(
            gettext_noop("An image reference has only plain letters, digits and . _ - / : @.")
        )
    if IMAGE_ID.fullmatch(text):
        raise InvalidReference(
            gettext_noop("This is an image ID, which no registry knows. Give the image's name.")
        )
    if is_digest(text):
        raise InvalidReference(
            gettext_noop("This is a digest without a name. Give the image's name before it: name@%(digest)s"),
            digest=text,
        )


def _split_registry(named: str) -> tuple[str, str]:
    first, slash, rest = named.partition("/")
    if not slash or not looks_like_registry(first):
        return DOCKER_HUB, named
    match = REGISTRY.fullmatch(first)
    if match is None:
        raise InvalidReference(gettext_noop("%(registry)s is not the address of a registry."), registry=first)
    port = match["port"]
    if port is not None and not _valid_port(port):
        raise InvalidReference(
            gettext_noop("The port of %(registry)s must be between 1 and 65535."), registry=first
        )
    if match["host"].startswith("["):
        _check_ipv6(match["host"])
    elif len(match["host"]) > limits.HOST_CHARS:
        raise InvalidReference(
            gettext_noop("The name of a registry has at most %(limit)d characters."), limit=limits.HOST_CHARS
        )
    return normalise_registry(first), rest


def _valid_port(digits: str) -> bool:
    significant = digits.lstrip("0")
    return 1 <= len(significant) <= 5 and int(significant) <= 65535


def _check_ipv6(bracketed: str) -> None:
    try:
        ipaddress.IPv6Address(bracketed[1:-1])
    except ValueError:
        raise InvalidReference(
            gettext_noop("%(registry)s is not the address of a registry."), registry=bracketed
        ) from None


def _check_repository(repository: str) -> None:
    if len(repository) > limits.REPOSITORY_CHARS:
        raise InvalidReference(
            gettext_noop("The name of an image has at most %(limit)d characters."),
            limit=limits.REPOSITORY_CHARS,
        )
    if valid_repository(repository):
        return
    if valid_repository(repository.lower()):
        raise InvalidReference(
            gettext_noop("The name of an image is written in lower case: %(name)s"), name=repository.lower()
        )
    if not repository:
        raise InvalidReference(gettext_noop("The name of the image is missing after the registry."))
    raise InvalidReference(
        gettext_noop(
            "%(name)s is not the name of an image: between slashes it has lower-case letters and digits, "
            "joined by single dots, one or two underscores, or dashes."
        ),
        name=repository,
    )


def _bad_digest(digest: str) -> InvalidReference:
    if digest.lower().startswith(("sha256:", "sha512:")):
        return InvalidReference(
            gettext_noop(
                "The digest after @ is sha256: and 64, or sha512: and 128, lower-case hexadecimal digits."
            )
        )
    if "/" in digest:
        # What stands before the @ may be a password: it is not repeated.
        return InvalidReference(
            gettext_noop(
                "Leave the username and password out of the image reference; there are fields for them."
            )
        )
    return InvalidReference(
        gettext_noop("What follows @ must be a digest that begins with sha256: or sha512:.")
    )


def _bad_tag(tag: str) -> InvalidReference:
    if not tag:
        return InvalidReference(gettext_noop("The tag after the colon is missing."))
    return InvalidReference(
        gettext_noop(
            "%(tag)s is not a tag: it has at most 128 letters, digits and . _ -, and begins with none of . -"
        ),
        tag=tag,
    )
