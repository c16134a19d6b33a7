"""People and projects of the tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from accounts.models import ApiToken
from accounts.sign_in.tokens import create_token
from projects.models import Image, Membership, Project, Role

PASSWORD = "correct horse battery staple"
ROLES = ("viewer", "developer", "maintainer", "owner")
#: Everyone who may knock, by what he is to a project.
CALLERS = ("anonymous", "stranger", *ROLES, "superuser")
DIGEST = "sha256:" + "a" * 64


def make_user(name: str, *, superuser: bool = False) -> User:
    """A user whose password is :data:`PASSWORD`."""
    make = User.objects.create_superuser if superuser else User.objects.create_user
    return make(name, f"{name}@example.test", PASSWORD)


@dataclass
class Team:
    """A project with one member of each role, a stranger, and a superuser who is no member."""

    project: Project
    users: dict[str, User] = field(default_factory=dict)

    @classmethod
    def make(cls, name: str = "team", *, visibility: str = Project.Visibility.PRIVATE) -> Team:
        team = cls(Project.objects.create(name=name, visibility=visibility))
        for role in ROLES:
            team.users[role] = make_user(f"{name}-{role}")
            Membership.objects.create(project=team.project, user=team.users[role], role=role)
        team.users["stranger"] = make_user(f"{name}-stranger")
        team.users["superuser"] = make_user(f"{name}-superuser", superuser=True)
        return team

    def member(self, role: str) -> Membership:
        return Membership.objects.get(project=self.project, user=self.users[role])

    def image(self, repository: str = "app", tag: str = "1", **values: object) -> Image:
        return Image.objects.create(
            project=self.project, repository=repository, tag=tag, **{"digest": DIGEST, "size": 1, **values}
        )

    def bearer(self, caller: str, *, scope: str = ApiToken.Scope.ADMIN) -> dict[str, str]:
        """Headers that sign ``caller`` in; none for ``anonymous``."""
        return bearer(self.users[caller], scope=scope) if caller != "anonymous" else {}


def bearer(user: User, *, scope: str = ApiToken.Scope.ADMIN) -> dict[str, str]:
    """Headers that sign ``user`` in."""
    return {"Authorization": f"Bearer {create_token(user=user, scope=scope)[1]}"}


def call(method: str, path: str, body: object = None, headers: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    """One request to the API, with JSON in it."""
    client = Client(raise_request_exception=True)
    options = {} if body is None else {"data": body, "content_type": "application/json"}
    return getattr(client, method.lower())(f"/api/v1{path}", headers=headers or {}, **options)


def read_to_its_end(answer: Any) -> None:
    """What streams is closed at its end, with the file that it comes from and the place that it holds."""
    if answer.streaming:
        for _part in answer.streaming_content:
            pass


def owner_of(project: Project) -> set[str]:
    """Names of a project's owners."""
    rows = Membership.objects.filter(project=project, role=Role.OWNER)
    return set(rows.values_list("user__username", flat=True))
