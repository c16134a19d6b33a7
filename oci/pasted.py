"""What people paste instead of a reference: commands, URLs, pages of Docker Hub and others.

Text in, text out: the reference found is parsed strictly elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from oci import limits
from oci.errors import gettext_noop
from oci.grammar import ReferenceError_, looks_like_registry

#: A sentence template and its parameters.
Note = tuple[str, Mapping[str, str]]

NOTE_COMMAND: Final = gettext_noop("Understood as the command “%(command)s”.")
NOTE_PAGE: Final = gettext_noop("Understood as the page of %(reference)s at %(site)s.")
NOTE_PREFIX: Final = gettext_noop("The prefix %(prefix)s was left out.")
NOTE_OPTION: Final = gettext_noop("The option %(option)s was left out.")
NOTE_PLATFORM: Final = gettext_noop("Only the platform %(platform)s was asked for.")

NO_IMAGE_PAGE: Final = gettext_noop("This page of %(site)s shows no single image.")


@dataclass(frozen=True, slots=True)
class Found:
    """The text of a reference, how it was found, and the platforms that a command named."""

    reference: str
    notes: tuple[Note, ...] = ()
    platforms: tuple[str, ...] = ()


def unwrap(text: str) -> Found:
    """Find the reference in pasted text.

    :raises ReferenceError_: when the text is a URL or command that names no image.
    """
    if len(text) > limits.PASTED_CHARS:
        raise ReferenceError_(
            gettext_noop("An image reference has at most %(limit)d characters."), limit=limits.REFERENCE_CHARS
        )
    text = text.strip(" \t\r\n").strip("`'\"")
    command = _read_command(text)
    found = command or Found(text)
    inner = _read_url(found.reference.strip("`'\""))
    return Found(inner.reference, found.notes + inner.notes, found.platforms)


# --- commands -----------------------------------------------------------------------------------------------
_COMMANDS: Final = re.compile(
    r"(?:\$ |# )?(?:sudo )?"
    r"(?P<command>(?:docker|podman|nerdctl|buildah|crane|img) (?:image )?pull"
    r"|(?:ctr|crictl) (?:-n [a-z0-9.]+ )?(?:images? )?pull|helm pull|FROM|from|(?:- )?image:)(?P<rest> .*)",
    re.ASCII,
)
#: Options that take their value from the next word; all others stand alone or carry it after ``=``.
_OPTIONS_WITH_VALUE: Final = frozenset(
    {"--platform", "--arch", "--os", "--variant", "--version", "--creds", "-u"}
)


def _read_command(text: str) -> Found | None:
    line = re.sub(r"[ \t]+", " ", text)
    match = _COMMANDS.fullmatch(line)
    if match is None:
        return None
    notes: list[Note] = [(NOTE_COMMAND, {"command": match["command"].removeprefix("- ").rstrip(":")})]
    platforms: list[str] = []
    words = iter(match["rest"].split())
    images: list[str] = []
    for word in words:
        if word.startswith("#") or (images and word.lower() == "as"):
            break
        if not word.startswith("-"):
            images.append(word)
            continue
        name, equals, value = word.partition("=")
        if not equals and name in _OPTIONS_WITH_VALUE:
            value = next(words, "")
        if name == "--platform" and value:
            platforms.append(value)
            notes.append((NOTE_PLATFORM, {"platform": value}))
        else:
            notes.append((NOTE_OPTION, {"option": name}))
    if len(images) != 1:
        raise ReferenceError_(gettext_noop("Paste one image at a time; a list of images goes into a batch."))
    return Found(images[0], tuple(notes), tuple(platforms))


# --- URLs ---------------------------------------------------------------------------------------------------
_SCHEME: Final = re.compile(r"(?P<scheme>https?|docker|oci)://(?P<rest>.*)", re.ASCII | re.IGNORECASE)


def _read_url(text: str) -> Found:
    match = _SCHEME.fullmatch(text)
    rest = match["rest"] if match else text
    for read_page in _PAGES:
        found = read_page(rest)
        if found is not None:
            return found
    if match is None:
        return Found(text)
    scheme = match["scheme"].lower()
    note: Note = (NOTE_PREFIX, {"prefix": f"{scheme}://"})
    if scheme in ("docker", "oci"):
        return Found(rest, (note,))
    rest = rest.removesuffix("/")
    first, slash, _ = rest.partition("/")
    if not slash or not looks_like_registry(first):
        raise ReferenceError_(
            gettext_noop(
                "This address names no image. An image has a registry and a name: ghcr.io/owner/name:tag"
            )
        )
    return Found(rest, (note,))


def _page(site: str, reference: str) -> Found:
    return Found(reference, ((NOTE_PAGE, {"reference": reference, "site": site}),))


def _path_of(text: str, host: str) -> tuple[list[str], str] | None:
    """Segments of the path and the query, where ``text`` is an address at ``host``."""
    address, _, query = text.partition("#")[0].partition("?")
    first, _, path = address.partition("/")
    if first.lower() not in (host, f"www.{host}"):
        return None
    return [segment for segment in path.split("/") if segment], query


def _docker_hub(text: str) -> Found | None:
    parts = _path_of(text, "hub.docker.com")
    if parts is None:
        return None
    path, query = parts
    name = re.search(r"(?:\A|&)name=([^&]*)", query)
    tag = f":{name[1]}" if name and name[1] and path[-1:] == ["tags"] else ""
    match path:
        case ["_", repository, *_]:
            return _page("Docker Hub", repository + tag)
        case ["r" | "u", owner, repository, *_]:
            return _page("Docker Hub", f"{owner}/{repository}{tag}")
        case ["repository", "docker", owner, repository, *_]:
            return _page("Docker Hub", f"{owner}/{repository}{tag}")
        case ["layers", "library", repository, layer_tag, *_]:
            return _page("Docker Hub", f"{repository}:{layer_tag}")
        case ["layers", owner, repository, layer_tag, *_]:
            return _page("Docker Hub", f"{owner}/{repository}:{layer_tag}")
    raise ReferenceError_(NO_IMAGE_PAGE, site="Docker Hub")


def _quay(text: str) -> Found | None:
    parts = _path_of(text, "quay.io")
    if parts is None or parts[0][:1] != ["repository"]:
        return None
    match parts[0][1:]:
        case [owner, repository, "tag", tag]:
            return _page("Quay", f"quay.io/{owner}/{repository}:{tag}")
        case [owner, repository, *_]:
            return _page("Quay", f"quay.io/{owner}/{repository}")
    raise ReferenceError_(NO_IMAGE_PAGE, site="Quay")


def _github(text: str) -> Found | None:
    parts = _path_of(text, "github.com")
    if parts is None:
        return None
    match parts[0]:
        case ["orgs" | "users", owner, "packages", "container", "package", name, *_]:
            pass
        case ["orgs" | "users", owner, "packages", "container", name, *_]:
            pass
        case [owner, _, "pkgs", "container", name, *_]:
            pass
        case _:
            raise ReferenceError_(NO_IMAGE_PAGE, site="GitHub")
    # GitHub writes the slash of a nested package as %2F.
    return _page("GitHub", f"ghcr.io/{owner}/{name}".lower().replace("%2f", "/"))


_PAGES: Final[tuple[Callable[[str], Found | None], ...]] = (_docker_hub, _quay, _github)
