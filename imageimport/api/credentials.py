"""``/projects/{project_id}/credentials``: saved sign-ins at registries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from imageimport.api.serializers.credentials import CredentialSerializer, TestedSerializer
from imageimport.credentials import services as credentials
from imageimport.models import Credential
from projects.api.mixins import ProjectScoped
from projects.models import Role


@extend_schema(tags=["credentials"])
@extend_schema_view(
    list=extend_schema(summary="List saved credentials, without their passwords"),
    retrieve=extend_schema(summary="Get a saved credential, without its password"),
)
class CredentialViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Credential]
):
    """Saved credentials of one project; developers pick them by name."""

    queryset = Credential.objects.none()
    serializer_class = CredentialSerializer
    lookup_url_kwarg = "credential_id"
    lookup_value_converter = "uuid"
    roles: ClassVar = {"list": Role.DEVELOPER, "retrieve": Role.DEVELOPER}

    def get_queryset(self) -> QuerySet[Credential]:
        if self.is_schema:
            return Credential.objects.none()
        return Credential.objects.filter(project=self.project).select_related("project")

    @extend_schema(summary="Save a credential", responses={201: CredentialSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        saved = credentials.create(project=self.project, user=self.user, **form.validated_data)
        return Response(self.get_serializer(saved).data, status=201)

    @extend_schema(
        summary="Change a credential",
        responses={
            200: CredentialSerializer,
            409: refused(
                "`changed_meanwhile`: a password was given, and another registry named at the same time."
            ),
        },
    )
    def partial_update(self, request: Request, **_: Any) -> Response:
        saved = self.get_object()
        form = self.get_serializer(saved, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        credentials.update(credential=saved, changes=form.validated_data)
        return Response(self.get_serializer(saved).data)

    @extend_schema(
        summary="Delete a credential",
        responses={204: None, 409: refused("`credential_in_use` by schedules or imports.")},
    )
    def destroy(self, request: Request, **_: Any) -> Response:
        credentials.delete(credential=self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="Test a credential: sign in to its registry",
        request=None,
        responses={
            200: TestedSerializer,
            429: refused("`throttled`: too many registries are being queried at once; see Retry-After."),
        },
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, **_: Any) -> Response:
        tested = credentials.test(credential=self.get_object(), user=self.user)
        return Response(TestedSerializer(tested).data)
