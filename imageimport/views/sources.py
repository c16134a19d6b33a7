"""How registries are reached: the table for those who run the portal."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.exceptions import Refusal
from imageimport.forms.sources import SourceForm, SourceTestForm
from imageimport.models import SourceRule
from imageimport.registries import sources
from imageimport.sources import services, trying
from imageimport.sources.seen import ways_by_rule, without_a_rule
from imageimport.sources.trying import Tried
from projects.views.answers import edit_view, refusals_at
from projects.views.decorators import come_back, current_user, htmx_details, redirect_htmx, superuser_view


@require_GET
@superuser_view
def source_list(request: HttpRequest) -> HttpResponse:
    """All rules in order, with what was seen of the ways that they name."""
    sources.forget()
    seen = ways_by_rule()
    context = {
        "rules": [(rule, seen.get(rule.id, ())) for rule in sources.all_rules()],
        "others": without_a_rule(),
    }
    return render(request, "imageimport/sources/list.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@superuser_view
def add(request: HttpRequest) -> HttpResponse:
    """Make a rule."""
    return _edit(request, None)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@superuser_view
@refusals_at("sources", given=())
def edit(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Change a rule."""
    return _edit(request, services.find_to_change(source_id))


@require_POST
@superuser_view
@refusals_at("sources", given=())
def delete(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Take a rule away."""
    rule = services.find_to_change(source_id)
    services.delete(rule=rule)
    messages.success(request, _("The rule for %(pattern)s was deleted.") % {"pattern": rule.pattern})
    return redirect("sources")


@require_POST
@superuser_view
def test(request: HttpRequest, source_id: UUID) -> HttpResponse:
    """Ask for an image, and say by which way it was reached."""
    services.find(source_id)
    form = SourceTestForm(request.POST)
    tried = None
    with Refusal() as refusal:
        if form.is_valid():
            tried = trying.try_out(image_url=form.cleaned_data["image_url"], user=current_user(request))
    problem = refusal.detail if form.is_valid() else _("Enter an image.")
    if htmx_details(request):
        fragment = render(request, "imageimport/sources/_tried.html", {"tried": tried, "problem": problem})
        return come_back(fragment, refusal.retry_after)
    if tried is not None and tried.digest:
        messages.success(request, _in_words(tried))
    else:
        messages.error(request, tried.detail if tried else problem)
    return redirect("sources")


def _in_words(tried: Tried) -> str:
    values = {"via": tried.via, "seconds": tried.seconds}
    if tried.via:
        return _("Reached via %(via)s in %(seconds).2f s.") % values
    return _("Reached directly in %(seconds).2f s.") % values


def _edit(request: HttpRequest, rule: SourceRule | None) -> HttpResponse:
    form = SourceForm(request.POST if request.method == "POST" else None, rule=rule, auto_id="source-%s")
    back = reverse("sources")

    def save() -> HttpResponse:
        values = form.values()
        if rule is None:
            services.create(user=current_user(request), **values)
        else:
            services.update(rule=rule, changes=values)
        messages.success(request, _("The rule for %(pattern)s was saved.") % {"pattern": values["pattern"]})
        return redirect_htmx(request, back)

    return edit_view(
        request, form, save, template="imageimport/sources/form.html", context={"rule": rule}, back=back
    )
