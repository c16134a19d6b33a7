"""Image references: what a person typed, normalised the way ``docker pull`` does it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Final

from oci import limits
from oci.errors import Note, gettext_noop
from oci.reference.grammar import (
    IMAGE_ID,
    REGISTRY,
    InvalidReference,
    looks_like_registry,
    tag_of,
    valid_repository,
    valid_tag,
)
from oci.reference.pasted import unwrap
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
]

DOCKER_HUB: Final = "docker.io"
#: Where Docker Hub's registry answers; ``docker.io`` itself is a web site.
DOCKER_HUB_HOST: Final = "registry-1.docker.io"
_DOCKER_HUB_NAMES: Final = frozenset({DOCKER_HUB, "index.docker.io", DOCKER_HUB_HOST})
_OFFICIAL: Final = "library/"
DEFAULT_TAG: Final = "latest"
#: Before a chart of a Helm repository. Which hosts are reached by plain HTTP, the operators say, as of registries.
CHART_SCHEME: Final = "helm+https://"
_CHART: Final = re.compile(r"helm\+https?://", re.ASCII | re.IGNORECASE)
#: The path of a Helm repository, any case: it is a web server's.
_CHART_PATH: Final = re.compile(r"(?:(?!\.{1,2}/)[A-Za-z0-9._~%-]+/)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reference:
    """A whole, normalised reference. ``tag`` is None only where a digest was given without one.

    :ivar is_chart: the last part of ``repository`` is a chart of the Helm repository at ``registry`` with the rest as
        its path; ``tag`` is a version.
    """

    registry: str
    repository: str
    tag: str | None
    digest: str | None
    is_chart: bool = False

    def __str__(self) -> str:
        """The full form, which parses to the same reference again."""
        return f"{self.name}{self._suffix}"

    @property
    def name(self) -> str:
        """The full form without tag and digest."""
        return f"{CHART_SCHEME if self.is_chart else ''}{self.registry}/{self.repository}"

    @property
    def lower_repository(self) -> str:
        """In lower case, as names here and patterns of rules have it: the path of a Helm repository may be in any."""
        return self.repository.lower() if self.is_chart else self.repository

    def with_tag(self, tag: str) -> Reference:
        """Another tag of the same repository."""
        return replace(self, tag=tag, digest=None)

    @property
    def host(self) -> str:
        """``host[:port]`` to connect to, in lower case."""
        return connect_host(self.registry)

    @property
    def identifier(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag or DEFAULT_TAG

    @property
    def default_target_name(self) -> str:
        """The name inside a project when the user gives none: the repository without ``library/``, or the chart."""
        if self.is_chart:
            return self.repository.rpartition("/")[2]
        return self.repository.removeprefix(_OFFICIAL)

    @property
    def full_target_name(self) -> str:
        """The name inside a project that says where the image is from: registry and repository, a port's colon
        written ``__``.
        """
        return f"{self.registry.lower().replace(':', '__')}/{self.lower_repository}"

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
    scheme = _CHART.match(text)
    named, at, digest = text[scheme.end() if scheme else 0 :].partition("@")
    if at and not is_digest(digest):
        raise _bad_digest(digest)
    registry, repository, tag = _read_chart(named) if scheme else _read_image(named)
    return Reference(
        registry=registry,
        repository=repository,
        tag=tag if tag or at else DEFAULT_TAG,
        digest=digest if at else None,
        is_chart=scheme is not None,
    )


def _refuse_at_sight(text: str) -> None:
    if not text:
        raise InvalidReference(gettext_noop("Enter an image reference, for example nginx:latest."))
    if len(text) > limits.REFERENCE_CHARS:
        raise InvalidReference(
            gettext_noop("An image reference can have at most %(limit)d characters."),
            limit=limits.REFERENCE_CHARS,
        )
    if any(char.isspace() for char in text):
        raise InvalidReference(
            gettext_noop(
                "That isn't an image reference: it contains spaces. To import several images, switch to Many."
            )
        )
    if not text.isascii() or not text.isprintable():
        raise InvalidReference(
            gettext_noop("An image reference can contain only ASCII letters, digits and . _ - / : @.")
        )
    if IMAGE_ID.fullmatch(text):
        raise InvalidReference(
            gettext_noop("This is an image ID, which registries don't know. Enter the image name.")
        )
    if is_digest(text):
        raise InvalidReference(
            gettext_noop("This is a digest without a name. Put the image name before it: name@%(digest)s"),
            digest=text,
        )


def _read_image(named: str) -> tuple[str, str, str | None]:
    """Registry, repository and tag; None where it names no tag."""
    registry, rest = _split_registry(named)
    repository, tag = _split_tag(rest)
    if registry == DOCKER_HUB and repository and "/" not in repository:
        repository = _OFFICIAL + repository
    _check_repository(repository)
    return registry, repository, tag


def _read_chart(named: str) -> tuple[str, str, str | None]:
    """As :func:`_read_image`. A host always comes first, whatever it looks like; that of a web server has one name in
    any case.
    """
    first, _, rest = named.partition("/")
    _check_registry(first)
    repository, tag = _split_tag(rest, is_version=True)
    _check_chart(repository)
    return first.lower(), repository, tag


def _split_tag(rest: str, *, is_version: bool = False) -> tuple[str, str | None]:
    repository, colon, tag = rest.partition(":")
    if is_version:
        tag = tag_of(tag)
    if colon and not valid_tag(tag):
        raise _bad_tag(tag)
    return repository, tag if colon else None


def _split_registry(named: str) -> tuple[str, str]:
    first, slash, rest = named.partition("/")
    if not slash or not looks_like_registry(first):
        return DOCKER_HUB, named
    _check_registry(first)
    return normalise_registry(first), rest


def _check_chart(repository: str) -> None:
    path, _, chart = repository.rpartition("/")
    if len(repository) > limits.REPOSITORY_CHARS or not _CHART_PATH.fullmatch(f"{path}/" if path else ""):
        raise InvalidReference(gettext_noop("%(path)s is not the path of a chart repository."), path=path)
    _check_repository(chart)


def _check_registry(first: str) -> None:
    match = REGISTRY.fullmatch(first)
    if match is None:
        raise InvalidReference(gettext_noop("%(registry)s is not a registry address."), registry=first)
    port = match["port"]
    if port is not None and not _valid_port(port):
        raise InvalidReference(
            gettext_noop("The port of %(registry)s must be between 1 and 65535."), registry=first
        )
    if match["host"].startswith("["):
        _check_ipv6(match["host"])
    elif len(match["host"]) > limits.HOST_CHARS:
        raise InvalidReference(
            gettext_noop("A registry name can have at most %(limit)d characters."), limit=limits.HOST_CHARS
        )


def _valid_port(digits: str) -> bool:
    significant = digits.lstrip("0")
    return 1 <= len(significant) <= 5 and int(significant) <= 65535


def _check_ipv6(bracketed: str) -> None:
    try:
        ipaddress.IPv6Address(bracketed[1:-1])
    except ValueError:
        raise InvalidReference(
            gettext_noop("%(registry)s is not a registry address."), registry=bracketed
        ) from None


def _check_repository(repository: str) -> None:
    if len(repository) > limits.REPOSITORY_CHARS:
        raise InvalidReference(
            gettext_noop("An image name can have at most %(limit)d characters."),
            limit=limits.REPOSITORY_CHARS,
        )
    if valid_repository(repository):
        return
    if valid_repository(repository.lower()):
        raise InvalidReference(
            gettext_noop("Write the image name in lowercase: %(name)s"), name=repository.lower()
        )
    if not repository:
        raise InvalidReference(gettext_noop("The image name is missing after the registry."))
    raise InvalidReference(
        gettext_noop(
            "%(name)s is not a valid image name. Between slashes, use lowercase letters and digits, joined by "
            "single dots, one or two underscores, or hyphens."
        ),
        name=repository,
    )


def _bad_digest(digest: str) -> InvalidReference:
    if digest.lower().startswith(("sha256:", "sha512:")):
        return InvalidReference(
            gettext_noop(
                "The digest after @ must be sha256: and 64, or sha512: and 128 lowercase hexadecimal digits."
            )
        )
    if "/" in digest:
        # What stands before the @ may be a password: it is not repeated.
        return InvalidReference(
            gettext_noop(
                "Don't put a username and password in the image reference. Enter them in their own fields."
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
            "%(tag)s is not a valid tag: use at most 128 letters, digits and . _ -, and don't begin with . or -"
        ),
        tag=tag,
    )
