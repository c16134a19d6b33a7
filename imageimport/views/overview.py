"""The project page: images, and the imports that run now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET
from django_htmx.http import replace_url

from accounts.exceptions import Refusal
from accounts.preferences import pull_client_of
from imageimport import selectors
from imageimport.announcer import how_it_ended
from imageimport.choices import ACTIVE, MOVING, Status
from imageimport.forms.imports import ImportForm
from imageimport.models import ImportTask
from imageimport.views import columns
from projects.commands import address, client_commands, kind_of, kubernetes_secret, pull_command
from projects.models import Project, Role, SavedFilter
from projects.registry.health import registry_answers
from projects.scanning.selectors import with_scans
from projects.search.saved_filters import saved_filters
from projects.selectors import images_of, search_images
from projects.views.answers import render_project
from projects.views.decorators import current_rights, current_user, htmx_details, project_view
from projects.views.pagination import page_of, sorted_page_of

#: Cards on top of the page, and as many failures; the history has the others.
MAX_CARDS: Final = 12
#: References that an empty project offers to try.
SAMPLES: Final = ("nginx:alpine", "redis:7", "ghcr.io/aquasecurity/trivy:latest")
#: Images that one look at the page names as arrived, at most.
_MAX_SEEN: Final = 40


@dataclass(frozen=True, slots=True)
class Cards:
    """The imports on top of the project page."""

    tasks: list[ImportTask]
    more: bool

    @property
    def moving(self) -> bool:
        """Whether anything may still change by itself: then the page asks again."""
        return any(task.status in MOVING for task in self.tasks)

    @property
    def active(self) -> list[ImportTask]:
        """Those in the strip: not ended."""
        return [task for task in self.tasks if task.status in ACTIVE]

    @property
    def ended(self) -> list[ImportTask]:
        """The others, as far as they are not :attr:`folded`."""
        return [task for task in self.tasks if task.status not in ACTIVE and task not in self.folded]

    @property
    def folded(self) -> list[ImportTask]:
        """Failures that stand behind one line, so that they don't push the images away. One alone has its card: its
        reason is what the reader waits for."""
        failed = [task for task in self.tasks if task.status == Status.FAILED]
        return failed if len(failed) > 1 else []

    @property
    def active_ids(self) -> str:
        return ",".join(task.pk.hex for task in self.tasks if task.status in ACTIVE)


def cards_of(project: Project) -> Cards:
    """Running ones first, then those that wait, failures, and what has just arrived."""
    found = selectors.shown_on_project_page(project, MAX_CARDS + 1)
    order = [
        Status.RUNNING,
        Status.CANCELING,
        Status.PENDING,
        Status.REQUESTED,
        Status.FAILED,
        Status.SUCCESS,
        Status.CANCELED,
    ]
    found.sort(key=lambda task: (task.created_at, task.pk), reverse=True)
    found.sort(key=lambda task: order.index(Status(task.status)))
    failed = [task for task in found if task.status == Status.FAILED][:MAX_CARDS]
    others = [task for task in found if task.status != Status.FAILED][:MAX_CARDS]
    shown = [task for task in found if task in failed or task in others]
    selectors.add_artifact_types(project, shown)
    return Cards(shown, len(found) > len(shown))


@require_GET
@project_view(Role.VIEWER)
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    """The page of a project: what runs now, and its images."""
    return _page(request, project)


def _page(request: HttpRequest, project: Project) -> HttpResponse:
    cards = cards_of(project)
    context: dict[str, Any] = {
        "cards": cards,
        "moving": cards.moving,
        "arrived": selectors.arrived(cards.tasks),
        "samples": SAMPLES,
        "commands": client_commands(project),
        "kubernetes": kubernetes_secret(project),
        "registry_away": not registry_answers(),
        "form": ImportForm(project=project) if current_rights(project).develop else None,
        **_images(request, project),
    }
    return render_project(request, project, "imageimport/project.html", context, tab="images")


@require_GET
@project_view(Role.VIEWER)
def images(request: HttpRequest, project: Project) -> HttpResponse:
    """The list of images alone, and how many there are: for the search, and when an import has brought one."""
    if not htmx_details(request):
        return _page(request, project)
    context = {"samples": SAMPLES, "counts": True, **_images(request, project)}
    response = render_project(request, project, "imageimport/_images.html", context)
    kept = urlencode(context["kept"])
    return replace_url(response, context["list_url"] + (f"?{kept}" if kept else ""))


@require_GET
@project_view(Role.VIEWER)
def live(request: HttpRequest, project: Project) -> HttpResponse:
    """The imports on top, asked for every 2 seconds while one is active."""
    cards = cards_of(project)
    before = set(request.GET.get("active", "").split(",")[:_MAX_SEEN]) - {""}
    ended = [task for task in cards.tasks if task.pk.hex in before and task.status not in ACTIVE]
    announce = how_it_ended(ended[0]) if ended else ""
    response = render_live(request, project, cards, announce=announce, ended=ended)
    if before - set(cards.active_ids.split(",")):
        response["HX-Trigger"] = "images-changed"
    return response


def render_live(
    request: HttpRequest,
    project: Project,
    cards: Cards,
    *,
    announce: str = "",
    ended: Sequence[ImportTask] = (),
    problem: Refusal | None = None,
) -> HttpResponse:
    """The fragment of the imports on top.

    :param announce: a sentence for those who can't see it change.
    :param ended: what has ended since this page looked last; the tab's icon says how.
    :param problem: why what was asked for was not done.
    """
    context = {
        "cards": cards,
        "announce": announce,
        "ended": _worst(ended),
        "arrived": selectors.arrived(cards.tasks),
        "problem": problem,
    }
    return render_project(request, project, "imageimport/_cards.html", context)


def _worst(ended: Sequence[ImportTask]) -> str:
    """``failed`` where any of them has, else ``done`` where any arrived."""
    statuses = {task.status for task in ended}
    if Status.FAILED in statuses:
        return "failed"
    return "done" if Status.SUCCESS in statuses else ""


def _images(request: HttpRequest, project: Project) -> dict[str, Any]:
    text = request.GET.get("search", "").strip()
    repository = request.GET.get("repository", "").replace("\x00", "").strip()
    found = with_scans(images_of(project)).filter(**({"repository": repository} if repository else {}))
    order = request.GET.get("order", "")
    order = order if order.removeprefix("-") in columns.ORDERS else ""
    found = search_images(found, text, projects=[project.pk]) if text else found
    page = sorted_page_of(request, found, order) if order else page_of(request, found, by="updated_at")
    client, shown = pull_client_of(request), columns.columns_of(request)
    for image in page.rows:
        image.pull = pull_command(image, client)
        image.address = address(image)
        image.kind = kind_of(image.artifact_type)
    narrowed = [(name, value) for name, value in (("search", text), ("repository", repository)) if value]
    return {
        "page": page,
        "search": text,
        "repository": repository,
        "order": order,
        "shown": shown,
        "heads": columns.heads(shown, order),
        "column_choices": columns.choices(shown),
        "kept": [*narrowed, *([("order", order)] if order else [])],
        "kept_but_order": narrowed,
        "saved_list": SavedFilter.List.IMAGES,
        "saved_filters": saved_filters(
            project=project, user=current_user(request), of=SavedFilter.List.IMAGES
        ),
        "list_url": reverse("project", args=[project.name]),
    }
