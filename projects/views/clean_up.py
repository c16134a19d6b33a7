"""Clean-up of a project: its rules with their dry run, the clock, and protected tags."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from projects import protection, services
from projects.forms import CleanUpClockForm, ProtectedTagForm, RetentionRuleForm
from projects.models import Project, ProtectedTag, RetentionRule, Role
from projects.retention import cleanup, rules
from projects.retention.decision import Verdict
from projects.views.answers import edit_view, refusals_at, render_project
from projects.views.decorators import current_user, project_view, redirect_htmx

#: Tags that a dry run shows of each kind; the API has all.
MAX_SHOWN: Final = 500


@require_GET
@project_view(Role.MAINTAINER)
def page(request: HttpRequest, project: Project) -> HttpResponse:
    """Rules, clock and protected tags."""
    context = {
        "rules": RetentionRule.objects.filter(project=project),
        "patterns": ProtectedTag.objects.filter(project=project),
    }
    return render_project(request, project, "projects/clean_up/page.html", context, tab="settings")


@require_GET
@project_view(Role.MAINTAINER)
def dry_run(request: HttpRequest, project: Project) -> HttpResponse:
    """What clean-up would do now, and why, for each tag."""
    found = cleanup.plan(project)
    context = {
        "plan": found,
        "remove": [_row(verdict) for verdict in found.remove[:MAX_SHOWN]],
        "keep": [_row(verdict) for verdict in found.keep[:MAX_SHOWN]],
        "most": MAX_SHOWN,
    }
    return render_project(request, project, "projects/clean_up/dry_run.html", context, tab="settings")


@require_POST
@project_view(Role.MAINTAINER)
@refusals_at("clean-up")
def run(request: HttpRequest, project: Project) -> HttpResponse:
    """Do what the dry run says."""
    done = cleanup.run(project=project, user=current_user(request))
    count = len(done.remove)
    sentence = ngettext(
        "%(count)d tag was moved to the trash.", "%(count)d tags were moved to the trash.", count
    ) % {"count": count}
    if not done.finished:
        rest = _("The rest follows within minutes.")
        sentence = f"{sentence} {rest}"
    messages.success(request, sentence)
    if done.refused:
        messages.error(request, _refused(done.refused))
    return redirect("clean-up", project.name)


def _refused(verdicts: list[Verdict]) -> str:
    count, first = len(verdicts), verdicts[0]
    return ngettext(
        "%(count)d tag could not be removed. %(image)s: %(why)s",
        "%(count)d tags could not be removed, such as %(image)s: %(why)s",
        count,
    ) % {"count": count, "image": str(first.tag), "why": cleanup.sentence(first)}


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def rule_add(request: HttpRequest, project: Project) -> HttpResponse:
    """A new rule."""
    return _edit_rule(request, project, None)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def rule_edit(request: HttpRequest, project: Project, retention_id: UUID) -> HttpResponse:
    """Change a rule."""
    return _edit_rule(request, project, _rule(project, retention_id))


@require_POST
@project_view(Role.MAINTAINER)
def rule_delete(request: HttpRequest, project: Project, retention_id: UUID) -> HttpResponse:
    """Take a rule away."""
    rules.delete(rule=_rule(project, retention_id))
    messages.success(request, _("The rule was deleted."))
    return redirect("clean-up", project.name)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def clock(request: HttpRequest, project: Project) -> HttpResponse:
    """When it runs by itself, and how long removed tags can be restored."""
    now = {"retention_cron": project.retention_cron, "trash_days": project.trash_days}
    form = CleanUpClockForm(
        request.POST if request.method == "POST" else None, initial=now, auto_id="clock-%s"
    )
    back = reverse("clean-up", args=[project.name])

    def save() -> HttpResponse:
        services.update_project(project=project, changes=dict(form.cleaned_data))
        messages.success(request, _("The project was saved."))
        return redirect_htmx(request, back)

    context = {"project": project}
    return edit_view(request, form, save, template="projects/clean_up/clock.html", context=context, back=back)


@require_http_methods(["GET", "POST"])
@project_view(Role.MAINTAINER)
def protect(request: HttpRequest, project: Project) -> HttpResponse:
    """Protect the tags that fit a pattern."""
    form = ProtectedTagForm(request.POST if request.method == "POST" else None, auto_id="protect-%s")
    back = reverse("clean-up", args=[project.name]) + "#protected"

    def save() -> HttpResponse:
        made = protection.add(project=project, user=current_user(request), **form.cleaned_data)
        messages.success(request, _("Tags that match %(pattern)s are protected.") % {"pattern": made.pattern})
        return redirect_htmx(request, back)

    context = {"project": project}
    return edit_view(
        request, form, save, template="projects/clean_up/protect.html", context=context, back=back
    )


@require_POST
@project_view(Role.MAINTAINER)
def unprotect(request: HttpRequest, project: Project, protected_id: UUID) -> HttpResponse:
    """Protect them no longer."""
    found = get_object_or_404(
        ProtectedTag.objects.filter(project=project).select_related("project"), pk=protected_id
    )
    protection.remove(protected=found)
    messages.success(
        request, _("Tags that match %(pattern)s are no longer protected.") % {"pattern": found.pattern}
    )
    return redirect("clean-up", project.name)


def _edit_rule(request: HttpRequest, project: Project, rule: RetentionRule | None) -> HttpResponse:
    names = list(RetentionRuleForm.base_fields)
    form = RetentionRuleForm(
        request.POST if request.method == "POST" else None,
        initial={name: getattr(rule, name) for name in names} if rule else None,
        auto_id="rule-%s",
    )
    back = reverse("clean-up", args=[project.name])

    def save() -> HttpResponse:
        values, user = dict(form.cleaned_data), current_user(request)
        if rule is None:
            saved = rules.create(project=project, user=user, values=values)
        else:
            saved = rules.update(rule=rule, changes=values)
        messages.success(request, _("The rule was saved."))
        for warning in rules.warnings_of(saved):
            messages.warning(request, warning)
        return redirect_htmx(request, back)

    context = {"project": project, "rule": rule}
    return edit_view(request, form, save, template="projects/clean_up/rule.html", context=context, back=back)


def _row(verdict: Verdict) -> dict[str, Any]:
    return {"name": str(verdict.tag), "digest": verdict.tag.digest, "why": cleanup.sentence(verdict)}


def _rule(project: Project, retention_id: UUID) -> RetentionRule:
    return get_object_or_404(
        RetentionRule.objects.filter(project=project).select_related("project"), pk=retention_id
    )
