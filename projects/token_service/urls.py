"""Addresses that registries and their clients call."""

from __future__ import annotations

from django.urls import path

from projects.registry.notifications import registry_events
from projects.token_service.views import TokenServiceView

urlpatterns = [
    path("service/token", TokenServiceView.as_view(), name="token-service"),
    path("service/registry-events", registry_events, name="registry-events"),
]
