"""``/api/v1/search``: what the caller may see, by a part of its name."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from registry_portal.home.search import find


class FoundProjectSerializer(serializers.Serializer[Any]):
    """A project."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()


class FoundRepositorySerializer(serializers.Serializer[Any]):
    """A repository; `project` is the project's name."""

    project = serializers.CharField()
    repository = serializers.CharField()


class FoundImageSerializer(serializers.Serializer[Any]):
    """A tag."""

    id = serializers.UUIDField()
    project = serializers.CharField(source="project.name")
    repository = serializers.CharField()
    tag = serializers.CharField()
    digest = serializers.CharField()


class FoundImportSerializer(serializers.Serializer[Any]):
    """An import."""

    id = serializers.UUIDField()
    project = serializers.CharField(source="project.name")
    source_image = serializers.CharField()
    target_image = serializers.CharField()
    status = serializers.CharField()


class SearchResultSerializer(serializers.Serializer[Any]):
    """At most six of each kind."""

    projects = FoundProjectSerializer(many=True)
    repositories = FoundRepositorySerializer(many=True)
    images = FoundImageSerializer(many=True)
    imports = FoundImportSerializer(many=True)


class SearchView(APIView):
    """Search over all projects that you may read."""

    @extend_schema(
        tags=["search"],
        summary="Search projects, repositories, tags and imports by name",
        parameters=[OpenApiParameter("search", str, description="A part of a name.")],
        responses=SearchResultSerializer,
    )
    def get(self, request: Request) -> Response:
        found = find(request.user, request.query_params.get("search", ""))
        return Response(SearchResultSerializer(found).data)
