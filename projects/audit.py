"""The audit log: who did what, when and from where.

Who and from where are those of :mod:`accounts.caller`: middleware, tasks and commands bind them.
"""

from __future__ import annotations

from typing import Any, Protocol

from accounts.caller import current_actor, current_address
from accounts.labels import as_label
from projects.models import AuditEvent, Project


class Audited(Protocol):
    """A row of a project that the audit log can name. No secret may be in what it says."""

    project: Any

    @property
    def audit_subject(self) -> str:
        """What people know it by."""

    @property
    def audit_detail(self) -> dict[str, str]:
        """What programs need to find it."""


def record(action: str, thing: Audited | Project, /, **detail: Any) -> None:
    """Write down that this was done to ``thing``, in the caller's transaction. No secret may be in ``detail``."""
    if isinstance(thing, Project):
        record_event(action=action, project=thing, subject=thing.name, detail=detail)
        return
    record_event(
        action=action,
        project=thing.project,
        subject=thing.audit_subject,
        detail={**thing.audit_detail, **detail},
    )


def record_event(
    *,
    action: str,
    project: Project | None,
    subject: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """Write one event that no row of ours stands for; else see :func:`record`."""
    actor = current_actor()
    AuditEvent.objects.create(
        action=action,
        actor=actor.user,
        actor_name=_clean(actor.name, 255),
        project=project,
        project_name=project.name if project else "",
        subject=_clean(subject, 700),
        detail=detail or {},
        address=current_address(),
    )


def _clean(text: str, most: int) -> str:
    """What a stranger sent may hold what no database stores, or what makes one line of a log look like two."""
    return as_label(text.replace("\0", "").encode("utf-8", "replace").decode("utf-8"))[:most]
