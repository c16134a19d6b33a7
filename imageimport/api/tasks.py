"""``/projects/{project_id}/images/import``: start an import, look at it, cancel it, retry it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.schema import refused
from accounts.models import ApiToken
from imageimport import selectors
from imageimport.api import idempotency
from imageimport.api.serializers.policy import ApproveBodySerializer, RejectBodySerializer
from imageimport.api.serializers.tasks import (
    ImportBodySerializer,
    RetryBodySerializer,
    TaskDetailSerializer,
    TaskSerializer,
)
from imageimport.filters import TaskFilter
from imageimport.models import ImportTask
from imageimport.requests import services as requests
from imageimport.submission import services
from projects.api.mixins import ProjectScoped
from projects.api.tables import AS_CSV, TOO_MANY, CsvLists, CsvRenderer
from projects.models import Role
from projects.permissions import may_ask, reaches

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key with the same body returns the first answer and creates nothing.",
)
_ACCEPTED = OpenApiResponse(TaskDetailSerializer, description="Accepted; `Location` names the task.")
_REFUSED = refused("`refused_by_rule` (with `rule`): a rule refuses it; or your role is too small.")
_PAST = refused(
    "`not_requested`: it no longer waits; `approval_outdated`: it is not what you were shown, or no one had looked at "
    "the source yet: read the request again."
)
_CONFLICT = refused("`target_busy` (with `task`), `tag_exists` or `quota_exceeded`.")


@extend_schema_view(
    list=extend_schema(
        summary="List imports, newest first; as CSV with `?format=csv`",
        description=AS_CSV,
        responses={
            (200, "application/json"): TaskSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
            422: TOO_MANY,
        },
    ),
    retrieve=extend_schema(
        summary="Get an import, with its layers and attempts", responses=TaskDetailSerializer
    ),
)
class ImportTaskViewSet(
    CsvLists,
    ProjectScoped,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    viewsets.GenericViewSet[ImportTask],
):
    """Imports of one project."""

    lookup_field = "pk"
    lookup_url_kwarg = "task_id"
    lookup_value_converter = "uuid"
    filterset_class = TaskFilter
    renderer_classes = (JSONRenderer, BrowsableAPIRenderer, CsvRenderer)
    csv_columns = (
        *(
            "id",
            "created_at",
            "completed_at",
            "requested_by",
            "status",
            "error_code",
            "error",
            "source_image",
        ),
        *("target_image", "digest", "bytes_total", "bytes_reused", "attempts"),
    )
    csv_rows = 10_000
    csv_name = "imports"
    roles: ClassVar[dict[str, Role]] = {
        "create": Role.DEVELOPER,
        "cancel": Role.DEVELOPER,
        "retry": Role.DEVELOPER,
        "now": Role.MAINTAINER,
        "approve": Role.MAINTAINER,
        "reject": Role.MAINTAINER,
    }

    @property
    def token_scope(self) -> ApiToken.Scope:
        """What may start imports decides nothing about those of others."""
        return ApiToken.Scope.ADMIN if self.action in ("approve", "reject") else ApiToken.Scope.IMPORT

    def role_for(self, action: str, request: Request) -> Role:
        """Who may ask for approval may send an import; whether it is more than asking says the service."""
        if action == "create" and may_ask(self.project):
            return Role.VIEWER
        return super().role_for(action, request)

    def get_queryset(self) -> QuerySet[ImportTask]:
        if self.is_schema:
            return ImportTask.objects.none()
        found = selectors.tasks_of(self.project)
        return found if self.action == "list" else selectors.with_details(found)

    def get_serializer_class(self) -> Any:
        return {
            "list": TaskSerializer,
            "create": ImportBodySerializer,
            "retry": RetryBodySerializer,
            "approve": ApproveBodySerializer,
            "reject": RejectBodySerializer,
        }.get(self.action, TaskDetailSerializer)

    @extend_schema(
        summary="Start an import",
        parameters=[IDEMPOTENCY_KEY],
        request=ImportBodySerializer,
        responses={202: _ACCEPTED, 403: _REFUSED, 409: _CONFLICT, 422: refused("`idempotency_mismatch`.")},
    )
    def create(self, request: Request, **_: Any) -> Response:
        body = ImportBodySerializer(data=request.data, context={"project": self.project})
        body.is_valid(raise_exception=True)
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
                    only_ask=not reaches(self.role, Role.DEVELOPER),
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
        services.cancel(task=task)
        return self._accepted(task)

    @extend_schema(
        summary="Let an import run outside its hours",
        request=None,
        responses={202: _ACCEPTED, 409: refused("`not_waiting`: it has ended.")},
    )
    @action(detail=True, methods=["post"])
    def now(self, request: Request, **_: Any) -> Response:
        task = self.get_object()
        services.run_now(task=task)
        return self._accepted(task)

    @extend_schema(
        summary="Approve an import, for the digest that was seen at its source",
        request=ApproveBodySerializer,
        responses={202: _ACCEPTED, 409: _PAST, 502: refused("The source was not seen yet, and it fails.")},
    )
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, **_: Any) -> Response:
        task = self._to_decide()
        body = ApproveBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        requests.approve(task=task, user=self.user, shown=body.validated_data["digest"] or None)
        return self._accepted(task)

    @extend_schema(
        summary="Reject an import, with a reason",
        request=RejectBodySerializer,
        responses={202: _ACCEPTED, 409: _PAST},
    )
    @action(detail=True, methods=["post"])
    def reject(self, request: Request, **_: Any) -> Response:
        task = self._to_decide()
        body = RejectBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        requests.reject(task=task, user=self.user, **body.validated_data)
        return self._accepted(task)

    @extend_schema(
        summary="Retry a failed or canceled import as a new task",
        request=RetryBodySerializer,
        responses={
            202: _ACCEPTED,
            403: _REFUSED,
            409: refused("`not_retryable`, `target_busy`, `tag_exists` or `quota_exceeded`."),
        },
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **_: Any) -> Response:
        task = selectors.to_act_on(self.project).get(pk=self.get_object().pk)
        body = RetryBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        new = services.retry(task=task, user=self.user, **body.validated_data)
        return self._accepted(new)

    def _to_decide(self) -> ImportTask:
        rows = selectors.to_act_on(self.project).select_related("requested_by", "approval")
        return rows.get(pk=self.get_object().pk)

    def _accepted(self, task: ImportTask) -> Response:
        where = reverse(
            "api-import-detail",
            kwargs={"project_id": self.project.pk, "task_id": task.pk},
            request=self.request,
        )
        data = TaskDetailSerializer(
            selectors.detailed().get(pk=task.pk), context=self.get_serializer_context()
        ).data
        return Response(data, status=202, headers={"Location": where})
