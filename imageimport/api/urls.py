"""The import API's addresses, below ``/api/v1/``."""

from django.urls import path

from imageimport.api.tasks import ImportTaskViewSet

PROJECT = "projects/<uuid:project_id>"
IMPORT = f"{PROJECT}/images/import"

urlpatterns = [
    path(
        IMPORT, ImportTaskViewSet.as_view({"get": "list", "post": "create"}), name="api-import-list"
    ),
    path(
        f"{IMPORT}/<uuid:task_id>", ImportTaskViewSet.as_view({"get": "retrieve"}), name="api-import-detail"
    ),
    path(
        f"{IMPORT}/<uuid:task_id>/cancel",
        ImportTaskViewSet.as_view({"post": "cancel"}),
        name="api-import-cancel",
    ),
    path(
        f"{IMPORT}/<uuid:task_id>/retry", ImportTaskViewSet.as_view({"post": "retry"}), name="api-import-retry"
    ),
]
