"""``/api/v1/projects/{project_id}/repositories``: a row a repository."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import ListPages
from projects.api.mixins import ProjectScoped
from projects.models import Image
from projects.repositories import ORDERS, Repositories

_ORDERINGS = [*ORDERS, *(f"-{name}" for name in ORDERS)]


class RepositorySyncSerializer(serializers.Serializer[Any]):
    """A schedule that is switched on and writes to the repository."""

    id = serializers.UUIDField()
    image_url = serializers.CharField()
    cron = serializers.CharField()


class RepositorySerializer(serializers.Serializer[Any]):
    """One repository; `size` is the sum of its tags' sizes, `syncs` are the schedules that keep it up to date."""

    repository = serializers.CharField()
    tags = serializers.IntegerField()
    size = serializers.IntegerField()
    newest_tag = serializers.CharField()
    updated_at = serializers.DateTimeField()
    pull_count = serializers.IntegerField()
    syncs = RepositorySyncSerializer(many=True)


@extend_schema(tags=["images"])
class RepositoryViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """Repositories; their tags: ``GET …/images?repository=``."""

    queryset = Image.objects.none()  # For the browsable pages.
    serializer_class = RepositorySerializer
    pagination_class = ListPages
    filter_backends = ()

    @extend_schema(
        summary="List repositories",
        parameters=[
            OpenApiParameter("search", str, description="A part of the name."),
            OpenApiParameter("ordering", str, enum=_ORDERINGS),
        ],
        responses=RepositorySerializer(many=True),
    )
    def list(self, request: Request, **_kwargs: Any) -> Response:
        ordering = request.query_params.get("ordering") or "repository"
        if ordering not in _ORDERINGS:
            sentence = _("Choose one of these: %s.") % ", ".join(_ORDERINGS)
            raise exceptions.ValidationError({"ordering": [sentence]})
        search = request.query_params.get("search", "").strip()
        page: Any = self.paginate_queryset(
            Repositories(self.project, search=search, ordering=ordering)  # type: ignore[arg-type]
        )
        return self.get_paginated_response(RepositorySerializer(page, many=True).data)
