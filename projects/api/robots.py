"""``/api/v1/projects/{project_id}/robots``"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from projects import services
from projects.api.mixins import ProjectScoped
from projects.api.serializers import NewRobotSerializer, RobotSerializer
from projects.models import Robot, Role


@extend_schema(tags=["robots"])
@extend_schema_view(
    list=extend_schema(summary="List robot accounts, without their secrets"),
    retrieve=extend_schema(summary="Get a robot account"),
)
class RobotViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Robot]
):
    """Accounts of the project for CI and clusters, which sign in to the registry with them."""

    queryset = Robot.objects.none()
    serializer_class = RobotSerializer
    lookup_url_kwarg = "robot_id"
    lookup_value_converter = "uuid"
    role_to_read = Role.MAINTAINER

    def get_queryset(self) -> QuerySet[Robot]:
        if self.is_schema:
            return Robot.objects.none()
        return Robot.objects.filter(project=self.project).select_related("project")

    @extend_schema(
        summary="Create a robot account; its secret is shown only once",
        request=RobotSerializer,
        responses={201: NewRobotSerializer},
    )
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        robot, secret = services.create_robot(project=self.project, by=self.user, **form.validated_data)
        shown = RobotSerializer(robot).data | {"secret": secret}
        return Response(shown, status=201, headers={"Cache-Control": "no-store"})

    @extend_schema(summary="Revoke a robot account")
    def destroy(self, request: Request, **_: Any) -> Response:
        services.delete_robot(robot=self.get_object())
        return Response(status=204)
