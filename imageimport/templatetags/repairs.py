"""What the pages offer for an import that ended badly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission.repairs import ACCOUNT_HELPS, refused_without_credentials
from projects.models import Project

register = template.Library()

#: Where that is changed which an import failed of, by its code: a page of the project, and the part of it.
_PROJECT_PAGES: Final = {
    "quota_exceeded": ("usage", "", gettext_noop("Usage")),
    "refused_by_rule": ("rules", "", gettext_noop("Rules")),
    "signature_missing": ("rules", "", gettext_noop("Rules")),
    "signature_invalid": ("settings", "#trust", gettext_noop("Trusted signers")),
    "tag_protected": ("clean-up", "#protected", gettext_noop("Protected tags")),
}
#: The same for operators: a page of the installation.
_OPERATORS_PAGES: Final = {
    "blocked_address": ("sources", gettext_noop("Sources")),
    "unreachable": ("sources", gettext_noop("Sources")),
    "proxy_error": ("sources", gettext_noop("Sources")),
    "no_space": ("maintenance", gettext_noop("Maintenance")),
    "target_error": ("status", gettext_noop("Status")),
    "docker_unavailable": ("status", gettext_noop("Status")),
    "internal_error": ("status", gettext_noop("Status")),
}


@dataclass(frozen=True, slots=True)
class Remedy:
    """A page on which one can do what the advice says."""

    label: str
    url: str


@register.simple_tag
def remedy_of(task: ImportTask, project: Project, can: Any, user: Any) -> Remedy | None:
    """The page that the reader may open to remove the cause of a failure; None where the form of the import, or no page
    of theirs, is what helps."""
    if task.error_code in _PROJECT_PAGES and can.maintain:
        page, part, label = _PROJECT_PAGES[task.error_code]
        return Remedy(_(label), reverse(page, args=[project.name]) + part)
    if task.error_code in _OPERATORS_PAGES and user.is_superuser:
        page, label = _OPERATORS_PAGES[task.error_code]
        return Remedy(_(label), reverse(page))
    return None


@register.filter
def wants_credentials(task: ImportTask) -> bool:
    """Credentials are what has to change: to edit it is what helps."""
    return task.status == Status.FAILED and task.error_code in ACCOUNT_HELPS


@register.filter
def asks_before_retry(task: ImportTask) -> bool:
    """A retry as it is would go without the credentials that it needs, so the person is asked for them."""
    return task.credentials_erased or refused_without_credentials(task)


@register.filter
def wants_tag(task: ImportTask) -> bool:
    """Another tag may be what was meant."""
    return task.status == Status.FAILED and task.error_code == "not_found"
