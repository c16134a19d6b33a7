"""Addresses of the pages of imports, and of a project's pages that show them."""

from django.urls import include, path

from imageimport.views import detail, history, images, overview, submitting

_import = [
    path("", detail.detail, name="import-detail"),
    path("live/", detail.live, name="import-live"),
    path("cancel/", detail.cancel, name="import-cancel"),
    path("retry/", detail.retry, name="import-retry"),
    path("dismiss/", detail.dismiss, name="import-dismiss"),
]
_project = [
    path("", overview.overview, name="project"),
    path("images/", overview.images, name="images"),
    path("images/<uuid:image_id>/", images.image, name="image"),
    path("import/", submitting.import_new, name="import-new"),
    path("import/reading/", submitting.reading, name="import-reading"),
    path("import/reading-many/", submitting.reading_many, name="import-reading-many"),
    path("imports/", history.history, name="imports"),
    path("imports/live/", overview.live, name="imports-live"),
    path("imports/<uuid:task_id>/", include(_import)),
]
urlpatterns = [path("projects/<str:name>/", include(_project))]
