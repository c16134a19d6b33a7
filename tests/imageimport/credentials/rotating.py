"""What is sealed with an old key, and the command that seals it anew."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command

from imageimport.models import Credential, ImportTask, Webhook
from tests.support.factories import CredentialFactory, ProjectFactory, TaskFactory

OLD = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NEW = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="


@pytest.fixture
def sealed_with_old(settings: Any) -> tuple[ImportTask, Credential, Webhook]:
    """One of each, sealed with the old key; the new one is the first by now."""
    settings.CRYPTOGRAPHY_KEYS = [OLD]
    task = TaskFactory(username="me", password="task-secret")
    hook = Webhook.objects.create(project=ProjectFactory(), url="https://x.example/", secret="hook-secret")
    made = task, CredentialFactory(password="saved-secret"), hook
    settings.CRYPTOGRAPHY_KEYS = [NEW, OLD]
    return made


def rotate(**options: Any) -> str:
    out = io.StringIO()
    call_command("rotate_credentials", stdout=out, **options)
    return out.getvalue()
