"""Pages of the whole site: thin, what they show is asked of the selectors beside them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from accounts.preferences import back_of, keep_keys
from imageimport.views.overview import SAMPLES
from projects.registry.health import registry_answers
from projects.templatetags.portal import duration, size
from projects.views.decorators import current_user, htmx_details, redirect_htmx, render_dialog, superuser_view
from projects.views.usage import chart
from registry_portal.home import overview, status
from registry_portal.home.first_steps import first_steps
from registry_portal.home.search import cleaned, find


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The overview: what runs, what failed and why, what waits for the reader, storage, their projects."""
    user = current_user(request)
    projects, more = overview.projects_of(user)
    held = overview.held_by(user)
    targets = overview.targets_of(user)
    context: dict[str, Any] = {
        "now": overview.now_of(user),
        "failed": overview.failed_of(user),
        "failed_days": overview.FAILED_DAYS,
        "requests": overview.to_decide(user),
        "syncs": overview.next_syncs(user),
        "held": held,
        **chart(held.days),
        "grown": abs(held.grown),
        "span": held.span,
        "projects": projects,
        "more": more,
        "targets": targets,
        "steps": first_steps(user, images=held.images, targets=targets),
        "samples": SAMPLES,
        "registry_away": not registry_answers(),
    }
    return render(request, "home/overview.html", context)


@require_GET
def running(request: HttpRequest) -> HttpResponse:
    """What runs in the reader's projects, asked for every 2 seconds while something does."""
    return render(request, "home/_running.html", {"now": overview.now_of(current_user(request))})


@require_http_methods(["GET", "POST"])
def keys(request: HttpRequest) -> HttpResponse:
    """The keys that pages know; a post with ``keys=on`` or ``off`` says whether the single ones act."""
    if request.method == "GET":
        return render_dialog(request, "home/keys.html", {}, back=reverse("home"))
    response = redirect_htmx(request, back_of(request))
    keep_keys(request, response, request.POST.get("keys", ""))
    return response


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """What the reader may see with ``?search=`` in its name; alone for the dialog that asks while one types."""
    text = cleaned(request.GET.get("search", ""))
    context = {"found": find(current_user(request), text), "search": text}
    template = "home/_found.html" if htmx_details(request) else "home/search.html"
    return render(request, template, context)


@require_GET
@superuser_view
def installation(request: HttpRequest) -> HttpResponse:
    """The state of the installation, for those who run it."""
    found = status.look()
    context = {
        "status": found,
        "services": _services(found),
        "queue": _queue(found),
        "swept": found.numbers.get("sweep_age_seconds"),
    }
    return render(request, "home/status.html", context)


def _services(found: status.Status) -> list[tuple[str, str]]:
    names = {"database": _("Database"), "redis": "Redis", "registry": _("Private registry")}
    return [(names[name], state) for name, state in found.services.items()]


def _queue(found: status.Status) -> list[tuple[str, str]]:
    """The numbers that tell whether work goes on, as the page shows them."""
    numbers = found.numbers
    waited = numbers["imports_ready_oldest_seconds"]
    return [
        (_("Running imports"), f"{numbers['imports_running']:.0f} / {numbers['imports_places']:.0f}"),
        (_("Waiting imports"), f"{numbers['imports_waiting']:.0f}"),
        (_("Longest wait for a free slot"), duration(waited) if waited else "–"),
        (_("Waiting for approval"), f"{numbers['imports_requested']:.0f}"),
        (_("Transfer rate"), f"{size(numbers['transfer_bytes_per_second'])}/s"),
        (_("Pending webhook deliveries"), f"{numbers['webhook_deliveries_waiting']:.0f}"),
    ]
