"""``/api/v1/projects/{project_id}/groups``"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import StrictModelSerializer, Text
from projects.api.mixins import ProjectScoped
from projects.groups import services as groups
from projects.models import GroupRole, Role


class GroupSerializer(StrictModelSerializer):
    """A group of the identity provider, by its name there, and what all in it may do here."""

    group = Text(max_length=255)
    role = serializers.ChoiceField(choices=Role.choices)

    class Meta:
        model = GroupRole
        fields = ("id", "group", "role", "created_at")
        read_only_fields = ("id", "created_at")

    def validate_group(self, group: str) -> str:
        if self.instance is not None and group != self.instance.group:
            raise serializers.ValidationError(_("A role can't be transferred to another group."))
        return group


@extend_schema(tags=["members"])
@extend_schema_view(
    list=extend_schema(summary="List groups and their roles"),
    retrieve=extend_schema(summary="Get a group"),
)
class GroupViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[GroupRole]
):
    """Groups of the identity provider. The highest of a person's roles counts. Maintainers manage them; only owners
    can give or take the role of owner."""

    queryset = GroupRole.objects.none()
    serializer_class = GroupSerializer
    lookup_url_kwarg = "group_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[GroupRole]:
        if self.is_schema:
            return GroupRole.objects.none()
        return GroupRole.objects.filter(project=self.project).select_related("project")

    @extend_schema(summary="Give a group a role", responses={201: GroupSerializer})
    def create(self, request: Request, **__: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = groups.add(
            project=self.project,
            by_role=self.role,
            group=form.validated_data["group"],
            role=Role(form.validated_data["role"]),
        )
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(summary="Change a group's role", responses={200: GroupSerializer})
    def partial_update(self, request: Request, **__: Any) -> Response:
        row = self.get_object()
        form = self.get_serializer(row, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        role = Role(form.validated_data.get("role", row.role))
        groups.change(group=row, by_role=self.role, role=role)
        return Response(self.get_serializer(row).data)

    @extend_schema(summary="Remove a group's role", responses={204: None})
    def destroy(self, request: Request, **__: Any) -> Response:
        groups.remove(group=self.get_object(), by_role=self.role)
        return Response(status=204)
