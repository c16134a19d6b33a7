"""The journal: who did what, when and from where."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest

from accounts.addresses import client_address
from accounts.labels import as_label
from projects.models import AuditEvent, Project

__all__ = ["client_address", "record"]


def record(
    *,
    action: str,
    actor: User | AnonymousUser | None,
    project: Project | None,
    subject: str = "",
    detail: dict[str, Any] | None = None,
    request: HttpRequest | None = None,
    actor_name: str = "",
) -> None:
    """Write one event, in the caller's transaction. No secret may be in ``subject`` or ``detail``.

    :param actor: None for robots, anonymous callers and the portal itself; ``actor_name`` then says who.
    :param request: gives the address.
    """
    user = actor if isinstance(actor, User) else None
    AuditEvent.objects.create(
        action=action,
        actor=user,
        actor_name=_clean(actor_name or (user.get_username() if user else ""), 255),
        project=project,
        project_name=project.name if project else "",
        subject=_clean(subject, 700),
        detail=detail or {},
        address=client_address(request) if request is not None else None,
    )


def _clean(text: str, most: int) -> str:
    """What a stranger sent may hold what no database stores, or what makes one line of a journal look like two."""
    return as_label(text.replace("\0", "").encode("utf-8", "replace").decode("utf-8"))[:most]
