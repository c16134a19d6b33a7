"""``/projects/{project_id}/images/import/plan``: what an import would do."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from accounts.models import ApiToken
from imageimport.api.serializers.plan import PlanSerializer
from imageimport.api.serializers.tasks import ImportBodySerializer
from imageimport.submission.planning import make_plan
from projects.api.mixins import ProjectScoped
from projects.models import Role


class PlanViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """Dry run."""

    serializer_class = ImportBodySerializer
    token_scope = ApiToken.Scope.IMPORT
    role_to_write = Role.DEVELOPER
    #: For the answers to errors (:mod:`accounts.api.exceptions`).
    looks_at_source: ClassVar = True

    @extend_schema(
        tags=["import"],
        summary="Plan an import: what it would do, without doing it",
        request=ImportBodySerializer,
        responses={
            200: PlanSerializer,
            429: refused("`throttled`: too many registries are being queried at once; see Retry-After."),
            422: refused("The source can't be read; `code` is the import's error code."),
            502: refused("`target_error`: the private registry refuses."),
        },
    )
    def create(self, request: Request, **_: Any) -> Response:
        body = ImportBodySerializer(data=request.data, context={"project": self.project})
        body.is_valid(raise_exception=True)
        found = make_plan(project=self.project, user=self.user, request=body.to_request())
        return Response(PlanSerializer(found).data)
