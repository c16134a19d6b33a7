"""Rules: of a project, and of the whole installation; what they would have done before one is saved."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.exceptions import Refusal
from imageimport.forms.policy import ProjectPolicyForm, RuleForm
from imageimport.models import PolicyRule
from imageimport.policy import selectors, services, trust
from projects import services as project_services
from projects.models import Project, Role
from projects.views.answers import edit_view, render_project, settings_of, take
from projects.views.decorators import (
    current_rights,
    current_user,
    project_view,
    redirect_htmx,
    render_dialog,
    superuser_view,
)

#: How far the dry run of the form looks back, days.
DAYS: Final = 30
_FORM: Final = "imageimport/policy/rule_form.html"


@require_GET
@project_view(Role.MAINTAINER)
def rules(request: HttpRequest, project: Project) -> HttpResponse:
    """The rules of a project, in order, and those of the installation that come before."""
    context = {"rules": _rows(project), "before": _rows(None), "add_url": _url("rule-add", project)}
    return render_project(request, project, "imageimport/policy/rules.html", context, tab="settings")


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def add(request: HttpRequest, project: Project) -> HttpResponse:
    """Make a rule of a project."""
    return _edit(request, project, None)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def edit(request: HttpRequest, project: Project, rule_id: UUID) -> HttpResponse:
    """Change a rule of a project."""
    return _edit(request, project, _find(rule_id, project))


@require_POST
@project_view(Role.MAINTAINER)
def move(request: HttpRequest, project: Project, rule_id: UUID) -> HttpResponse:
    """Move a rule of a project up or down."""
    return _move(request, project, _find(rule_id, project))


@require_POST
@project_view(Role.MAINTAINER)
def delete(request: HttpRequest, project: Project, rule_id: UUID) -> HttpResponse:
    """Take a rule of a project away."""
    return _delete(request, project, _find(rule_id, project))


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def settings(request: HttpRequest, project: Project) -> HttpResponse:
    """What the project says beside its rules."""
    form = ProjectPolicyForm(
        request.POST if request.method == "POST" else None,
        project=project,
        owns=current_rights(project).own,
        auto_id="policy-%s",
    )
    back = settings_of(project, "policy")

    def save() -> HttpResponse:
        project_services.update_project(project=project, changes=dict(form.cleaned_data))
        messages.success(request, _("The project was saved."))
        return redirect_htmx(request, back)

    context = {"project": project}
    return edit_view(
        request, form, save, template="imageimport/policy/settings.html", context=context, back=back
    )


@require_GET
@superuser_view
def installation_rules(request: HttpRequest) -> HttpResponse:
    """The rules of the installation, in order."""
    context = {"rules": _rows(None), "add_url": _url("rule-add", None)}
    return render(request, "imageimport/policy/installation.html", context)


@require_http_methods(["GET", "POST"])
@superuser_view
def installation_add(request: HttpRequest) -> HttpResponse:
    """Make a rule of the installation."""
    return _edit(request, None, None)


@require_http_methods(["GET", "POST"])
@superuser_view
def installation_edit(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Change a rule of the installation."""
    return _edit(request, None, _find(rule_id, None))


@require_POST
@superuser_view
def installation_move(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Move a rule of the installation up or down."""
    return _move(request, None, _find(rule_id, None))


@require_POST
@superuser_view
def installation_delete(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    """Take a rule of the installation away."""
    return _delete(request, None, _find(rule_id, None))


def _edit(request: HttpRequest, owner: Project | None, rule: PolicyRule | None) -> HttpResponse:
    form = RuleForm(
        request.POST if request.method == "POST" else None,
        rule=rule,
        signers=_signers(owner),
        auto_id="rule-%s",
    )
    context: dict[str, Any] = {"rule": rule, "days": DAYS}
    back = _url("rules", owner)
    if "try" in request.POST and form.is_valid():
        with Refusal() as refusal:
            draft = services.draft(project=owner, values=form.values(), of=rule)
            context["tried"] = selectors.dry_run(project=owner, days=DAYS, draft=draft)
            return render_dialog(request, _FORM, {"form": form, **context}, back=back)
        take(form, refusal)

    def save() -> HttpResponse:
        if rule is None:
            services.create(project=owner, user=current_user(request), **form.values())
        else:
            services.update(rule=rule, changes=form.values())
        messages.success(request, _("The rule %(name)s was saved.") % {"name": form.cleaned_data["name"]})
        return redirect_htmx(request, back)

    return edit_view(request, form, save, template=_FORM, context=context, back=back)


def _move(request: HttpRequest, owner: Project | None, rule: PolicyRule) -> HttpResponse:
    """``to``: ``up`` or ``down``. What does not move says so by staying where it is."""
    if services.move(rule=rule, up=request.POST.get("to") == "up"):
        sentence = _("The rule %(name)s is now at position %(position)d.")
        messages.success(request, sentence % {"name": rule.name, "position": rule.position})
    return redirect(f"{_url('rules', owner)}#rule-{rule.pk}")


def _delete(request: HttpRequest, owner: Project | None, rule: PolicyRule) -> HttpResponse:
    services.delete(rule=rule)
    messages.success(request, _("The rule %(name)s was deleted.") % {"name": rule.name})
    return redirect(_url("rules", owner))


def _find(rule_id: UUID, owner: Project | None) -> PolicyRule:
    found = services.find(rule_id, owner)
    if found is None:
        raise Http404
    return found


def _rows(owner: Project | None) -> list[PolicyRule]:
    """Each rule with the addresses of its own pages, and the names of signers."""
    rows: list[Any] = list(selectors.rules_of(owner))
    signers = _signers(owner) if rows else {}
    for row in rows:
        row.signers = signers
        row.edit_url = _url("rule-edit", owner, row.pk)
        row.move_url = _url("rule-move", owner, row.pk)
        row.delete_url = _url("rule-delete", owner, row.pk)
    return rows


def _signers(owner: Project | None) -> dict[str, str]:
    """Names of those that rules may ask for, by their ids."""
    return {str(pk): name for pk, name in trust.for_rules(owner).values_list("pk", "name")}


def _url(name: str, owner: Project | None, *more: object) -> str:
    if owner is None:
        return reverse(f"installation-{name}", args=more)
    return reverse(name, args=[owner.name, *more])
