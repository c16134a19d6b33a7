"""What every API view inside a project has in common: the project, and the role that each action takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from projects.models import Project, Role
from projects.permissions import reaches
from projects.selectors import get_project

if TYPE_CHECKING:
    from rest_framework.viewsets import GenericViewSet

    Base = GenericViewSet[Any]
else:
    Base = object


class ProjectScoped(Base):
    """Mix in before the viewset. Inside an action ``self.project`` and ``self.role`` are there.

    Anonymous callers get 401, strangers to a private project 404, too small a role 403; whether a token's scope is
    enough was asked before (:class:`accounts.api.permissions.TokenReaches`, the view's ``token_scope``).
    """

    #: The role that an action takes; what is not named takes ``role_to_read`` or ``role_to_write`` by its method.
    roles: ClassVar[Mapping[str, Role]] = {}
    role_to_read: ClassVar[Role] = Role.VIEWER
    role_to_write: ClassVar[Role] = Role.MAINTAINER
    #: The route's argument that names the project.
    project_kwarg: ClassVar[str] = "project_id"

    project: Project
    #: The caller's role, at least viewer.
    role: Role

    def check_permissions(self, request: Request) -> None:
        """Who may not, does not get to the action.

        :raises NotFound: no such project, or not theirs to see.
        :raises PermissionDenied: their role is too small for the action.
        """
        super().check_permissions(request)
        if self.project_kwarg not in self.kwargs:
            return
        if not hasattr(self, "project"):
            self.project = self._find_project(request)
            self.role = Role(getattr(self.project, "role", None) or Role.VIEWER)
        if self.action is not None and not reaches(self.role, self.role_for(self.action, request)):
            raise exceptions.PermissionDenied(_("Your role in this project does not allow this."))

    def role_for(self, action: str, request: Request) -> Role:
        """The role that ``action`` takes."""
        reads = request.method in SAFE_METHODS
        return self.roles.get(action, self.role_to_read if reads else self.role_to_write)

    @property
    def user(self) -> User:
        """The caller; someone, since anonymous ones came no further."""
        return cast(User, self.request.user)

    @property
    def is_schema(self) -> bool:
        """The OpenAPI document is being made; there is no project then."""
        return bool(getattr(self, "swagger_fake_view", False))

    def _find_project(self, request: Request) -> Project:
        try:
            return get_project(request.user, project_id=self.kwargs[self.project_kwarg])
        except (Project.DoesNotExist, ValidationError, ValueError):
            raise exceptions.NotFound from None
