"""``/api/v1/projects/{project_id}/retention``, ``…/trash`` and ``…/protected-tags``."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.schema import refused
from projects import protection
from projects.api.mixins import ProjectScoped
from projects.api.retention_serializers import (
    CleanUpPlanSerializer,
    ProtectedTagSerializer,
    RetentionRuleSerializer,
    TrashedTagSerializer,
)
from projects.api.serializers import ImageSerializer
from projects.models import ProtectedTag, RetentionRule, TrashedTag
from projects.retention import cleanup, rules, trash

_BUSY = refused("`registry_busy`: the registry's garbage is being collected; see Retry-After.")


@extend_schema(tags=["clean-up"])
@extend_schema_view(
    list=extend_schema(summary="List clean-up rules"),
    retrieve=extend_schema(summary="Get a clean-up rule, with its warnings"),
)
class RetentionViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[RetentionRule]
):
    """Which tags stay. A tag that no rule selects stays, and so does one that any rule keeps."""

    queryset = RetentionRule.objects.none()
    serializer_class = RetentionRuleSerializer
    filter_backends = ()
    lookup_url_kwarg = "retention_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[RetentionRule]:
        if self.is_schema:
            return RetentionRule.objects.none()
        return RetentionRule.objects.filter(project=self.project).select_related("project")

    @extend_schema(
        summary="Add a rule",
        responses={201: RetentionRuleSerializer, 409: refused("`too_many_rules`: there are 50 at most.")},
    )
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = rules.create(project=self.project, user=self.user, values=form.validated_data)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(summary="Change a rule")
    def partial_update(self, request: Request, **_: Any) -> Response:
        rule = self.get_object()
        form = self.get_serializer(rule, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changed = rules.update(rule=rule, changes=form.validated_data)
        return Response(self.get_serializer(changed).data)

    @extend_schema(summary="Delete a rule")
    def destroy(self, request: Request, **_: Any) -> Response:
        rules.delete(rule=self.get_object())
        return Response(status=204)

    @extend_schema(
        summary="Show what clean-up would do now", request=None, responses={200: CleanUpPlanSerializer}
    )
    @action(detail=False, methods=["post"], url_path="dry-run")
    def dry_run(self, request: Request, **_: Any) -> Response:
        """Each tag with the reason why it stays or goes; `bytes`: the size of what only the removed tags use."""
        return Response(CleanUpPlanSerializer(cleanup.plan(self.project)).data)

    @extend_schema(
        summary="Clean up now",
        request=None,
        responses={
            200: CleanUpPlanSerializer,
            503: _BUSY,
            502: refused("The registry refused; nothing was removed."),
        },
    )
    @action(detail=False, methods=["post"])
    def run(self, request: Request, **_: Any) -> Response:
        """Does what a dry run shows: the tags under `remove` are in the trash afterwards. Where `finished` is false,
        the rest follows within minutes."""
        return Response(CleanUpPlanSerializer(cleanup.run(project=self.project, user=self.user)).data)


@extend_schema(tags=["clean-up"])
@extend_schema_view(
    list=extend_schema(summary="List the patterns of protected tags"),
    retrieve=extend_schema(summary="Get a pattern"),
)
class ProtectedTagViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ProtectedTag]
):
    """An existing tag that matches a pattern can't be changed or deleted by an import, push, rollback, clean-up or
    deletion."""

    queryset = ProtectedTag.objects.none()
    serializer_class = ProtectedTagSerializer
    filter_backends = ()
    lookup_url_kwarg = "protected_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[ProtectedTag]:
        if self.is_schema:
            return ProtectedTag.objects.none()
        return ProtectedTag.objects.filter(project=self.project).select_related("project")

    @extend_schema(
        summary="Protect the tags that match a pattern",
        responses={201: ProtectedTagSerializer, 409: refused("`too_many_patterns`: there are 100 at most.")},
    )
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = protection.add(project=self.project, user=self.user, **form.validated_data)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(summary="Remove the protection of a pattern")
    def destroy(self, request: Request, **_: Any) -> Response:
        protection.remove(protected=self.get_object())
        return Response(status=204)


@extend_schema(tags=["clean-up"])
@extend_schema_view(
    list=extend_schema(summary="List removed tags that can be restored, last removed first"),
    retrieve=extend_schema(summary="Get a tag in the trash"),
)
class TrashViewSet(
    ProjectScoped, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[TrashedTag]
):
    """What people deleted and clean-up removed, for the project's `trash_days`."""

    queryset = TrashedTag.objects.none()
    serializer_class = TrashedTagSerializer
    filter_backends = ()
    lookup_url_kwarg = "trash_id"
    lookup_value_converter = "uuid"

    def get_queryset(self) -> QuerySet[TrashedTag]:
        return TrashedTag.objects.none() if self.is_schema else trash.trash_of(self.project)

    @extend_schema(
        summary="Restore a tag, with the same digest",
        request=None,
        responses={
            200: ImageSerializer,
            403: refused("`refused_by_rule` (with `rule`): by the rules for where it came from."),
            409: refused("`tag_exists`, `digest_gone` or `quota_exceeded`."),
            503: _BUSY,
        },
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, **_: Any) -> Response:
        image = trash.restore(trashed=self.get_object())
        return Response(ImageSerializer(image).data)

    @extend_schema(summary="Delete a tag from the trash")
    def destroy(self, request: Request, **_: Any) -> Response:
        """It can't be restored anymore; the next collection of garbage frees its space."""
        trash.let_go(rows=TrashedTag.objects.filter(pk=self.get_object().pk))
        return Response(status=204)
