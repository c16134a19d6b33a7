"""What an import would do, without doing it."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from imageimport import plan as planner
from imageimport.forms import ImportForm
from imageimport.requests import FieldErrors
from oci.errors import OciError
from projects.models import Project, Role
from projects.views.images import sentence_of
from projects.web import htmx_of, project_view, user_of


@require_POST
@project_view(Role.DEVELOPER)
def plan(request: HttpRequest, project: Project) -> HttpResponse:
    """The *Plan* part of the form: sizes, what is here, what it would overwrite, what it costs."""
    form = ImportForm(request.POST, project=project)
    context: dict[str, Any] = {"project": project, "form": form}
    if form.is_valid():
        try:
            made = planner.make_plan(project=project, user=user_of(request), request=form.to_request())
        except FieldErrors as exc:
            context["problem"] = next(iter(exc.errors.values()))[0]
        except OciError as exc:
            context |= {"problem": sentence_of(exc), "code": exc.code}
        else:
            context |= {"plan": made, "warnings": made.warnings, "task": made}
    else:
        context["problem"] = _("Correct the fields first.")
    if htmx_of(request):
        return render(request, "imageimport/_plan.html", context)
    return render(
        request, "imageimport/import_new.html", {**context, "plan_problem": context.pop("problem", "")}
    )
