"""States that sample rows alone can't show: a fault of the portal, and a registry that is out of reach."""

from __future__ import annotations

from unittest import mock

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _

from imageimport import selectors
from imageimport.submission import planning, source_look
from imageimport.submission.planning import Planned
from imageimport.views import overview
from oci.copy.plan import ImportPlan, PlannedPlatform
from oci.registry.rate_limit import RateLimit
from registry_portal.urls import urlpatterns as portal_patterns

#: What has just arrived stays on the project page until the last picture is taken. Seconds.
selectors.SHOWN_AFTER_SUCCESS = 24 * 3600


def _replaces() -> str:
    return _("%(target)s points to a different image and will be replaced.") % {
        "target": "registry.example.com/library/owner/service:v1.4"
    }


def _looked(**_wanted: object) -> source_look.Look:
    return source_look.Look("ghcr.io/owner/service:v1.4", True, "sha256:" + "4b" * 32, notes=(_replaces(),))


def _planned(**_wanted: object) -> Planned:
    """What a registry would have said; none is asked for the pictures."""
    return Planned(
        source_image="ghcr.io/owner/service:v1.4",
        target_image="registry.example.com/library/owner/service:v1.4",
        plan=ImportPlan(
            source_digest="sha256:" + "4b" * 32,
            media_type="application/vnd.oci.image.index.v1+json",
            target_digest="sha256:" + "9c" * 32,
            platforms=(
                PlannedPlatform("linux/amd64", "sha256:" + "1a" * 32, 61_865_984),
                PlannedPlatform("linux/arm64", "sha256:" + "2b" * 32, 59_768_832),
            ),
            bytes_total=121_634_816,
            bytes_present=85_983_232,
            referrers=2,
            rate_limit=RateLimit(100, 87, 21_600),
            notes=(),
            blobs_total=9,
            blobs_present=7,
            source_platforms=("linux/amd64", "linux/arm64", "linux/riscv64"),
        ),
        warnings=(_replaces(),),
    )


mock.patch.object(planning, "make_plan", _planned).start()
mock.patch.object(source_look, "look_at_source", _looked).start()


def server_error(_request: HttpRequest) -> HttpResponse:
    """What a fault no one thought of looks like."""
    raise RuntimeError("A fault for the picture.")


def registry_away(request: HttpRequest) -> HttpResponse:
    """The project page while nothing answers where the registry was."""
    with mock.patch.object(overview, "registry_answers", lambda: False):
        response: HttpResponse = overview.overview(request, name="library")
    return response


handler500 = "registry_portal.web.pages.server_error"

urlpatterns = [
    path("pictures/server-error/", server_error),
    path("pictures/registry-away/", registry_away),
    *portal_patterns,
]
