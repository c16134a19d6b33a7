"""Accounts that are no administrator's, at a portal that runs: what one can do to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from testbed.portal import PortalProcess

_MAKE = """
from django.contrib.auth.models import User
from accounts.sign_in.tokens import create_token
print("token", create_token(user=User.objects.create_user("{name}"), scope="admin")[1])
"""


@dataclass
class Tenant:
    """One account, signed in to the API."""

    portal: PortalProcess
    name: str
    token: str
    projects: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        return self.portal.call(method, path, body, token=self.token)

    def project(self, name: str = "") -> str:
        """The id of a project of this account, made on first use."""
        name = f"{self.name}-{name}" if name else self.name
        if name not in self.projects:
            answer = self.call("POST", "/projects", {"name": name, "visibility": "private"})
            assert answer.status_code == 201, answer.text
            self.projects[name] = answer.json()["id"]
        return self.projects[name]

    def made(self, what: str, body: dict[str, Any], *, project: str = "") -> dict[str, Any]:
        """POST below a project; what was made."""
        answer = self.call("POST", f"/projects/{self.project(project)}/{what}", body)
        assert answer.status_code in (200, 201, 202), answer.text
        return dict(answer.json())

    def submit(self, reference: str, *, project: str = "", **fields: object) -> str:
        """Ask for an import; its id."""
        return str(self.made("images/import", {"image_url": reference, **fields}, project=project)["id"])


def tenant(portal: PortalProcess, name: str) -> Tenant:
    """A new account."""
    made = portal.manage("shell", "-v0", "-c", _MAKE.format(name=name))
    words = made.stdout.split()
    assert words[-2:-1] == ["token"], made.stdout + made.stderr
    return Tenant(portal, name, words[-1])
