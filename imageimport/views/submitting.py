"""Asking for an import: the form, its live reading of the reference, and the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import reswap, retarget, trigger_client_event

from accounts.exceptions import Refusal, filled
from imageimport.batches import services as batches
from imageimport.batches.parsing import read_list
from imageimport.choices import Status
from imageimport.credentials import services as credentials
from imageimport.forms.imports import ImportForm
from imageimport.models import ImportTask
from imageimport.submission import services
from imageimport.submission.repairs import Repair, repair_of
from imageimport.submission.requests import ImportRequest, prepare
from imageimport.views.overview import cards_of, render_live
from oci.reference.parser import Reference, valid_tag
from projects.models import Project, Role
from projects.views.answers import take_fields
from projects.views.decorators import current_rights, current_user, htmx_details, project_view, redirect_htmx

#: Lines of a list that can't be read and are said one by one.
_BAD_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Reading:
    """How a reference is understood and where it would go."""

    source: Reference
    task: ImportTask
    notes: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """The target image, up to its name."""
        return self.task.target_image.removesuffix(f"/{self.task.target_name}:{self.task.target_tag}")

    @property
    def platforms(self) -> str:
        """Those that the pasted text asks for, with commas."""
        return "" if self.task.platforms_by_default else ",".join(self.task.platforms)


@require_http_methods(["GET", "POST"])
@project_view(Role.DEVELOPER, or_asks=True)
def import_new(request: HttpRequest, project: Project) -> HttpResponse:
    """The form as a page, and where both forms are sent to."""
    if request.method == "GET":
        return _first_form(request, project)
    form = ImportForm(request.POST, project=project)
    if not form.is_valid():
        return _form(request, project, form, 422)
    with Refusal() as refusal:
        if form.cleaned_data["mode"] == "many" and current_rights(project).develop:
            return _start_many(request, project, form)
        return _started(request, project, _start_one(request, project, form))
    return _form(request, project, form, 422, problem=take_fields(form, refusal))


@require_http_methods(["GET", "POST"])
def import_anywhere(request: HttpRequest) -> HttpResponse:
    """The form of the project that was chosen, with what was typed; nothing is started. By GET, as a reload of it asks,
    the page where one chooses."""
    if request.method == "GET":
        return redirect("home")
    return _in_project(request, name=request.POST.get("project", ""))


@project_view(Role.DEVELOPER)
def _in_project(request: HttpRequest, project: Project) -> HttpResponse:
    return _first_form(request, project)


@require_http_methods(["GET", "POST"])
@project_view(Role.DEVELOPER, or_asks=True)
def reading(request: HttpRequest, project: Project) -> HttpResponse:
    """How the typed reference is understood; asks no registry. The form asks by POST: what is typed may have a
    password in it, and addresses stand in logs."""
    text = request.POST.get("image_url") or request.GET.get("image_url", "")
    return render(request, "imageimport/_reading.html", _reading(project, request, text))


@require_POST
@project_view(Role.DEVELOPER)
def reading_many(request: HttpRequest, _project: Project) -> HttpResponse:
    """How many images a pasted list holds, and which lines can't be read."""
    text = request.POST.get("images", "")
    context: dict[str, Any] = {}
    if text.strip():
        with Refusal() as refusal:
            entries = read_list(text).entries
        if refusal:
            context["error"] = refusal.detail
        else:
            bad = [entry for entry in entries if entry.error]
            context = {
                "entries": entries,
                "good": len(entries) - len(bad),
                "bad": [
                    {"line": entry.line, "text": entry.text, "sentence": filled(*entry.error)}
                    for entry in bad[:_BAD_SHOWN]
                    if entry.error
                ],
            }
    return render(request, "imageimport/_reading_many.html", context)


def _first_form(request: HttpRequest, project: Project) -> HttpResponse:
    """The form with what the address says: a reference (``image_url``), or a failed import to edit (``again``)."""
    form = ImportForm(project=project, repair=_repair(request, project))
    if form.repair is None:
        mode = "many" if request.GET.get("mode") == "many" else "one"
        # By POST from the overview: what is typed may have a password in it, and addresses stand in logs.
        asked = request.POST.get("image_url") or request.GET.get("image_url", "")
        form.initial = {**form.initial, "image_url": asked, "mode": mode}
    text = str(form.initial["image_url"])
    read = _reading(project, request, text) if text else {}
    chosen = read.get("chosen")
    if chosen and not form.repair:
        form.initial["credential"] = chosen.pk
    chose = form.repair.chose if form.repair else bool(chosen)
    return _form(request, project, form, 200, chose=chose, **read)


