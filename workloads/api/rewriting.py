"""``/projects/{project_id}/rewrite`` and ``…/client-config``: what makes others take their images from here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions, viewsets
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import ApiToken
from projects.api.mixins import ProjectScoped
from projects.models import Project, Role
from projects.permissions import reaches
from workloads.api.serializers import RewriteBodySerializer, RewrittenSerializer, RobotNameSerializer
from workloads.clients import services as clients
from workloads.clients.configurations import CLIENTS, Account
from workloads.rewriting.services import rewrite

_PLAIN: Final = "text/plain; charset=utf-8"
_PARAMETERS: Final = [
    OpenApiParameter(
        "for",
        str,
        description=f"Comma-separated, of {', '.join(CLIENTS)}; by default {clients.DEFAULT}.",
    ),
    OpenApiParameter(
        "registries", str, description=f"Comma-separated; by default {', '.join(clients.USUAL)}."
    ),
]
_REFUSED: Final = OpenApiResponse(
    {"type": "object", "additionalProperties": {}},
    description="Sentences about the fields that are wrong.",
)


@extend_schema(tags=["workloads"])
class RewriteViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """Manifests pointed here: Kubernetes YAML, compose files, kustomizations, Helm values."""

    queryset = Project.objects.none()  # For the browsable pages.
    serializer_class = RewriteBodySerializer
    role_to_write: ClassVar = Role.VIEWER
    token_scope: ClassVar = ApiToken.Scope.IMPORT

    @extend_schema(
        summary="Rewrite a manifest to pull from here; only the names of images change",
        request=RewriteBodySerializer,
        responses={200: RewrittenSerializer},
    )
    def create(self, request: Request, **_kwargs: Any) -> Response:
        body = RewriteBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        imports = body.validated_data["import_missing"]
        if imports and not reaches(self.role, Role.DEVELOPER):
            raise exceptions.PermissionDenied(_("Your role in this project does not allow this."))
        done = rewrite(
            project=self.project,
            text=body.validated_data["text"],
            pin=body.validated_data["pin"],
            user=self.user if imports else None,
        )
        return Response(RewrittenSerializer(done).data)


class PlainTextRenderer(BaseRenderer):
    """Makes ``Accept: text/plain`` something that can be answered; an error is JSON in it."""

    media_type = "text/plain"
    format = "txt"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        return json.dumps(data, ensure_ascii=False, default=str)


@extend_schema(tags=["workloads"])
class ClientConfigViewSet(ProjectScoped, viewsets.GenericViewSet[Any]):
    """Configurations of clients, ready to use."""

    queryset = Project.objects.none()  # For the browsable pages.
    serializer_class = RobotNameSerializer
    renderer_classes = (*viewsets.GenericViewSet.renderer_classes, PlainTextRenderer)

    @extend_schema(
        summary="Get configurations that make clients pull from this project",
        parameters=_PARAMETERS,
        responses={(200, "text/plain"): OpenApiTypes.STR, 400: _REFUSED},
    )
    def retrieve(self, request: Request, **_kwargs: Any) -> HttpResponse:
        return HttpResponse(self._text(request, None), content_type=_PLAIN)

    @extend_schema(
        summary="Get them with a new robot account that can pull; its secret is shown only once",
        parameters=_PARAMETERS,
        request=RobotNameSerializer,
        responses={(201, "text/plain"): OpenApiTypes.STR, 400: _REFUSED},
    )
    def create(self, request: Request, **_kwargs: Any) -> HttpResponse:
        body = self.get_serializer(data=request.data)
        body.is_valid(raise_exception=True)
        self._text(request, None)  # What can't be made makes no account.
        name = body.validated_data["name"]
        account = clients.new_robot(project=self.project, by=self.user, name=name)
        headers = {"Cache-Control": "no-store"}
        return HttpResponse(self._text(request, account), status=201, content_type=_PLAIN, headers=headers)

    def _text(self, request: Request, account: Account | None) -> str:
        return clients.make(
            project=self.project,
            clients=_listed(request, "for") or [clients.DEFAULT],
            registries=_listed(request, "registries"),
            account=account,
        )


def _listed(request: Request, name: str) -> list[str]:
    return [part.strip() for part in request.query_params.get(name, "").split(",") if part.strip()]
