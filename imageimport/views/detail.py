"""One import: live, with its layers and the log of its attempts; cancel, retry, dismiss."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.exceptions import Refusal
from accounts.styled import StyledForm
from imageimport import selectors
from imageimport.announcer import how_it_ended
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.views.overview import cards_of, render_live
from projects.models import Project, Role
from projects.views.answers import render_project, take_fields
from projects.views.decorators import current_user, htmx_details, project_view, redirect_htmx, render_dialog

#: Rows of the table of layers; an index of many platforms has more.
MAX_LAYERS: Final = 200


class RetryForm(StyledForm):
    """Credentials for a retry, where those of the first try were erased."""

    username = forms.CharField(label=gettext_lazy("Username"), required=False)
    password = forms.CharField(
        label=gettext_lazy("Password"), required=False, strip=False, widget=forms.PasswordInput
    )


@require_GET
@project_view(Role.VIEWER)
def detail(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """The page of one import."""
    task = get_object_or_404(selectors.with_names(project), pk=task_id)
    return _page(request, project, task, "imageimport/import.html")


@require_GET
@project_view(Role.VIEWER)
def live(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """What changes of it, asked for every 2 seconds while it is active."""
    task = get_object_or_404(selectors.with_names(project), pk=task_id)
    announce = "" if task.is_active else how_it_ended(task)
    return _page(request, project, task, "imageimport/_import.html", announce=announce)


@require_http_methods(["GET", "POST"])
@project_view(Role.DEVELOPER)
def cancel(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """Ask once, then ask the import to stop."""
    task = _task(project, task_id)
    back = reverse("import-detail", args=[project.name, task.pk])
    if request.method == "GET":
        return render_dialog(
            request, "imageimport/cancel.html", {"task": task, "project": project}, back=back
        )
    with Refusal() as refusal:
        services.cancel(task=task)
    return _after(request, project, task, refusal) or redirect(back)


@require_POST
@project_view(Role.MAINTAINER)
def run_now(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """Let it run outside of its hours."""
    task = _task(project, task_id)
    with Refusal() as refusal:
        services.run_now(task=task)
    return _after(request, project, task, refusal) or redirect("import-detail", project.name, task.pk)


@require_http_methods(["GET", "POST"])
@project_view(Role.DEVELOPER)
def retry(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """Start it again as a new import; asks for credentials where the old ones are gone."""
    task = _task(project, task_id)
    form = RetryForm(request.POST if request.method == "POST" else None, auto_id="again-%s")
    problem: Refusal | None = None
    if request.method == "POST" and form.is_valid():
        with Refusal() as refusal:
            new = services.retry(task=task, user=current_user(request), **form.cleaned_data)
            there = reverse("import-detail", args=[project.name, new.pk])
            return _after(request, project, new, None) or redirect_htmx(request, there)
        problem = take_fields(form, refusal)
    htmx = htmx_details(request)
    if problem and htmx and htmx.target != "asked-body":
        return _after(request, project, task, problem) or HttpResponse(status=204)
    context = {"form": form, "task": task, "project": project, "problem": problem}
    back = reverse("import-detail", args=[project.name, task.pk])
    return render_dialog(
        request, "imageimport/retry.html", context, back=back, status=422 if request.method == "POST" else 200
    )


@require_POST
@project_view(Role.DEVELOPER)
def dismiss(request: HttpRequest, project: Project, task_id: UUID) -> HttpResponse:
    """Take a failure off the project page; the history keeps it."""
    task = _task(project, task_id)
    services.dismiss(task=task)
    if request.POST.get("back") == "home":
        return redirect("home")
    return _after(request, project, task, None) or redirect(_where_the_next_failure_is(project))


def _where_the_next_failure_is(project: Project) -> str:
    """The project's page; a browser opens the line of failures there if the address names one that stands behind it."""
    folded = cards_of(project).folded
    return reverse("project", args=[project.name]) + (f"#import-{folded[0].pk}" if folded else "")


@require_POST
@project_view(Role.DEVELOPER)
def dismiss_all(request: HttpRequest, project: Project) -> HttpResponse:
    """Take every failure off the project page; the history keeps them."""
    services.dismiss_all(project=project)
    if htmx_details(request):
        return render_live(request, project, cards_of(project))
    return redirect("project", project.name)


def _after(
    request: HttpRequest, project: Project, task: ImportTask, problem: Refusal | None
) -> HttpResponse | None:
    """The fragment that the button stands in; None where a whole page is to follow."""
    htmx = htmx_details(request)
    target = htmx.target if htmx else None
    if target == "imports-live":
        return render_live(request, project, cards_of(project), problem=problem)
    if target == "import-live" and (problem or task.status != Status.PENDING or not task.retry_of_id):
        fresh = selectors.with_names(project).get(pk=task.pk)
        return _page(request, project, fresh, "imageimport/_import.html", problem=problem)
    return None


def _task(project: Project, task_id: UUID) -> ImportTask:
    """The row with all that the services need."""
    return get_object_or_404(selectors.to_act_on(project), pk=task_id)


def _page(
    request: HttpRequest, project: Project, task: ImportTask, template: str, **more: Any
) -> HttpResponse:
    selectors.add_artifact_types(project, [task])
    layers = list(task.layers.order_by("position")[: MAX_LAYERS + 1])
    history: list[Any] = list(task.history.order_by("fence"))
    free_since: dt.datetime | None = task.created_at
    for attempt in history:
        attempt.seconds = _seconds(attempt.started_at, attempt.ended_at)
        attempt.waited = _seconds(free_since, attempt.started_at)
        free_since = attempt.ended_at
    context = {
        "task": task,
        "layers": layers[:MAX_LAYERS],
        "more_layers": len(layers) > MAX_LAYERS,
        "history": history,
        "seconds": _seconds(task.started_at, task.completed_at),
        **_transferred(task, history),
        "arrived": selectors.arrived([task]),
        "retries": list(task.retries.only("pk", "created_at")[:5]) if task.is_terminal else [],
        **more,
    }
    return render_project(request, project, template, context, tab="imports")


def _transferred(task: ImportTask, history: list[Any]) -> dict[str, int]:
    """``transferred``: bytes that the last attempt of an ended import moved; ``average``: that a second."""
    seconds = history[-1].seconds if history and task.is_terminal else None
    moved = max(0, task.bytes_done - task.bytes_reused)
    return {"transferred": moved, "average": int(moved / seconds)} if seconds and moved else {}


def _seconds(start: dt.datetime | None, end: dt.datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None