def _repair(request: HttpRequest, project: Project) -> Repair | None:
    """The repair of the import that ``again`` names; 404 where it is no failed or canceled one of this project."""
    text = request.GET.get("again", "")
    if not text:
        return None
    try:
        wanted = UUID(text)
    except ValueError:
        raise Http404 from None
    tag = request.GET.get("tag", "")
    return repair_of(
        _ended(project, wanted), focus=request.GET.get("focus", ""), tag=tag if valid_tag(tag) else ""
    )


def _ended(project: Project, task_id: UUID) -> ImportTask:
    rows = ImportTask.objects.retryable().filter(project=project).select_related("project")
    return get_object_or_404(rows, pk=task_id)


def _start_one(request: HttpRequest, project: Project, form: ImportForm) -> ImportTask:
    wanted, user = form.to_request(), current_user(request)
    again = form.cleaned_data["again"]
    develops = current_rights(project).develop
    if again is None or not develops:
        return services.submit(project=project, user=user, request=wanted, only_ask=not develops)
    old = _ended(project, again)
    return services.retry_edited(task=old, user=user, request=wanted)


def _reading(project: Project, request: HttpRequest, text: str) -> dict[str, Any]:
    if not text.strip():
        return {}
    with Refusal() as refusal:
        prepared = prepare(project=project, user=current_user(request), request=ImportRequest(image_url=text))
    if refusal:
        return {"reading_error": refusal.detail}
    return {
        "chosen": credentials.only_one_for(project=project, host=prepared.source.host),
        "reading": Reading(prepared.source, prepared.task, prepared.notes),
    }


def _form(request: HttpRequest, project: Project, form: ImportForm, status: int, **more: Any) -> HttpResponse:
    if form.is_bound and not more.get("reading") and not form["image_url"].errors:
        more |= _reading(project, request, str(form["image_url"].value() or ""))
    context = {"project": project, "form": form, "in_dialog": bool(htmx_details(request)), **more}
    context["can"] = current_rights(project)
    template = "imageimport/_form.html" if htmx_details(request) else "imageimport/import_new.html"
    return render(request, template, context, status=status)


def _started(request: HttpRequest, project: Project, task: ImportTask) -> HttpResponse:
    """Its progress, at once: on the project page for the dialog, else on the import's own."""
    htmx = htmx_details(request)
    if not htmx:
        return redirect("import-detail", project.name, task.pk)
    here = htmx.current_url_abs_path
    if here and urlsplit(here).path != reverse("project", args=[project.name]):
        # The dialog stood on the page of the import that this one takes the place of.
        return redirect_htmx(request, reverse("import-detail", args=[project.name, task.pk]))
    image = {"image": f"{task.target_name}:{task.target_tag}"}
    sentence = _("The import of %(image)s has started.") % image
    if task.is_requested:
        sentence = (
            _("The import of %(image)s needs approval. It starts once a maintainer approves it.") % image
        )
    response = render_live(request, project, cards_of(project), announce=sentence)
    response = reswap(retarget(response, "#imports-live"), "outerHTML")
    return trigger_client_event(response, "import-started", {}, after="settle")


def _start_many(request: HttpRequest, project: Project, form: ImportForm) -> HttpResponse:
    batch = batches.submit_text(
        project=project,
        user=current_user(request),
        text=form.cleaned_data["images"],
        name=form.cleaned_data["batch_name"],
        request=form.to_request(),
    )
    asked = batch.tasks.filter(status=Status.REQUESTED).count()
    count = batch.tasks.count() - asked
    if asked:
        sentence = ngettext("%(count)d import needs approval.", "%(count)d imports need approval.", asked)
        messages.info(request, sentence % {"count": asked})
    if count:
        sentence = ngettext("%(count)d import has started.", "%(count)d imports have started.", count)
        messages.success(request, sentence % {"count": count})
    return redirect_htmx(request, reverse("batch", args=[project.name, batch.pk]))
