"""Pages of what is inside an image: configuration and layers, SBOMs, a comparison."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET

from accounts.exceptions import Refusal
from oci.errors import OciError
from oci.spec.manifest import Descriptor
from oci.spec.strict_json import Json, dump
from projects.contents import comparing, comparing_files, downloads, listing, sboms
from projects.contents.files import Indexing
from projects.contents.reading import Read, opened_place, read_image
from projects.models import Image, Project, Role
from projects.selectors import images_of
from projects.views.answers import refusals_at, render_project
from projects.views.decorators import current_user, project_view
from projects.views.pagination import page_size

_NUMBER: Final = 6
#: Labels that lead somewhere are links; nothing else of what a stranger wrote is.
_LINK: Final = re.compile(r"https?://[^\s\"'<>\\]{1,1000}")
#: Tags that are offered to compare with.
_PARTNERS: Final = 50
_PLAIN: Final = ("Entrypoint", "Cmd", "WorkingDir", "User", "Shell", "StopSignal", "Healthcheck", "OnBuild")
_KEYS: Final = ("ExposedPorts", "Volumes")


@dataclass(frozen=True, slots=True)
class Labelled:
    """A name and a text; ``link`` where the text is an address on the web."""

    name: str
    value: str

    @property
    def link(self) -> str:
        return self.value if _LINK.fullmatch(self.value) else ""


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of a list in memory."""

    rows: list[Any]
    total: int
    earlier: int | None
    later: int | None


