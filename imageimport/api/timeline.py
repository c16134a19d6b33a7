"""``/projects/{project_id}/images/{image_id}/digests`` and ``…/restore``: what a tag named, and going back."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from imageimport import restore as restoring
from imageimport import timeline
from imageimport.api.serializers.schedules import RestoreBodySerializer, TagDigestSerializer
from imageimport.models import TagDigest
from projects.api.mixins import ProjectScoped
from projects.api.serializers import ImageSerializer
from projects.models import Image
from projects.selectors import images_of


@extend_schema(tags=["images"])
@extend_schema_view(list=extend_schema(summary="List the digests that the tag has pointed to, newest first"))
class TimelineViewSet(ProjectScoped, mixins.ListModelMixin, viewsets.GenericViewSet[TagDigest]):
    """The timeline of one tag."""

    queryset = TagDigest.objects.none()
    serializer_class = TagDigestSerializer
    filter_backends = ()

    def get_queryset(self) -> QuerySet[TagDigest]:
        return TagDigest.objects.none() if self.is_schema else timeline.of_image(self._image())

    @extend_schema(
        summary="Roll the tag back to an earlier digest that the registry still has",
        request=RestoreBodySerializer,
        responses={
            200: ImageSerializer,
            403: refused("`refused_by_rule` (with `rule`): by the rules for where that digest came from."),
            409: refused(
                "`not_in_timeline`, `digest_gone`, `quota_exceeded`, or `target_busy` (with `task`)."
            ),
            502: refused("The registry refused; the tag stays."),
        },
    )
    def restore(self, request: Request, **_: Any) -> Response:
        body = RestoreBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        image = restoring.restore(image=self._image(), **body.validated_data)
        return Response(ImageSerializer(image).data)

    def _image(self) -> Image:
        return get_object_or_404(images_of(self.project), pk=self.kwargs["image_id"])
