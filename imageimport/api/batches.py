"""``/projects/{project_id}/images/import/batches``: many imports at once."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.schema import refused
from accounts.models import ApiToken
from imageimport.api import idempotency
from imageimport.api.serializers.batches import (
    BatchBodySerializer,
    BatchResultSerializer,
    BatchSerializer,
    ListTextSerializer,
    NewBatchSerializer,
    ReadListSerializer,
)
from imageimport.api.serializers.tasks import RetryBodySerializer
from imageimport.api.tasks import IDEMPOTENCY_KEY
from imageimport.batches import services as batches
from imageimport.batches.parsing import read_list
from imageimport.batches.selectors import COLUMNS, batches_of, current_tasks, results_of
from imageimport.models import ImportBatch
from projects.api.mixins import ProjectScoped
from projects.api.tables import CsvRenderer
from projects.models import Role

_BAD = OpenApiResponse(
    {
        "type": "object",
        "example": {"images": {"3": ["The tag after the colon is missing."]}},
        "additionalProperties": {},
    },
    description="Sentences for each bad entry by its index; nothing was created.",
)


@extend_schema(tags=["batches"])
@extend_schema_view(
    list=extend_schema(summary="List batches, newest first", responses=BatchSerializer(many=True)),
    retrieve=extend_schema(summary="Get a batch with its totals", responses=BatchSerializer),
)
class BatchViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ImportBatch]
):
    """Batches of one project. Their imports: ``GET …/images/import?batch={id}``."""

    queryset = ImportBatch.objects.none()
    serializer_class = BatchSerializer
    lookup_url_kwarg = "batch_id"
    lookup_value_converter = "uuid"
    token_scope = ApiToken.Scope.IMPORT
    role_to_write = Role.DEVELOPER
    csv_columns: ClassVar = COLUMNS

    def get_queryset(self) -> QuerySet[ImportBatch]:
        return ImportBatch.objects.none() if self.is_schema else batches_of(self.project)

    @extend_schema(
        summary="Start a batch: all of its images are accepted, or none",
        parameters=[IDEMPOTENCY_KEY],
        request=BatchBodySerializer,
        responses={
            202: NewBatchSerializer,
            400: _BAD,
            409: refused("`target_busy` or `quota_exceeded`."),
            422: refused("`idempotency_mismatch`."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        body = BatchBodySerializer(data=request.data, context={"project": self.project})
        body.is_valid(raise_exception=True)
        entries, bad = body.to_entries()
        made = idempotency.once(
            user=self.user,
            key=request.headers.get("Idempotency-Key", ""),
            where=f"POST {request.path}",
            body=request.data,
            make=lambda: (
                batches.create(
                    project=self.project,
                    user=self.user,
                    entries=entries,
                    name=body.validated_data["name"],
                    common=body.to_common(),
                    bad=bad,
                ).pk
            ),
        )
        return self._answer(made, NewBatchSerializer)

    @extend_schema(
        summary="Cancel the imports of a batch that have not finished",
        request=None,
        responses={202: BatchSerializer, 409: refused("`not_cancelable`: everything has ended.")},
    )
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, **_: Any) -> Response:
        batch = self.get_object()
        batches.cancel(batch=batch)
        return self._answer(batch.pk)

    @extend_schema(
        summary="Retry the failed imports of a batch; the new ones replace them in its counts",
        request=RetryBodySerializer,
        responses={
            202: BatchSerializer,
            409: refused("`not_retryable`: nothing failed; `target_busy`, `quota_exceeded`."),
        },
    )
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, **_: Any) -> Response:
        batch = self.get_object()
        body = RetryBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        batches.retry(batch=batch, user=self.user, **body.validated_data)
        return self._answer(batch.pk)

    @extend_schema(
        summary="List the result of each import; as CSV with `?format=csv`",
        filters=False,
        responses={
            (200, "application/json"): BatchResultSerializer(many=True),
            (200, "text/csv"): OpenApiTypes.STR,
        },
    )
    @action(
        detail=True,
        methods=["get"],
        pagination_class=None,
        renderer_classes=[JSONRenderer, BrowsableAPIRenderer, CsvRenderer],
    )
    def results(self, request: Request, **_: Any) -> Response:
        batch = self.get_object()
        rows = BatchResultSerializer(results_of(batch), many=True).data
        extension = "csv" if isinstance(request.accepted_renderer, CsvRenderer) else "json"
        name = f'attachment; filename="batch-{batch.pk}.{extension}"'
        return Response(rows, headers={"Content-Disposition": name} if extension == "csv" else None)

    @extend_schema(
        summary="Find the images in pasted text, without importing",
        request=ListTextSerializer,
        responses=ReadListSerializer,
    )
    @action(detail=False, methods=["post"])
    def read(self, request: Request, **_: Any) -> Response:
        body = ListTextSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        found = read_list(body.validated_data["text"], field="text")
        return Response(ReadListSerializer(found).data)

    def _answer(self, batch_id: Any, serializer: type[BatchSerializer] = BatchSerializer) -> Response:
        batch = batches_of(self.project).get(pk=batch_id)
        if serializer is NewBatchSerializer:
            batch.current_tasks = list(current_tasks(batch))  # type: ignore[attr-defined]
        where = reverse(
            "api-batch-detail",
            kwargs={"project_id": self.project.pk, "batch_id": batch.pk},
            request=self.request,
        )
        return Response(serializer(batch).data, status=202, headers={"Location": where})
