"""What people paste instead of a reference: commands, URLs, pages of Docker Hub and others.

Text in, text out: the reference found is parsed strictly elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from oci import limits
from oci.errors import Note, gettext_noop
from oci.reference.command_line import read_command
from oci.reference.grammar import InvalidReference, looks_like_registry
from oci.reference.run_commands import read_run

NOTE_PAGE: Final = gettext_noop("Read from the page of %(reference)s on %(site)s.")
NOTE_PREFIX: Final = gettext_noop("Ignored prefix: %(prefix)s")

NO_IMAGE_PAGE: Final = gettext_noop(
    "This page on %(site)s doesn't show a single image. Open the page of one image."
)


@dataclass(frozen=True, slots=True)
class PastedReference:
    """The text of a reference, how it was found, and the platforms that a command named.

    :ivar kept: the pasted text without what it held of passwords, for records; it is understood as the same.
    """

    reference: str
    kept: str
    notes: tuple[Note, ...] = ()
    platforms: tuple[str, ...] = ()


def unwrap(text: str) -> PastedReference:
    """Find the reference in pasted text.

    :raises InvalidReference: when the text is a URL or command that names no image.
    """
    if len(text) > limits.PASTED_CHARS:
        raise InvalidReference(
            gettext_noop("An image reference can have at most %(limit)d characters."),
            limit=limits.REFERENCE_CHARS,
        )
    typed, text = text, text.strip(" \t\r\n").strip("`'\"")
    command = read_command(text) or read_run(text)
    if command is None:
        inner = _read_url(text)
        return PastedReference(inner.reference, typed if inner.kept == text else inner.kept, inner.notes)
    inner = _read_url(command.image)
    changed = command.changed or inner.kept != command.image
    kept = command.before + inner.kept + command.after if changed else typed
    return PastedReference(inner.reference, kept, command.notes + inner.notes, command.platforms)


# --- URLs ---------------------------------------------------------------------------------------------------
_NAME: Final = re.compile(r"(?:\A|&)name=([^&]*)")
#: Of a page's query, what says which image or how it is shown. The rest may be anyone's session.
_SHOWING: Final = re.compile(r"(?:context|name|ordering|page|page_size|tab)=[A-Za-z0-9_.-]{0,128}", re.ASCII)
_FRAGMENT: Final = re.compile(r"[A-Za-z-]{0,32}", re.ASCII)
_SCHEME: Final = re.compile(r"(?P<scheme>https?|docker|oci)://(?P<rest>.*)", re.ASCII | re.IGNORECASE)


def _read_url(text: str) -> PastedReference:
    match = _SCHEME.fullmatch(text)
    rest = match["rest"] if match else text
    for read_page in _PAGES:
        found = read_page(rest)
        if found is not None:
            return replace(found, kept=_without_query(text))
    if match is None:
        return PastedReference(text, text)
    scheme = match["scheme"].lower()
    note: Note = (NOTE_PREFIX, {"prefix": f"{scheme}://"})
    if scheme in ("docker", "oci"):
        return PastedReference(rest, text, (note,))
    rest = rest.removesuffix("/")
    first, slash, _ = rest.partition("/")
    if not slash or not looks_like_registry(first):
        raise InvalidReference(
            gettext_noop(
                "This address names no image. Enter a registry and a name, for example ghcr.io/owner/name:tag"
            )
        )
    return PastedReference(rest, text, (note,))


def _without_query(text: str) -> str:
    """The address of a page without what does not say which."""
    address, hash_, fragment = text.partition("#")
    path, mark, query = address.partition("?")
    kept = "&".join(part for part in query.split("&") if _SHOWING.fullmatch(part))
    return (
        path
        + (mark if not query else "")
        + (f"?{kept}" if kept else "")
        + (hash_ + fragment if _FRAGMENT.fullmatch(fragment) else "")
    )


def _page(site: str, reference: str) -> PastedReference:
    return PastedReference(reference, "", ((NOTE_PAGE, {"reference": reference, "site": site}),))


def _path_of(text: str, host: str) -> tuple[list[str], str] | None:
    """Segments of the path and the query, where ``text`` is an address at ``host``."""
    address, _, query = text.partition("#")[0].partition("?")
    first, _, path = address.partition("/")
    if first.lower() not in (host, f"www.{host}"):
        return None
    return [segment for segment in path.split("/") if segment], query


def _docker_hub(text: str) -> PastedReference | None:
    parts = _path_of(text, "hub.docker.com")
    if parts is None:
        return None
    path, query = parts
    name = _NAME.search(query)
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
    raise InvalidReference(NO_IMAGE_PAGE, site="Docker Hub")


def _quay(text: str) -> PastedReference | None:
    parts = _path_of(text, "quay.io")
    if parts is None or parts[0][:1] != ["repository"]:
        return None
    match parts[0][1:]:
        case [owner, repository, "tag", tag]:
            return _page("Quay", f"quay.io/{owner}/{repository}:{tag}")
        case [owner, repository, *_]:
            return _page("Quay", f"quay.io/{owner}/{repository}")
    raise InvalidReference(NO_IMAGE_PAGE, site="Quay")


def _github(text: str) -> PastedReference | None:
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
            raise InvalidReference(NO_IMAGE_PAGE, site="GitHub")
    # GitHub writes the slash of a nested package as %2F.
    return _page("GitHub", f"ghcr.io/{owner}/{name}".lower().replace("%2f", "/"))


def _amazon(text: str) -> PastedReference | None:
    parts = _path_of(text, "gallery.ecr.aws")
    if parts is None:
        return None
    match parts[0]:
        case [alias, *names] if names:
            return _page("Amazon ECR", "/".join(("public.ecr.aws", alias, *names)))
    raise InvalidReference(NO_IMAGE_PAGE, site="Amazon ECR")


def _gitlab(text: str) -> PastedReference | None:
    """The list of a project's images; with a number behind it the page is of one whose name it doesn't tell."""
    parts = _path_of(text, "gitlab.com")
    if parts is None or "container_registry" not in parts[0]:
        return None
    match parts[0]:
        case [*names, "-", "container_registry"] if len(names) > 1:
            pass
        case [*names, "container_registry"] if len(names) > 1:
            pass
        case _:
            raise InvalidReference(NO_IMAGE_PAGE, site="GitLab")
    return _page("GitLab", "/".join(("registry.gitlab.com", *names)).lower())


_PAGES: Final[tuple[Callable[[str], PastedReference | None], ...]] = (
    _docker_hub,
    _quay,
    _github,
    _amazon,
    _gitlab,
)