def image_page(
    tab: str, *, polls: bool = False
) -> Callable[[Callable[..., dict[str, Any]]], Callable[..., HttpResponse]]:
    """A page inside an image: the view gives its context. What the registry or the request does not let it show is
    said on the page, with ``fault``.

    :param tab: which of the pages; its template is ``projects/inside/<tab>.html``.
    :param polls: it waits for something, with ``polls`` in its context, and a fault that passes does not end that.
    """

    def decorate(view: Callable[..., dict[str, Any]]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def shown(request: HttpRequest, project: Project, image_id: UUID, **kwargs: Any) -> HttpResponse:
            image = get_object_or_404(images_of(project), pk=image_id)
            context: dict[str, Any] = {"image": image, "inside": tab}
            with Refusal() as refusal:
                context |= view(request, image, **kwargs)
            if refusal:
                context["fault"] = refusal.detail
                # A page that asks again by itself goes on when the registry is back.
                context["polls"] = polls and _passes(refusal)
            return render_project(request, project, f"projects/inside/{tab}.html", context, tab="images")

        return require_GET(project_view(Role.VIEWER)(shown))

    return decorate


@image_page("contents")
def contents(request: HttpRequest, image: Image) -> dict[str, Any]:
    """Configuration, labels, history and layers of one platform."""
    with opened_place(image, current_user(request)) as place:
        read = read_image(place, image.digest, _asked(request, "platform"))
    sizes = {layer.digest: layer for layer in read.manifest.layers}
    return {
        "read": read,
        "steps": [(step, sizes.get(step.layer or "")) for step in read.configuration.history],
        "environment": _environment(read.configuration.config.get("Env")),
        "settings": list(_settings(read)),
        "labels": [Labelled(name, value) for name, value in sorted(read.configuration.labels.items())],
        "annotations": [Labelled(name, value) for name, value in sorted(read.manifest.annotations.items())],
        "size": sum({layer.digest: layer.size for layer in read.manifest.layers}.values()),
        "manifest": read.manifest.body.decode("utf-8", "replace"),
    }


@image_page("compare")
def compare(request: HttpRequest, image: Image) -> dict[str, Any]:
    """Choose another image, and see what changed from it to this one."""
    other, platform = _asked(request, "with"), _asked(request, "platform")
    partners = images_of(image.project).filter(repository=image.repository).exclude(pk=image.pk)
    context: dict[str, Any] = {"partners": partners[:_PARTNERS], "other": other, "platform": platform}
    if not other:
        return context
    with Refusal() as refusal:
        found = comparing.compare(image, current_user(request), other, platform)
    if refusal:
        return {**context, "fault": refusal.detail}
    changes = [(change.key, _text(change.before), _text(change.after)) for change in found.config]
    return {**context, "found": found, "changes": changes, "bytes_added": _sum(found.layers.added)}


@image_page("compare_files", polls=True)
def compare_files(request: HttpRequest, image: Image) -> dict[str, Any]:
    """Files that differ from those of another image; progress while a worker reads the layers of both."""
    other, platform = _asked(request, "with"), _asked(request, "platform")
    size, start = page_size(request), _start(request)
    context: dict[str, Any] = {"inside": "compare", "other": other, "platform": platform}
    found = comparing_files.changed_files(
        image, current_user(request), other, platform=platform, part=(start, size)
    )
    if isinstance(found, Indexing):
        return {**context, "indexing": found, "polls": True}
    later = start + size if found.more else None
    return {**context, "page": Rows(found.changes, 0, max(0, start - size) if start else None, later)}


@image_page("sboms")
def sbom_list(request: HttpRequest, image: Image) -> dict[str, Any]:
    """The attached SBOMs, and the packages of one of them: of ``?sbom=``, else of the first."""
    wanted, search = _asked(request, "sbom"), _asked(request, "search")
    with opened_place(image, current_user(request)) as place:
        attached = sboms.find_attached(place, image.digest)
        found = [each.sbom for each in attached if each.sbom]
        chosen = next((each for each in found if each.layer.digest == wanted), found[0] if found else None)
        others = [each for each in attached if each.sbom is None]
        context: dict[str, Any] = {"sboms": found, "chosen": chosen, "search": search, "others": others}
        if chosen is None:
            return context
        with Refusal() as refusal:
            packages = sboms.packages_of(place, chosen)
        if refusal:
            return {**context, "fault": refusal.detail}
    return {
        **context,
        "count": len(packages),
        "page": paged(request, sboms.search_packages(packages, search)),
    }


@require_GET
@project_view(Role.VIEWER)
def sbom_file(request: HttpRequest, project: Project, image_id: UUID, digest: str) -> HttpResponse:
    """An SBOM, or another document, as it is attached."""
    image = get_object_or_404(images_of(project), pk=image_id)
    with Refusal() as refusal:
        return cast(HttpResponse, downloads.attached_file(image, current_user(request), digest))
    context = {"image": image, "inside": "sboms", "fault": refusal.detail}
    return render_project(request, project, "projects/inside/sboms.html", context, tab="images")


@image_page("files", polls=True)
def files(request: HttpRequest, image: Image) -> dict[str, Any]:
    """A directory of the image, or what ``?search=`` finds below it; progress while a worker reads the layers."""
    platform, search, size = _asked(request, "platform"), _asked(request, "search"), page_size(request)
    start = _start(request)
    found = listing.list_files(
        image,
        current_user(request),
        platform=platform,
        path=request.GET.get("path", ""),
        search=search,
        part=(start, size),
    )
    if isinstance(found, Indexing):
        return {"indexing": found, "polls": True}
    parts = [part for part in found.path.split("/") if part]
    return {
        "platform": found.platform,
        "path": found.path,
        "way": [(part, "/" + "/".join(parts[: number + 1])) for number, part in enumerate(parts)],
        "search": search,
        "page": Rows(
            found.files, 0, max(0, start - size) if start else None, start + size if found.more else None
        ),
    }


@require_GET
@project_view(Role.VIEWER)
@refusals_at("image")
def file(request: HttpRequest, project: Project, image_id: UUID) -> HttpResponse:
    """A small file of the image as a download."""
    image = get_object_or_404(images_of(project), pk=image_id)
    platform, path = _asked(request, "platform"), request.GET.get("path", "")
    found = listing.file_content(image, current_user(request), platform=platform, path=path)
    if isinstance(found, Indexing):
        return redirect("image-files", project.name, image.pk)
    return found


def _passes(refusal: Refusal) -> bool:
    return isinstance(refusal.error, OciError) and refusal.error.retryable


def _start(request: HttpRequest) -> int:
    asked = request.GET.get("from", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= _NUMBER else 0


def paged(request: HttpRequest, rows: list[Any]) -> Rows:
    """The page that ``?from=`` begins."""
    size, start = page_size(request), _start(request)
    return Rows(
        rows[start : start + size],
        len(rows),
        max(0, start - size) if start else None,
        start + size if start + size < len(rows) else None,
    )


def _asked(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "").strip()


def _environment(lines: Json) -> list[Labelled]:
    texts = [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []
    return [Labelled(*line.partition("=")[::2]) for line in texts]


def _settings(read: Read) -> Iterable[Labelled]:
    config: Mapping[str, Json] = read.configuration.config
    for name in _PLAIN:
        if config.get(name) not in (None, "", [], {}):
            yield Labelled(name, _text(config[name]))
    for name in _KEYS:
        value = config.get(name)
        if isinstance(value, dict) and value:
            yield Labelled(name, ", ".join(sorted(value)))


def _text(value: Json) -> str:
    """A value of the configuration as people read it: a command's words as one line."""
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value).decode()


def _sum(layers: Iterable[Descriptor]) -> int:
    return sum({layer.digest: layer.size for layer in layers}.values())
