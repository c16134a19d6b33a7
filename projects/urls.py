"""Addresses of the pages of projects, and those that registries and their clients call."""

from django.urls import path

from projects.registry.notifications import registry_events
from projects.token_service.views import TokenServiceView
from projects.views import home, images

urlpatterns = [
    path("", home.home, name="home"),
    path("new-project/", home.new_project, name="project-new"),
    path("projects/<str:name>/images/<uuid:image_id>/delete/", images.delete_image, name="image-delete"),
    path("service/token", TokenServiceView.as_view(), name="token-service"),
    path("service/registry-events", registry_events, name="registry-events"),
]
