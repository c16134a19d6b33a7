"""``/sources``: how registries are reached; for superusers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.pagination import ListPages
from accounts.api.permissions import IsSuperuser, TokenReaches
from accounts.api.schema import refused
from imageimport.api.serializers.sources import (
    SourceSerializer,
    SourceTestBodySerializer,
    SourceTriedSerializer,
)
from imageimport.models import SourceRule
from imageimport.registries import sources
from imageimport.registries.sources import Rule
from imageimport.sources import services, trying
from imageimport.sources.seen import ways_by_rule

_READ_ONLY = refused("`read_only`: the rule is one of the environment.")


@extend_schema(tags=["sources"])
@extend_schema_view(
    list=extend_schema(summary="List rules in order, those of the environment first, without passwords"),
    retrieve=extend_schema(summary="Get a rule, without passwords"),
)
class SourceViewSet(viewsets.GenericViewSet[Any]):
    """Through which proxies and mirrors registries are reached; the first rule that matches counts. A change reaches
    running workers within ten seconds."""

    #: For the browsable pages; lists have the rules of the environment, too.
    queryset = SourceRule.objects.all()
    serializer_class = SourceSerializer
    pagination_class = ListPages
    permission_classes = (IsSuperuser, TokenReaches)
    filter_backends = ()
    lookup_url_kwarg = "source_id"
    lookup_value_converter = "uuid"

    def list(self, request: Request) -> Response:
        sources.forget()
        page = self.paginate_queryset(cast(Any, sources.all_rules()))
        return self.get_paginated_response(self._shown(page, many=True))

    def retrieve(self, request: Request, source_id: UUID) -> Response:
        return Response(self._shown(services.find(source_id)))

    @extend_schema(
        summary="Add a rule",
        responses={201: SourceSerializer, 409: refused("`too_many_rules`: there are 200 at most.")},
    )
    def create(self, request: Request) -> Response:
        form = SourceSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.create(user=self._user, **form.validated_data)
        return Response(self._shown(services.find(made.pk)), status=201)

    @extend_schema(summary="Change a rule", responses={200: SourceSerializer, 409: _READ_ONLY})
    def partial_update(self, request: Request, source_id: UUID) -> Response:
        row = services.find_to_change(source_id)
        form = SourceSerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        services.update(rule=row, changes=form.validated_data)
        return Response(self._shown(services.find(source_id)))

    @extend_schema(summary="Delete a rule", responses={204: None, 409: _READ_ONLY})
    def destroy(self, request: Request, source_id: UUID) -> Response:
        services.delete(rule=services.find_to_change(source_id))
        return Response(status=204)

    @extend_schema(
        summary="Test a rule: request an image the way that the rules say",
        request=SourceTestBodySerializer,
        responses={
            200: SourceTriedSerializer,
            429: refused("`throttled`: too many registries are being queried at once; see Retry-After."),
        },
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, source_id: UUID) -> Response:
        services.find(source_id)
        form = SourceTestBodySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        tried = trying.try_out(image_url=form.validated_data["image_url"], user=self._user)
        return Response(SourceTriedSerializer(tried).data)

    @property
    def _user(self) -> User:
        return cast(User, self.request.user)

    def _shown(self, found: Rule | Sequence[Rule] | None, *, many: bool = False) -> Any:
        return SourceSerializer(cast(Any, found), many=many, context={"ways": ways_by_rule()}).data
