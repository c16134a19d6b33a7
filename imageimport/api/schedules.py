"""``/projects/{project_id}/schedules``: what is kept in step, and its runs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from imageimport.api.serializers.schedules import RunSerializer, ScheduleSerializer
from imageimport.models import Schedule, ScheduleRun
from imageimport.schedules import services as schedules
from projects.api.mixins import ProjectScoped


@extend_schema(tags=["schedules"])
@extend_schema_view(
    list=extend_schema(summary="List scheduled syncs"),
    retrieve=extend_schema(summary="Get a scheduled sync"),
)
class ScheduleViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Schedule]
):
    """Scheduled syncs of one project."""

    queryset = Schedule.objects.none()
    serializer_class = ScheduleSerializer
    lookup_url_kwarg = "schedule_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[Schedule]:
        if self.is_schema:
            return Schedule.objects.none()
        return Schedule.objects.filter(project=self.project).select_related(
            "project", "credential", "created_by"
        )

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "project": getattr(self, "project", None)}

    @extend_schema(summary="Create a scheduled sync", responses={201: ScheduleSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = schedules.create(
            project=self.project, user=self.user, wanted=schedules.NewSchedule(**form.validated_data)
        )
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(summary="Change a scheduled sync")
    def partial_update(self, request: Request, **_: Any) -> Response:
        schedule = self.get_object()
        form = self.get_serializer(schedule, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        schedules.update(schedule=schedule, user=self.user, changes=form.validated_data)
        return Response(self.get_serializer(schedule).data)

    @extend_schema(summary="Delete a scheduled sync; the images it imported stay", responses={204: None})
    def destroy(self, request: Request, **_: Any) -> Response:
        schedules.delete(schedule=self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="Run a scheduled sync now",
        request=None,
        responses={202: RunSerializer, 409: refused("`already_running` (with `run`).")},
    )
    @action(detail=True, methods=["post"])
    def run(self, request: Request, **_: Any) -> Response:
        run = schedules.run_now(schedule=self.get_object(), user=self.user)
        return Response(RunSerializer(run).data, status=202)


@extend_schema(tags=["schedules"])
@extend_schema_view(
    list=extend_schema(summary="List the runs of a scheduled sync, newest first"),
    retrieve=extend_schema(summary="Get a run, with the tags that changed or failed"),
)
class RunViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ScheduleRun]
):
    """The history of one scheduled sync."""

    queryset = ScheduleRun.objects.none()
    serializer_class = RunSerializer
    lookup_url_kwarg = "run_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ScheduleRun]:
        if self.is_schema:
            return ScheduleRun.objects.none()
        schedule = get_object_or_404(Schedule, project=self.project, pk=self.kwargs["schedule_id"])
        return ScheduleRun.objects.filter(schedule=schedule).select_related("requested_by")
