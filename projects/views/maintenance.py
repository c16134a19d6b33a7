"""What belongs to those who run the portal: collecting the registry's garbage."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.exceptions import filled
from projects.models import Collection
from projects.retention import collection
from projects.views.answers import refusals_at
from projects.views.decorators import current_user, superuser_view

#: Collections that are shown; the API has all.
_MAX_ROWS: Final = 20


@require_GET
@superuser_view
def page(request: HttpRequest) -> HttpResponse:
    """The button, and what earlier collections freed."""
    rows = list(Collection.objects.select_related("requested_by")[:_MAX_ROWS])
    context = {
        "collections": [(row, filled(row.error["template"]) if row.error else "") for row in rows],
        "open": any(row.state in Collection.OPEN for row in rows),
        "available": collection.is_available(),
        "cron": settings.REGISTRY_COLLECT_CRON,
    }
    return render(request, "projects/maintenance.html", context)


@require_POST
@superuser_view
@refusals_at("maintenance")
def collect(request: HttpRequest) -> HttpResponse:
    """Ask for a collection."""
    collection.request(user=current_user(request))
    messages.success(
        request, _("The collection starts once no client can write, usually after about five minutes.")
    )
    return redirect("maintenance")
