"""``/projects/{project_id}/source-tags``: what a source repository has, while one types."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from accounts.models import ApiToken
from imageimport.api.serializers.tasks import ImportBodySerializer
from imageimport.submission.source_tags import offered_tags
from projects.api.mixins import ProjectScoped
from projects.models import Role


class OfferedTagsSerializer(serializers.Serializer[Any]):
    """At most 50 tags; `truncated`: there are more, or may be."""

    tags = serializers.ListField(child=serializers.CharField())
    truncated = serializers.BooleanField()


class SourceTagsViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """Tags at the source."""

    serializer_class = OfferedTagsSerializer
    pagination_class = None
    filter_backends = ()
    token_scope = ApiToken.Scope.IMPORT
    role_to_read = Role.DEVELOPER
    #: For the answers to errors (:mod:`accounts.api.exceptions`).
    looks_at_source: ClassVar = True
    #: For the browsable pages (:mod:`accounts.api.browsable`).
    needs_parameters: ClassVar = True

    @extend_schema(
        tags=["import"],
        summary="List the tags of a source repository",
        parameters=[
            OpenApiParameter(
                "image_url", str, required=True, description="Any reference; its tag is left aside."
            ),
            OpenApiParameter(
                "search", str, description="A part of the tag; those that begin with it come first."
            ),
            OpenApiParameter(
                "credential", OpenApiTypes.UUID, description="A saved credential of the project."
            ),
        ],
        responses={
            200: OfferedTagsSerializer,
            422: refused("The source can't be read; `code` is the import's error code."),
            429: refused("`throttled`: too many registries are being queried at once; see Retry-After."),
        },
    )
    def list(self, request: Request, **_: Any) -> Response:
        asked = request.query_params
        given = {"image_url": asked.get("image_url", ""), "credential": asked.get("credential") or None}
        body = ImportBodySerializer(data=given, context={"project": self.project})
        body.is_valid(raise_exception=True)
        found = offered_tags(
            project=self.project, user=self.user, request=body.to_request(), search=asked.get("search", "")
        )
        return Response(OfferedTagsSerializer(found).data)
