"""``/projects/{project_id}/trust`` and ``/trust``: whose signatures count, in a project and in the installation."""

from __future__ import annotations

from typing import Any, cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import IsSuperuser, TokenReaches
from accounts.api.schema import refused
from imageimport.api.serializers.trust import TrustSerializer
from imageimport.models import TrustAnchor
from imageimport.policy import trust
from projects.api.mixins import ProjectScoped
from projects.models import Project

_TOO_MANY = refused("`too_many_anchors`: there are 50 at most.")


class _TrustViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TrustAnchor]):
    """Made and deleted; another key or identity is another anchor."""

    queryset = TrustAnchor.objects.none()
    serializer_class = TrustSerializer
    lookup_url_kwarg = "trust_id"
    lookup_value_converter = "uuid"

    def _create(self, request: Request, project: Project | None) -> Response:
        form = TrustSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = trust.create(project=project, user=cast(User, request.user), wanted=form.to_wanted())
        return Response(TrustSerializer(made).data, status=201)

    def destroy(self, request: Request, **_: Any) -> Response:
        trust.delete(anchor=self.get_object())
        return Response(status=204)


@extend_schema(tags=["trust"])
@extend_schema_view(
    list=extend_schema(summary="List the trusted signers of the project"),
    retrieve=extend_schema(summary="Get a trusted signer"),
    destroy=extend_schema(summary="Delete a trusted signer", responses={204: None}),
)
class TrustViewSet(ProjectScoped, _TrustViewSet):
    """Keys and identities whose signatures count in one project, besides those of the installation."""

    def get_queryset(self) -> QuerySet[TrustAnchor]:
        if self.is_schema:
            return TrustAnchor.objects.none()
        return trust.of_project(self.project).select_related("project")

    @extend_schema(
        summary="Add a trusted signer: a key or an identity", responses={201: TrustSerializer, 409: _TOO_MANY}
    )
    def create(self, request: Request, **_: Any) -> Response:
        return self._create(request, self.project)


@extend_schema(tags=["trust"])
@extend_schema_view(
    list=extend_schema(summary="List the trusted signers of the installation"),
    retrieve=extend_schema(summary="Get a trusted signer of the installation"),
    destroy=extend_schema(summary="Delete a trusted signer of the installation", responses={204: None}),
)
class InstallationTrustViewSet(_TrustViewSet):
    """Keys and identities whose signatures count in every project; for superusers."""

    permission_classes = (IsSuperuser, TokenReaches)

    def get_queryset(self) -> QuerySet[TrustAnchor]:
        return trust.of_installation()

    @extend_schema(
        summary="Add a trusted signer for every project",
        responses={201: TrustSerializer, 409: _TOO_MANY},
    )
    def create(self, request: Request) -> Response:
        return self._create(request, None)
