"""``/scanners`` for superusers; ``…/images/{image_id}/scan`` and ``…/vulnerabilities``."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import StrictModelSerializer, Text
from accounts.api.pagination import ListPages
from accounts.api.permissions import IsSuperuser, TokenReaches
from accounts.api.schema import refused
from accounts.labels import check_label
from oci.contents.vulnerabilities import SEVERITIES
from projects.api.contents import JSON_ONLY, PAGES
from projects.api.mixins import ProjectScoped
from projects.api.scans import ScanFindingsSerializer, ScanSummarySerializer, VulnerabilitySerializer
from projects.models import Scanner
from projects.scanning import selectors, services
from projects.scanning.filters import Filter
from projects.scanning.selectors import summary_of


class AuthSerializer(serializers.Serializer[Any]):
    """How the portal signs in at a scanner; ``value`` is ``user:password``, a token or a key, and never returned."""

    kind = serializers.ChoiceField(choices=Scanner.Auth.choices)
    value = Text(
        max_length=4096,
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        style={"input_type": "password"},
    )

    def to_representation(self, instance: Scanner) -> dict[str, str]:
        return {"kind": instance.auth_kind}


class ScannerSerializer(StrictModelSerializer):
    """A scanner. A change without ``auth.value`` keeps it; another host or kind takes a new one."""

    name = Text(max_length=100, validators=[check_label])
    url = Text(max_length=1000)
    auth = AuthSerializer(source="*", required=False)

    class Meta:
        model = Scanner
        fields = ("id", "name", "url", "auth", "enabled", "scan_on_import", "created_at")
        read_only_fields = ("id", "created_at")

    @property
    def wanted(self) -> dict[str, Any]:
        """What was given, ``auth`` as one thing."""
        values = dict(self.validated_data)
        auth = {name: values.pop(name) for name in ("kind", "value") if name in values}
        return {**values, "auth": auth} if auth else values


@extend_schema(tags=["scanners"])
@extend_schema_view(
    list=extend_schema(summary="List scanners, without their secrets"),
    retrieve=extend_schema(summary="Get a scanner, without its secret"),
    destroy=extend_schema(summary="Delete a scanner; its results stay", responses={204: None}),
)
class ScannerViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Scanner]):
    """Services that speak Harbor's Pluggable Scanner API; the first by name that is enabled scans. For superusers."""

    queryset = Scanner.objects.all()
    serializer_class = ScannerSerializer
    pagination_class = ListPages
    permission_classes = (IsSuperuser, TokenReaches)
    filter_backends = ()
    lookup_url_kwarg = "scanner_id"
    lookup_value_converter = "uuid"

    @extend_schema(
        summary="Add a scanner",
        responses={201: ScannerSerializer, 409: refused("`too_many_scanners`: there are 20 at most.")},
    )
    def create(self, request: Request) -> Response:
        form = ScannerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.create(user=cast(User, request.user), **form.wanted)
        return Response(ScannerSerializer(made).data, status=201)

    @extend_schema(summary="Change a scanner", responses={200: ScannerSerializer})
    def partial_update(self, request: Request, **_: Any) -> Response:
        scanner = self.get_object()
        form = ScannerSerializer(scanner, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        services.update(scanner=scanner, changes=form.wanted)
        return Response(ScannerSerializer(scanner).data)

    def destroy(self, request: Request, **_: Any) -> Response:
        services.delete(scanner=self.get_object())
        return Response(status=204)


class ImageScans(ProjectScoped):
    """Mixed into the images' viewset."""

    @extend_schema(
        summary="Scan an image",
        request=None,
        responses={
            202: ScanSummarySerializer,
            409: refused("`no_scanner`: none is set up; `no_image`: this is not a container image."),
        },
    )
    @action(detail=True, methods=["post"], renderer_classes=JSON_ONLY)
    def scan(self, request: Request, **_: Any) -> Response:
        """If a scan is waiting or running, it continues; otherwise a new one starts."""
        image = self.get_object()
        services.request_scan(image=image)
        return Response(ScanSummarySerializer(summary_of(self.get_object())).data, status=202)

    @extend_schema(
        summary="List the vulnerabilities that a scanner found",
        parameters=[
            OpenApiParameter("search", str, description="A part of an id or of a package's name."),
            OpenApiParameter("severity", str, enum=SEVERITIES),
            OpenApiParameter("fixable", bool, description="Only those that a newer version fixes."),
            *PAGES,
        ],
        responses={200: ScanFindingsSerializer},
    )
    @action(detail=True, pagination_class=ListPages, filter_backends=(), renderer_classes=JSON_ONLY)
    def vulnerabilities(self, request: Request, **_: Any) -> Response:
        """What was found in the digest that the tag points to now; empty where `state` is `none`."""
        image = self.get_object()
        rows = Filter.of(request.query_params).apply(selectors.findings_of(image))
        page: Any = self.paginate_queryset(cast(Any, rows))
        whole = self.get_paginated_response(VulnerabilitySerializer(page, many=True).data).data
        assert whole is not None
        return Response(
            {
                **ScanSummarySerializer(summary_of(image)).data,
                "next": whole["next"],
                "previous": whole["previous"],
                "vulnerabilities": whole["results"],
            }
        )
