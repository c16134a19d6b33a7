"""Addresses of the pages of projects."""

from django.urls import path

from projects.views import home, images

urlpatterns = [
    path("", home.home, name="home"),
    path("new-project/", home.new_project, name="project-new"),
    path("projects/<str:name>/images/<uuid:image_id>/delete/", images.delete_image, name="image-delete"),
]
