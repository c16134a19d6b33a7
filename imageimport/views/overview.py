"""The project page: images, and the imports that run now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_htmx.http import replace_url

from accounts.preferences import pull_client_of
from imageimport import selectors
from imageimport.announcer import how_it_ended
from imageimport.choices import ACTIVE, Status
from imageimport.exceptions import Refused
from imageimport.forms.imports import ImportForm
from imageimport.models import ImportTask
from projects.commands import client_commands, kubernetes_secret
from projects.models import Project, Role
from projects.pull_commands import address, kind_of, pull_command
from projects.registry.health import registry_answers
from projects.selectors import images_of, search_images
from projects.views.decorators import htmx_of, project_view, rights_in
from projects.views.pagination import page_of

#: Cards on top of the page; the history has the others.
MAX_CARDS: Final = 12
#: References that an empty project offers to try.
SAMPLES: Final = ("nginx:alpine", "redis:7", "ghcr.io/aquasecurity/trivy:latest")
#: Images that one look at the page names as arrived, at most.
_SEEN_MOST: Final = 40


@dataclass(frozen=True, slots=True)
class Cards:
    """The imports on top of the project page."""

    tasks: list[ImportTask]
    more: bool

    @property
    def moving(self) -> bool:
        """Whether anything may still change by itself: then the page asks again."""
        return any(task.status in ACTIVE for task in self.tasks)

    @property
    def active_ids(self) -> str:
        return ",".join(task.pk.hex for task in self.tasks if task.status in ACTIVE)


def cards_of(project: Project) -> Cards:
    """Running ones first, then those that wait, failures, and what has just arrived."""
    found = selectors.shown_on_project_page(project, MAX_CARDS + 1)
    order = [Status.RUNNING, Status.CANCELING, Status.PENDING, Status.FAILED, Status.SUCCESS, Status.CANCELED]
    found.sort(key=lambda task: (task.created_at, task.pk), reverse=True)
    found.sort(key=lambda task: order.index(Status(task.status)))
    selectors.add_artifact_types(project, found[:MAX_CARDS])
    return Cards(found[:MAX_CARDS], len(found) > MAX_CARDS)


@require_GET
@project_view(Role.VIEWER)
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    """The page itself."""
    rights = rights_in(project)
    cards = cards_of(project)
    context: dict[str, Any] = {
        "project": project,
        "can": rights,
        "tab": "images",
        "cards": cards,
        "moving": cards.moving,
        "arrived": selectors.arrived(cards.tasks),
        "samples": SAMPLES,
        "commands": client_commands(project),
        "kubernetes": kubernetes_secret(project),
        "registry_away": not registry_answers(),
        "form": ImportForm(project=project) if rights.develop else None,
        **_images(request, project),
    }
    return render(request, "imageimport/project.html", context)


@require_GET
@project_view(Role.VIEWER)
def images(request: HttpRequest, project: Project) -> HttpResponse:
    """The list of images alone, and how many there are: for the search, and when an import has brought one."""
    if not htmx_of(request):
        return overview(request, name=project.name)
    context = {
        "project": project,
        "can": rights_in(project),
        "samples": SAMPLES,
        "counts": True,
        **_images(request, project),
    }
    response = render(request, "imageimport/_images.html", context)
    return replace_url(response, _with_search(context["list_url"], context["search"]))


@require_GET
@project_view(Role.VIEWER)
def live(request: HttpRequest, project: Project) -> HttpResponse:
    """The imports on top, asked for every 2 seconds while one is active."""
    cards = cards_of(project)
    before = set(request.GET.get("active", "").split(",")[:_SEEN_MOST]) - {""}
    response = render_live(request, project, cards, announce=_ended(before, cards))
    if before - set(cards.active_ids.split(",")):
        response["HX-Trigger"] = "images-changed"
    return response


def render_live(
    request: HttpRequest,
    project: Project,
    cards: Cards,
    *,
    announce: str = "",
    problem: Refused | None = None,
) -> HttpResponse:
    """The fragment of the imports on top.

    :param announce: a sentence for those who can't see it change.
    :param problem: why what was asked for was not done.
    """
    context = {
        "project": project,
        "can": rights_in(project),
        "cards": cards,
        "announce": announce,
        "arrived": selectors.arrived(cards.tasks),
        "problem": problem,
    }
    return render(request, "imageimport/_cards.html", context)


def _ended(before: set[str], cards: Cards) -> str:
    """What has ended of those that were active when this page looked last, as a sentence."""
    ended = [task for task in cards.tasks if task.pk.hex in before and task.status not in ACTIVE]
    if not ended:
        return ""
    return how_it_ended(ended[0])


def _with_search(url: str, text: str) -> str:
    return f"{url}?{urlencode({'search': text})}" if text else url


def _images(request: HttpRequest, project: Project) -> dict[str, Any]:
    text = request.GET.get("search", "").strip()
    found = images_of(project)
    page = page_of(
        request, search_images(found, text, project_id=project.pk) if text else found, by="updated_at"
    )
    client = pull_client_of(request)
    for image in page.rows:
        image.pull = pull_command(image, client)
        image.address = address(image)
        image.kind = kind_of(image.artifact_type)
    return {
        "page": page,
        "search": text,
        "kept": [("search", text)] if text else [],
        "list_url": reverse("project", args=[project.name]),
    }
