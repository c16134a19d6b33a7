"""``/api/v1/projects/{project_id}/members``"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from projects import services
from projects.api.mixins import ProjectScoped
from projects.api.serializers import MemberSerializer
from projects.models import Membership, Role

LAST_OWNER = refused("`last_owner`: no owner would be left.")


@extend_schema(tags=["members"])
@extend_schema_view(
    list=extend_schema(summary="List members and their roles"),
    retrieve=extend_schema(summary="Get a member"),
)
class MemberViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Membership]
):
    """Members. Maintainers manage them; only owners can add, change or remove owners."""

    queryset = Membership.objects.none()
    serializer_class = MemberSerializer
    lookup_url_kwarg = "member_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Membership]:
        if self.is_schema:
            return Membership.objects.none()
        return Membership.objects.filter(project=self.project).select_related("user", "project")

    @extend_schema(summary="Add a member", responses={201: MemberSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        member = services.add_member(
            project=self.project,
            by_role=self.role,
            user=User.objects.get(username=form.validated_data["user"]["username"]),
            role=Role(form.validated_data["role"]),
        )
        return Response(self.get_serializer(member).data, status=201)

    @extend_schema(summary="Change a member's role", responses={200: MemberSerializer, 409: LAST_OWNER})
    def partial_update(self, request: Request, **_: Any) -> Response:
        member = self.get_object()
        form = self.get_serializer(member, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        member = services.change_member(
            member=member,
            by_role=self.role,
            role=Role(form.validated_data.get("role", member.role)),
        )
        return Response(self.get_serializer(member).data)

    @extend_schema(summary="Remove a member", responses={204: None, 409: LAST_OWNER})
    def destroy(self, request: Request, **_: Any) -> Response:
        services.remove_member(member=self.get_object(), by_role=self.role)
        return Response(status=204)
