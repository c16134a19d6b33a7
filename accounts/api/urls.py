"""Addresses under ``/api/v1/`` that belong to a person."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from accounts.api.views import TokenViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("auth/tokens", TokenViewSet, basename="api-token")

urlpatterns = router.urls
