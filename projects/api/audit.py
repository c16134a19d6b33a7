"""``/api/v1/projects/{project_id}/audit``: who did what, when and from where."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import MomentFilter
from projects.api.mixins import ProjectScoped
from projects.api.tables import CsvRenderer
from projects.models import AuditEvent, Role

#: Rows of one CSV file; older ones are reached by ``before``.
CSV_ROWS = 50_000


class AuditSerializer(serializers.ModelSerializer[AuditEvent]):
    """One event."""

    actor = serializers.CharField(source="actor_name", read_only=True)

    class Meta:
        model = AuditEvent
        fields = ("id", "at", "actor", "action", "subject", "detail", "address")
        read_only_fields = fields


class AuditFilter(filters.FilterSet):
    """``?action= &actor= &after= &before=``."""

    actor = filters.CharFilter(field_name="actor_name")
    after = MomentFilter(field_name="at", lookup_expr="gte")
    before = MomentFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEvent
        fields = ("action",)


@extend_schema(tags=["audit"])
@extend_schema_view(
    list=extend_schema(
        summary="The journal of the project, newest first; as CSV with `?format=csv`",
        responses={
            (200, "application/json"): AuditSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
)
class AuditViewSet(ProjectScoped, mixins.ListModelMixin, viewsets.GenericViewSet[AuditEvent]):
    """The journal is written by the portal alone, and never changed."""

    queryset = AuditEvent.objects.none()
    serializer_class = AuditSerializer
    filterset_class = AuditFilter
    renderer_classes = (JSONRenderer, BrowsableAPIRenderer, CsvRenderer)
    role_to_read = Role.MAINTAINER
    csv_columns = AuditSerializer.Meta.fields

    def get_queryset(self) -> QuerySet[AuditEvent]:
        return (
            AuditEvent.objects.none() if self.is_schema else AuditEvent.objects.filter(project=self.project)
        )

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not isinstance(request.accepted_renderer, CsvRenderer):
            return super().list(request, *args, **kwargs)
        rows = self.filter_queryset(self.get_queryset())[:CSV_ROWS]
        return Response(
            self.get_serializer(rows, many=True).data,
            headers={"Content-Disposition": f'attachment; filename="{self.project.name}-audit.csv"'},
        )
