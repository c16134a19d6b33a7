"""``/projects/{project_id}/images/import``: start an import, look at it, cancel it, retry it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.schema import refused
from accounts.models import ApiToken
from imageimport import selectors
from imageimport.api import idempotency
from imageimport.api.errors import answering
from imageimport.api.serializers.tasks import (
    ImportBodySerializer,
    RetryBodySerializer,
    TaskDetailSerializer,
    TaskSerializer,
)
from imageimport.filters import TaskFilter
from imageimport.models import ImportTask
from imageimport.submission import services
from projects.api.mixins import ProjectScoped
from projects.models import Role

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key with the same body returns the first answer and creates nothing.",
)
_ACCEPTED = OpenApiResponse(TaskDetailSerializer, description="Accepted; `Location` names the task.")
_CONFLICT = refused("`target_busy` (with `task`), `tag_exists` or `quota_exceeded`.")


@extend_schema_view(
    list=extend_schema(summary="Imports of a project, newest first", responses=TaskSerializer(many=True)),
    retrieve=extend_schema(summary="One import with its layers and attempts", responses=TaskDetailSerializer),
)
class ImportTaskViewSet(
    ProjectScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ImportTask],
):
    """Imports of one project."""

    lookup_field = "pk"
    lookup_url_kwarg = "task_id"
    filterset_class = TaskFilter
    token_scope = ApiToken.Scope.IMPORT
    roles: ClassVar[dict[str, Role]] = {
        "create": Role.DEVELOPER,
        "cancel": Role.DEVELOPER,
        "retry": Role.DEVELOPER,
    }

    def get_queryset(self) -> QuerySet[ImportTask]:
        if self.is_schema:
            return ImportTask.objects.none()
        found = selectors.tasks_of(self.project)
        return found if self.action == "list" else found.prefetch_related("layers", "history")

    def get_serializer_class(self) -> Any:
        return {
            "list": TaskSerializer,
            "create": ImportBodySerializer,
            "retry": RetryBodySerializer,
        }.get(self.action, TaskDetailSerializer)

    @extend_schema(
        summary="Start an import",
        parameters=[IDEMPOTENCY_KEY],
        request=ImportBodySerializer,
        responses={202: _ACCEPTED, 409: _CONFLICT, 422: refused("`idempotency_mismatch`.")},
    )
    def create(self, request: Request, **_: Any) -> Response:
        body = ImportBodySerializer(data=request.data, context={"project": self.project})
        body.is_valid(raise_exception=True)
        with answering():
            made = idempotency.once(
                user=self.user,
                key=request.headers.get("Idempotency-Key", ""),
                where=f"POST {request.path}",
                body=request.data,
                make=lambda: (
                    services.submit(
                        project=self.project,
                        user=self.user,
                        request=body.to_request(),
                        audit_request=request._request,
                    ).pk
                ),
            )
        return self._accepted(selectors.tasks_of(self.project).get(pk=made))

    @extend_schema(
        summary="Cancel an import",
        request=None,
        responses={202: _ACCEPTED, 409: refused("`not_cancelable`: it has ended.")},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, **_: Any) -> Response:
        task = self.get_object()
        with answering():
            services.cancel(task=task, user=self.user, audit_request=request._request)
        return self._accepted(task)

    @extend_schema(
        summary="Retry a failed or canceled import as a new task",
        request=RetryBodySerializer,
        responses={
            202: _ACCEPTED,
            409: refused("`not_retryable`, `target_busy`, `tag_exists` or `quota_exceeded`."),
        },
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **_: Any) -> Response:
        task = ImportTask.objects.select_related("project", "credential").get(pk=self.get_object().pk)
        body = RetryBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with answering():
            new = services.retry(
                task=task, user=self.user, audit_request=request._request, **body.validated_data
            )
        return self._accepted(new)

    def _accepted(self, task: ImportTask) -> Response:
        where = reverse(
            "api-import-detail",
            kwargs={"project_id": self.project.pk, "task_id": task.pk},
            request=self.request,
        )
        fresh = (
            ImportTask.objects.prefetch_related("layers", "history")
            .select_related("requested_by")
            .get(pk=task.pk)
        )
        data = TaskDetailSerializer(fresh, context=self.get_serializer_context()).data
        return Response(data, status=202, headers={"Location": where})
