"""Every address of the site."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularSwaggerSplitView

from accounts.api.addresses import no_such_address, slashed
from accounts.api.document import SchemaView
from accounts.api.views import ApiRoot
from registry_portal.home.api import SearchView
from registry_portal.observability import health

api: list[URLPattern | URLResolver] = [
    path("", ApiRoot.as_view(), name="api-root"),
    path("/", include("accounts.api.urls")),
    path("/", include("projects.api.urls")),
    path("/", include("imageimport.api.urls")),
    path("/", include("workloads.api.urls")),
    path("/", include([path("search", SearchView.as_view(), name="api-search")])),
]

handler500 = "registry_portal.web.pages.server_error"

urlpatterns = [
    path("api/v1", include(api)),
    path("api/schema", SchemaView.as_view(), name="api-schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"^api(?:/(?:.*/)?)?$", slashed),
    re_path(r"^api(?:/|$)", no_such_address),
    path("", include("registry_portal.home.urls")),
    path("", include("accounts.urls")),
    path("", include("projects.urls")),
    path("", include("imageimport.urls")),
    path("", include("workloads.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("admin/", admin.site.urls),
]
