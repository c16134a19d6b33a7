"""States that sample rows alone can't show: a fault of the portal, and a registry that is out of reach."""

from __future__ import annotations

from unittest import mock

from django.http import HttpRequest, HttpResponse
from django.urls import path

from imageimport import selectors
from imageimport.views import overview
from registry_portal.urls import urlpatterns as portal_patterns

#: What has just arrived stays on the project page until the last picture is taken. Seconds.
selectors.SHOWN_AFTER_SUCCESS = 24 * 3600


def server_error(_request: HttpRequest) -> HttpResponse:
    """What a fault nobody thought of looks like."""
    raise RuntimeError("A fault for the picture.")


def registry_away(request: HttpRequest) -> HttpResponse:
    """The project page while nothing answers where the registry was."""
    with mock.patch.object(overview, "registry_answers", lambda: False):
        response: HttpResponse = overview.overview(request, name="library")
    return response


urlpatterns = [
    path("pictures/server-error/", server_error),
    path("pictures/registry-away/", registry_away),
    *portal_patterns,
]
