"""Addresses of the whole site's pages."""

from django.urls import path

from registry_portal.home import views

urlpatterns = [
    path("", views.home, name="home"),
    path("running/", views.running, name="running"),
    path("search/", views.search, name="search"),
    path("keys/", views.keys, name="keys"),
    path("status/", views.installation, name="status"),
]
