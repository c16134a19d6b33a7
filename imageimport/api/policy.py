"""``/projects/{project_id}/rules`` and ``/rules``: what may come in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.permissions import IsSuperuser, TokenReaches
from accounts.api.schema import refused
from imageimport.api.serializers.policy import (
    CheckBodySerializer,
    CheckedSerializer,
    DryRunBodySerializer,
    DryRunSerializer,
    RuleSerializer,
)
from imageimport.models import PolicyRule
from imageimport.policy import selectors, services
from imageimport.submission.requests import ImportRequest, prepare
from projects.api.mixins import ProjectScoped
from projects.models import Project, Role

_TOO_MANY = refused("`too_many_rules`: there are 1000 at most.")


class _Rules(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[PolicyRule]):
    """What both lists of rules have in common. ``owner``: the project; None for the installation."""

    queryset = PolicyRule.objects.none()
    serializer_class = RuleSerializer
    lookup_url_kwarg = "rule_id"
    lookup_value_converter = "uuid"
    filter_backends = ()

    @property
    def owner(self) -> Project | None:
        return None

    def get_queryset(self) -> QuerySet[PolicyRule]:
        if getattr(self, "swagger_fake_view", False):
            return PolicyRule.objects.none()
        return selectors.rules_of(self.owner)

    @extend_schema(summary="Add a rule", responses={201: RuleSerializer, 409: _TOO_MANY})
    def create(self, request: Request, **_: Any) -> Response:
        form = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = services.create(project=self.owner, user=cast(User, request.user), **form.validated_data)
        return Response(self.get_serializer(made).data, status=201)

    @extend_schema(summary="Change a rule")
    def partial_update(self, request: Request, **_: Any) -> Response:
        rule = self.get_object()
        form = self.get_serializer(rule, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        services.update(rule=rule, changes=form.validated_data)
        return Response(self.get_serializer(rule).data)

    @extend_schema(summary="Delete a rule", responses={204: None})
    def destroy(self, request: Request, **_: Any) -> Response:
        services.delete(rule=self.get_object())
        return Response(status=204)

    def answer_dry_run(self, request: Request) -> Response:
        body = DryRunBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        draft = self._draft(body.validated_data.get("rule"))
        found = selectors.dry_run(project=self.owner, days=body.validated_data["days"], draft=draft)
        return Response(DryRunSerializer(asdict(found)).data)

    def _draft(self, given: dict[str, Any] | None) -> PolicyRule | None:
        if given is None:
            return None
        of = None
        if given.get("id"):
            of = self._find(str(given["id"]))
        form = RuleSerializer(data=given, partial=of is not None)
        if not form.is_valid():
            raise ValidationError({"rule": form.errors})
        return services.draft(project=self.owner, values=form.validated_data, of=of)

    def _find(self, text: str) -> PolicyRule:
        try:
            found = selectors.rules_of(self.owner).filter(pk=UUID(text)).first()
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found


@extend_schema(tags=["rules"])
@extend_schema_view(
    list=extend_schema(summary="List the rules of the project, in order"),
    retrieve=extend_schema(summary="Get a rule"),
)
class RuleViewSet(ProjectScoped, _Rules):
    """What may be imported into a project. The rules of the installation are checked first; the stricter result
    counts."""

    role_to_read = Role.MAINTAINER
    roles: ClassVar[dict[str, Role]] = {"check": Role.DEVELOPER}

    @property
    def owner(self) -> Project | None:
        return self.project

    @extend_schema(
        summary="Check an image against the rules, without asking any registry",
        request=CheckBodySerializer,
        responses=CheckedSerializer,
    )
    @action(detail=False, methods=["post"], pagination_class=None)
    def check(self, request: Request, **_: Any) -> Response:
        body = CheckBodySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wanted = ImportRequest(**body.validated_data)
        task = prepare(project=self.project, user=self.user, request=wanted).task
        decision = selectors.check(project=self.project, task=task)
        return Response(CheckedSerializer(selectors.answer(decision)).data)

    @extend_schema(
        summary="Show what the rules would have decided about the last days' imports",
        request=DryRunBodySerializer,
        responses=DryRunSerializer,
    )
    @action(detail=False, methods=["post"], url_path="dry-run", pagination_class=None)
    def dry_run(self, request: Request, **_: Any) -> Response:
        return self.answer_dry_run(request)


@extend_schema(tags=["rules"])
@extend_schema_view(
    list=extend_schema(summary="List the rules of the installation, in order"),
    retrieve=extend_schema(summary="Get a rule"),
)
class InstallationRuleViewSet(_Rules):
    """What may be imported into any project; for superusers. Checked before the projects' own rules."""

    permission_classes = (IsSuperuser, TokenReaches)

    @extend_schema(
        summary="Show what the rules would have decided about the last days' imports of all projects",
        request=DryRunBodySerializer,
        responses=DryRunSerializer,
    )
    @action(detail=False, methods=["post"], url_path="dry-run")
    def dry_run(self, request: Request, **_: Any) -> Response:
        return self.answer_dry_run(request)
