"""``/projects/{project_id}/clusters``: what runs elsewhere, and what of it is here."""

from __future__ import annotations

import io
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import exceptions, mixins, viewsets
from rest_framework.decorators import action
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from accounts.api.pagination import ListPages
from accounts.api.schema import refused
from accounts.models import ApiToken
from projects.api.mixins import ProjectScoped
from projects.models import Project, Robot, Role
from workloads.api.robots import RobotAuthentication
from workloads.api.serializers import (
    BegunSerializer,
    ClusterDetailSerializer,
    ClusterSerializer,
    RunningSerializer,
    SummarySerializer,
)
from workloads.clusters import services
from workloads.clusters.inventory import read_inventory
from workloads.clusters.selectors import STATES, clusters_of, images_of, summary_of
from workloads.models import Cluster


class _Unread(BaseParser):
    """The body as it comes: it is larger than what is kept of requests, and read piece by piece."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        return stream


@extend_schema(tags=["workloads"])
@extend_schema_view(list=extend_schema(summary="List clusters, by name"))
class ClusterViewSet(ProjectScoped, mixins.ListModelMixin, viewsets.GenericViewSet[Cluster]):
    """Clusters. Maintainers add them; developers, and robot accounts that can push, send their inventories."""

    queryset = Cluster.objects.none()
    serializer_class = ClusterSerializer
    lookup_url_kwarg = "cluster_id"
    lookup_value_converter = "uuid"
    roles: ClassVar = {"inventory": Role.DEVELOPER, "import_missing": Role.DEVELOPER}

    @property
    def token_scope(self) -> str:
        imports = self.action in ("inventory", "import_missing")
        return ApiToken.Scope.IMPORT if imports else ApiToken.Scope.ADMIN

    def get_authenticators(self) -> list[Any]:
        classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
        authenticators = [each() for each in classes]
        inventory = getattr(self, "action_map", {}).get("post") == "inventory"
        return [*authenticators, RobotAuthentication()] if inventory else authenticators

    def check_permissions(self, request: Request) -> None:
        """A push robot of the project may send an inventory; all else is people's."""
        robot = request.auth
        if not isinstance(robot, Robot):
            super().check_permissions(request)
            return
        if robot.project_id != self.kwargs["project_id"]:
            raise exceptions.NotFound
        if robot.access != Robot.Access.PUSH:
            raise exceptions.PermissionDenied(_("Use a robot account that may push."))
        self.project = Project.objects.get(pk=robot.project_id)
        self.role = Role.DEVELOPER

    def get_queryset(self) -> QuerySet[Cluster]:
        return Cluster.objects.none() if self.is_schema else clusters_of(self.project)

    @extend_schema(summary="Get a cluster, with its counts", responses=ClusterDetailSerializer)
    def retrieve(self, request: Request, **_kwargs: Any) -> Response:
        cluster: Any = self.get_object()
        cluster.summary = summary_of(cluster, images_of(cluster))
        return Response(ClusterDetailSerializer(cluster).data)

    @extend_schema(
        summary="Add a cluster",
        responses={201: ClusterSerializer, 409: refused("`too_many_clusters`.")},
    )
    def create(self, request: Request, **_kwargs: Any) -> Response:
        form = ClusterSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.create(project=self.project, user=self.user, **form.validated_data)
        return Response(ClusterSerializer(made).data, status=201)

    @extend_schema(
        summary="Remove a cluster; its images are no longer protected from clean-up", responses={204: None}
    )
    def destroy(self, request: Request, **_kwargs: Any) -> Response:
        services.delete(cluster=self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="Send a cluster's inventory: the output of `kubectl get pods -A -o json`, plain or gzip",
        request={"application/json": OpenApiTypes.OBJECT},
        responses={
            200: SummarySerializer,
            400: refused("`invalid_inventory`: it is no list of pods."),
            413: refused("`too_large`."),
        },
    )
    @action(detail=True, methods=["post"], parser_classes=[_Unread])
    def inventory(self, request: Request, **_kwargs: Any) -> Response:
        cluster = self.get_object()
        gzipped = request.headers.get("Content-Encoding", "").strip().lower() in ("gzip", "x-gzip")
        stream: Any = request.stream or io.BytesIO()  # None: the body is empty.
        found = read_inventory(stream, gzipped=gzipped)
        summary = services.take_inventory(
            cluster=cluster,
            inventory=found,
        )
        return Response(SummarySerializer(summary).data)

    @extend_schema(
        summary="List the images that a cluster runs",
        parameters=[OpenApiParameter("state", str, enum=STATES)],
        responses=RunningSerializer(many=True),
    )
    @action(detail=True, methods=["get"], pagination_class=ListPages, filter_backends=[])
    def images(self, request: Request, **_kwargs: Any) -> Response:
        state = request.query_params.get("state", "")
        if state and state not in STATES:
            raise exceptions.ValidationError({"state": [_("Choose one of these: %s.") % ", ".join(STATES)]})
        found = [each for each in images_of(self.get_object()) if not state or each.state == state]
        page: Any = self.paginate_queryset(found)  # type: ignore[arg-type]
        return self.get_paginated_response(RunningSerializer(page, many=True).data)

    @extend_schema(
        summary="Import the images that a cluster runs and the project lacks",
        request=None,
        responses={202: BegunSerializer, 409: refused("`nothing_missing`.")},
    )
    @action(detail=True, methods=["post"], url_path="import", url_name="import")
    def import_missing(self, request: Request, **_kwargs: Any) -> Response:
        begun = services.import_images(cluster=self.get_object(), user=self.user)
        return Response(BegunSerializer(begun).data, status=202)
