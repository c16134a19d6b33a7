"""``/api/v1/projects/{project_id}/audit``: who did what, when and from where."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer

from accounts.api.fields import EndFilter, MomentFilter
from projects.api.mixins import ProjectScoped
from projects.api.tables import AS_CSV, TOO_MANY, CsvLists, CsvRenderer
from projects.models import AuditEvent, Role


class AuditSerializer(serializers.ModelSerializer[AuditEvent]):
    """One entry of the audit log."""

    actor = serializers.CharField(source="actor_name", read_only=True)

    class Meta:
        model = AuditEvent
        fields = ("id", "at", "actor", "action", "subject", "detail", "address")
        read_only_fields = fields


class AuditFilter(filters.FilterSet):
    """``?action= &actor= &after= &before=``; a date without a time counts whole."""

    actor = filters.CharFilter(field_name="actor_name")
    after = MomentFilter(field_name="at", lookup_expr="gte")
    before = EndFilter(field_name="at", lookup_expr="lt")

    class Meta:
        model = AuditEvent
        fields = ("action",)


@extend_schema(tags=["audit"])
@extend_schema_view(
    list=extend_schema(
        summary="List the audit log, newest first; as CSV with `?format=csv`",
        description=AS_CSV,
        responses={
            (200, "application/json"): AuditSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
            422: TOO_MANY,
        },
    )
)
class AuditViewSet(CsvLists, ProjectScoped, mixins.ListModelMixin, viewsets.GenericViewSet[AuditEvent]):
    """The audit log is written by the portal alone, and never changed."""

    queryset = AuditEvent.objects.none()
    serializer_class = AuditSerializer
    filterset_class = AuditFilter
    renderer_classes = (JSONRenderer, BrowsableAPIRenderer, CsvRenderer)
    role_to_read = Role.MAINTAINER
    csv_columns = AuditSerializer.Meta.fields
    csv_name = "audit"

    def get_queryset(self) -> QuerySet[AuditEvent]:
        return (
            AuditEvent.objects.none() if self.is_schema else AuditEvent.objects.filter(project=self.project)
        )
