"""``/projects/{project_id}/bundles/import``: images of uploaded files."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.api.schema import refused
from accounts.models import ApiToken
from imageimport.api import idempotency
from imageimport.api.serializers.batches import NewBatchSerializer
from imageimport.api.serializers.uploads import (
    BundleImportBodySerializer,
    BundlePlanBodySerializer,
    FilePlanSerializer,
)
from imageimport.api.tasks import IDEMPOTENCY_KEY
from imageimport.batches import from_bundle
from imageimport.batches.selectors import batches_of, current_tasks
from imageimport.models import ImportBatch
from projects import places
from projects.api.mixins import ProjectScoped
from projects.models import Role


@extend_schema(tags=["bundles"])
class BundleImportViewSet(ProjectScoped, viewsets.GenericViewSet[ImportBatch]):
    """Files that were uploaded before (``…/uploads``) become imports."""

    queryset = ImportBatch.objects.none()
    serializer_class = NewBatchSerializer
    token_scope = ApiToken.Scope.IMPORT
    role_to_write = Role.DEVELOPER

    @extend_schema(
        summary="Import images from uploaded files",
        parameters=[IDEMPOTENCY_KEY],
        request=BundleImportBodySerializer,
        responses={
            202: NewBatchSerializer,
            409: refused("`target_busy` or `quota_exceeded`."),
            422: refused("`idempotency_mismatch`."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        body = BundleImportBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = dict(body.validated_data)
        asked: dict[str, Any] = {
            "user": self.user,
            "key": request.headers.get("Idempotency-Key", ""),
            "where": f"POST {request.path}",
            "body": request.data,
        }
        made = idempotency.answered(**asked)
        if made is None:
            # Before the transaction: reading the files takes long, and SQLite has one writer.
            with places.asking_ours():
                ready = from_bundle.prepare(project=self.project, upload_ids=wanted.pop("uploads"), **wanted)
            made = idempotency.once(**asked, make=lambda: from_bundle.commit(ready, user=self.user).pk)
        batch = batches_of(self.project).get(pk=made)
        batch.current_tasks = list(current_tasks(batch))  # type: ignore[attr-defined]
        where = reverse(
            "api-batch-detail", kwargs={"project_id": self.project.pk, "batch_id": made}, request=request
        )
        return Response(NewBatchSerializer(batch).data, status=202, headers={"Location": where})

    @extend_schema(
        summary="Show what is in uploaded files and what is already here, without importing",
        request=BundlePlanBodySerializer,
        responses={200: FilePlanSerializer},
    )
    @action(detail=False, methods=["post"])
    def plan(self, request: Request, **_: Any) -> Response:
        body = BundlePlanBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with places.asking_ours():
            found = from_bundle.plan(
                project=self.project,
                upload_ids=body.validated_data["uploads"],
                target_prefix=body.validated_data["target_prefix"],
            )
        return Response(FilePlanSerializer(found).data)
