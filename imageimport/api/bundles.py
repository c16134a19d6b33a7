"""``/projects/{project_id}/bundles``: images as files, made while they are read; and the project's receipt."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import exceptions, mixins, viewsets
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.parsers import StrictJson
from accounts.api.schema import refused
from accounts.models import ApiToken
from imageimport.api.ranges import NotSatisfiable, Part, asked_part
from imageimport.api.serializers.bundles import BundleBodySerializer, BundleSerializer, ReceiptSerializer
from imageimport.bundles import files, receipts, selectors, services
from imageimport.models import Bundle
from projects.api.mixins import ProjectScoped
from projects.models import Role
from projects.permissions import is_member, reaches

_TAR = "application/x-tar"
_RANGE = OpenApiParameter(
    "Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="One range of bytes."
)
_IF_RANGE = OpenApiParameter(
    "If-Range", OpenApiTypes.STR, OpenApiParameter.HEADER, description="The `ETag` of what you have."
)
_BUSY = refused("`downloads_busy`, or the registry is away; Retry-After says when to come back.")


class ReceiptJson(StrictJson):
    """A body that may hold the receipt of a large project, twice as long as one that is taken: what is too long for
    :func:`imageimport.bundles.receipts.read_receipt` is told by that."""

    most_bytes = 16 * 1024 * 1024
    most_values = 2 * receipts.MAX_DIGESTS


class TarRenderer(JSONRenderer):
    """Lets a client ask for a tar; what goes wrong is told as JSON."""

    media_type = _TAR
    format = "tar"


@extend_schema(tags=["bundles"])
@extend_schema_view(
    list=extend_schema(summary="List bundles, newest first"),
    retrieve=extend_schema(summary="Get a bundle with its files"),
)
class BundleViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Bundle]
):
    """Bundles of one project. What a bundle lists stays in the registry as long as the bundle exists."""

    queryset = Bundle.objects.none()
    serializer_class = BundleSerializer
    parser_classes = (ReceiptJson,)
    lookup_url_kwarg = "bundle_id"
    lookup_value_converter = "uuid"
    token_scope = ApiToken.Scope.IMPORT
    roles: ClassVar[dict[str, Role]] = {"create": Role.VIEWER, "destroy": Role.VIEWER}

    def get_queryset(self) -> QuerySet[Bundle]:
        return Bundle.objects.none() if self.is_schema else selectors.bundles_of(self.project)

    @extend_schema(
        summary="Create a bundle",
        request=BundleBodySerializer,
        responses={
            201: BundleSerializer,
            409: refused("`too_many_bundles` or `bundle_too_large`."),
            502: refused("The registry refused."),
            503: refused("The registry or the database is away, or reading took too long."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        if not is_member(self.project):
            raise exceptions.PermissionDenied(gettext("Only members of the project can create bundles."))
        form = BundleBodySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.create(project=self.project, user=self.user, request=form.to_request())
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(
        summary="Delete a bundle; for the person who created it, and maintainers", responses={204: None}
    )
    def destroy(self, request: Request, **_: Any) -> Response:
        bundle = self.get_object()
        if bundle.created_by_id != self.user.pk and not reaches(self.role, Role.MAINTAINER):
            raise exceptions.PermissionDenied(gettext("Your role in this project does not allow this."))
        services.delete(bundle=bundle)
        return Response(status=204)


class VolumeViewSet(ProjectScoped, viewsets.GenericViewSet[Bundle]):
    """The files of a bundle."""

    queryset = Bundle.objects.none()
    serializer_class = BundleSerializer
    renderer_classes = (*viewsets.GenericViewSet.renderer_classes, TarRenderer)
    lookup_url_kwarg = "number"
    lookup_value_converter = "int"

    @extend_schema(
        tags=["bundles"],
        summary="Download a file of a bundle, a tar of an OCI image layout",
        description="Made while it is downloaded, the same bytes each time; `Range` continues an interrupted download.",
        parameters=[_RANGE, _IF_RANGE],
        responses={
            (200, _TAR): OpenApiTypes.BINARY,
            (206, _TAR): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="`If-None-Match` names what you have."),
            412: OpenApiResponse(description="`If-Match` names something else."),
            416: OpenApiResponse(
                description="The range begins behind the end; `Content-Range` says where that is."
            ),
            503: _BUSY,
        },
    )
    def retrieve(self, request: Request, **kwargs: Any) -> HttpResponseBase:
        bundle = selectors.bundles_of(self.project).defer(None).filter(pk=kwargs["bundle_id"]).first()
        number = kwargs["number"]
        if bundle is None or not 1 <= number <= len(bundle.volumes):
            raise exceptions.NotFound
        etag = files.etag(bundle, number)
        not_modified = get_conditional_response(request, etag=etag)
        if not_modified is not None:
            return not_modified
        size = bundle.volumes[number - 1]
        try:
            part = asked_part(request, size=size, etag=etag)
        except NotSatisfiable:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}", "ETag": etag})
        response = HttpResponse() if request.method == "HEAD" else self._streamed(bundle, number, part)
        return _described(response, part, etag, selectors.file_name(bundle, number))

    def _streamed(self, bundle: Bundle, number: int, part: Part) -> HttpResponseBase:
        found = files.download(bundle=bundle, number=number, user=self.user, start=part.start, end=part.end)
        services.note_download(bundle=bundle, number=number, is_whole=part.is_whole)
        return StreamingHttpResponse(found, status=200 if part.is_whole else 206)


def _described(response: HttpResponseBase, part: Part, etag: str, name: str) -> HttpResponseBase:
    headers = {
        "Content-Type": _TAR,
        "Content-Length": str(part.end - part.start),
        "Content-Disposition": f'attachment; filename="{name}"',
        "ETag": etag,
        "Accept-Ranges": "bytes",
    }
    if not part.is_whole:
        headers["Content-Range"] = part.content_range
    for header, value in headers.items():
        response.headers[header] = value
    return response


class ReceiptViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """What a project holds."""

    serializer_class = ReceiptSerializer

    @extend_schema(
        tags=["bundles"],
        summary="Get a receipt: the digests that the project holds, for the other side's next bundle",
        responses={200: ReceiptSerializer, 503: _BUSY},
    )
    def retrieve(self, request: Request, **_: Any) -> HttpResponseBase:
        name = f"receipt-{self.project.name}.json"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        if request.method == "HEAD":
            return HttpResponse(content_type="application/json", headers=headers)
        found = files.held_download(receipts.receipt(self.project), self.user, what=name)
        return StreamingHttpResponse(found, content_type="application/json", headers=headers)
