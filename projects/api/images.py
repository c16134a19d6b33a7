"""``/api/v1/projects/{project_id}/images``: a row a tag."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from accounts.api.schema import refused
from oci.errors import OciError
from projects.api.errors import registry_refused
from projects.api.mixins import ProjectScoped
from projects.api.serializers import ImageDetailSerializer, ImageSerializer
from projects.models import Image
from projects.registry import removal
from projects.selectors import images_of, search_images


class ImageFilter(filters.FilterSet):
    """``?search=`` finds a part of repository, tag or digest; the others are exact."""

    search = filters.CharFilter(method="filter_search")

    class Meta:
        model = Image
        fields = ("repository", "tag", "digest")

    def filter_search(self, found: QuerySet[Image], _field: str, text: str) -> QuerySet[Image]:
        return search_images(found, text, project_id=self.request.parser_context["kwargs"]["project_id"])


@extend_schema(tags=["images"])
@extend_schema_view(
    list=extend_schema(summary="Tags in the project, those written last first"),
    retrieve=extend_schema(summary="One tag, with the platforms of an index"),
)
class ImageViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Image]
):
    """Images."""

    queryset = Image.objects.none()
    filterset_class = ImageFilter
    lookup_url_kwarg = "image_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Image]:
        return Image.objects.none() if self.is_schema else images_of(self.project)

    def get_serializer_class(self) -> type[BaseSerializer[Image]]:
        return ImageDetailSerializer if self.action == "retrieve" else ImageSerializer

    @extend_schema(
        summary="Remove the tag",
        responses={
            204: None,
            502: refused("The registry refused; the tag stays."),
        },
    )
    def destroy(self, request: Request, **_: Any) -> Response:
        """The tag goes from the registry, then from the list. Other tags of the same digest stay."""
        try:
            removal.delete_image(image=self.get_object(), user=self.user, request=request._request)
        except OciError as exc:
            raise registry_refused(exc) from None
        return Response(status=204)
