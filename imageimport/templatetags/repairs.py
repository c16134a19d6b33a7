"""What the pages offer for an import that ended badly."""

from __future__ import annotations

from django import template

from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.submission.repairs import REFUSED, refused_without_credentials

register = template.Library()


@register.filter
def wants_credentials(task: ImportTask) -> bool:
    """Credentials are what has to change: to edit it is what helps."""
    return task.status == Status.FAILED and task.error_code in REFUSED


@register.filter
def asks_before_retry(task: ImportTask) -> bool:
    """A retry as it is would go without the credentials that it needs, so the person is asked for them."""
    return task.credentials_erased or refused_without_credentials(task)


@register.filter
def wants_tag(task: ImportTask) -> bool:
    """Another tag may be what was meant."""
    return task.status == Status.FAILED and task.error_code == "not_found"
