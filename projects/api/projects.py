"""``/api/v1/projects``"""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.fields import ExactFilter
from accounts.api.schema import refused
from projects import services
from projects.api.mixins import ProjectScoped
from projects.api.serializers import ProjectSerializer
from projects.models import Project, Role
from projects.permissions import reaches
from projects.registry import removal
from projects.selectors import visible_projects


class ProjectFilter(filters.FilterSet):
    """``?search=`` looks in name and description."""

    name = ExactFilter()
    search = filters.CharFilter(method="filter_search")

    class Meta:
        model = Project
        fields = ("name", "visibility")

    def filter_search(self, found: QuerySet[Project], _field: str, text: str) -> QuerySet[Project]:
        return found.filter(Q(name__icontains=text) | Q(description__icontains=text))


@extend_schema(tags=["projects"])
@extend_schema_view(
    list=extend_schema(summary="List the projects that you can see"),
    retrieve=extend_schema(summary="Get a project"),
)
class ProjectViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Project]
):
    """Projects. Anyone who is signed in can create one and becomes its owner."""

    queryset = Project.objects.none()
    serializer_class = ProjectSerializer
    filterset_class = ProjectFilter
    lookup_url_kwarg = "project_id"
    lookup_value_converter = "uuid"
    roles: ClassVar = {"partial_update": Role.MAINTAINER, "destroy": Role.OWNER}
    #: What a maintainer may change; all else is the owners'.
    of_maintainers: ClassVar = frozenset(
        {
            "bandwidth",
            "window",
            "naming",
            "platforms",
            "retention_cron",
            "trash_days",
            "requests_from",
            "request_days",
            "first_pull",
            "first_pull_fresh_seconds",
        }
    )

    def get_queryset(self) -> QuerySet[Project]:
        return Project.objects.none() if self.is_schema else visible_projects(self.request.user)

    def get_object(self) -> Project:
        return self.project

    @extend_schema(
        summary="Create a project",
        responses={
            201: ProjectSerializer,
            409: refused("`too_many_projects`: you have made as many as you may."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        user = cast(User, request.user)
        made = services.create_project(user=user, **form.validated_data)
        return self._shown(made, status=201)

    @extend_schema(
        summary="Change a project: description, visibility, `language`, `default_action`, `four_eyes` (owners), or the "
        "rest (maintainers)"
    )
    def partial_update(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(self.project, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changes = {name: value for name, value in form.validated_data.items() if name != "name"}
        if not self.of_maintainers.issuperset(request.data) and not reaches(self.role, Role.OWNER):
            raise PermissionDenied(gettext("Your role in this project does not allow this."))
        project = services.update_project(project=self.project, changes=changes)
        return self._shown(project)

    @extend_schema(
        summary="Delete a project and everything in it",
        responses={
            204: None,
            409: refused("`tag_protected`: one of its tags is protected; the project stays."),
            502: refused("The registry refused to remove a tag; the project stays."),
        },
    )
    def destroy(self, request: Request, **_: Any) -> Response:
        removal.delete_project(project=self.project, user=self.user)
        return Response(status=204)

    def _shown(self, project: Project, status: int = 200) -> Response:
        shown = visible_projects(self.request.user).get(pk=project.pk)
        return Response(self.get_serializer(shown).data, status=status)
