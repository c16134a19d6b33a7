"""``/api/v1/projects/{project_id}/images``: a row a tag."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.fields import ExactFilter
from accounts.api.schema import refused
from oci.contents.vulnerabilities import SEVERITIES
from projects.api.contents import ImageContents
from projects.api.scanning import ImageScans
from projects.api.serializers import ImageDetailSerializer, ImageRowSerializer, ImageSerializer
from projects.api.tables import AS_CSV, TOO_MANY, CsvLists, CsvRenderer
from projects.models import Image, Role
from projects.retention import trash
from projects.scanning.selectors import with_scans
from projects.selectors import images_of, search_images


class ImageFilter(filters.FilterSet):
    """``?search=`` finds a part of repository, tag or digest; the others are exact."""

    repository = ExactFilter()
    tag = ExactFilter()
    digest = ExactFilter()
    search = filters.CharFilter(method="filter_search")

    class Meta:
        model = Image
        fields = ("repository", "tag", "digest")

    def filter_search(self, found: QuerySet[Image], _field: str, text: str) -> QuerySet[Image]:
        return search_images(found, text, projects=[self.request.parser_context["kwargs"]["project_id"]])


@extend_schema(tags=["images"])
@extend_schema_view(
    list=extend_schema(
        summary="List images, a row for each tag, last updated first; as CSV with `?format=csv`",
        description=AS_CSV,
        responses={
            (200, "application/json"): ImageSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
            422: TOO_MANY,
        },
    ),
    retrieve=extend_schema(summary="Get an image, with its platforms"),
)
class ImageViewSet(
    CsvLists,
    ImageContents,
    ImageScans,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[Image],
):
    """Images."""

    queryset = Image.objects.none()
    filterset_class = ImageFilter
    renderer_classes = (JSONRenderer, BrowsableAPIRenderer, CsvRenderer)
    csv_columns = (
        *("repository", "tag", "digest", "size", "platforms", "source_image", "pull_count", "updated_at"),
        "pull_command",
        *("scan", "scanned_at", *reversed(SEVERITIES)),
    )
    csv_name = "images"
    roles: ClassVar[Mapping[str, Role]] = {"scan": Role.DEVELOPER}
    lookup_url_kwarg = "image_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Image]:
        if self.is_schema:
            return Image.objects.none()
        found = with_scans(images_of(self.project))
        return found.defer("children") if self.action == "list" else found

    def get_serializer_class(self) -> type[BaseSerializer[Image]]:
        if isinstance(getattr(self.request, "accepted_renderer", None), CsvRenderer):
            return ImageRowSerializer
        return ImageDetailSerializer if self.action == "retrieve" else ImageSerializer

    @extend_schema(
        summary="Delete an image: move its tag to the trash",
        responses={
            204: None,
            409: refused("`tag_protected`: a pattern protects the tag."),
            502: refused("The registry refused; the tag stays."),
        },
    )
    def destroy(self, request: Request, **_: Any) -> Response:
        """The tag goes from the registry and the list into the trash, from where it can be restored for the project's
        `trash_days`. Other tags of the same digest stay."""
        trash.throw_away(image=self.get_object(), user=self.user)
        return Response(status=204)
