"""What people call things can't disguise what stands beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.forms import TokenForm
from accounts.labels import UNFIT as UNFIT_SAID
from accounts.labels import is_label
from imageimport.forms.imports import ImportForm
from imageimport.forms.settings import CredentialForm
from imageimport.models import Credential, ImportBatch
from projects.forms import ProjectDetailsForm, ProjectForm
from projects.models import Project
from tests.support.people import Team, call

UNFIT = ["a\u202egnp", "\u2066a", "a\u2069", "a\x1b[31mb", "a\nb", "a\x7f", "a\x85b", "a\u2028b"]


@pytest.mark.parametrize("text", UNFIT)
def test_control_characters_and_turning_marks_are_no_part_of_a_label(text: str) -> None:
    assert not is_label(text)


@pytest.mark.parametrize("text", ["", "a b", "镜像", "שלום\u200f!", "<b>", "=1+1", "\U0001f600", "né"])
def test_every_language_is(text: str) -> None:
    assert is_label(text)


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["a\u202egnp", "\u2067a"])
def test_nothing_is_called_so_by_the_api(text: str) -> None:
    team = Team.make()
    owner, base = team.bearer("owner"), f"/projects/{team.project.pk}"
    saved = team.project.credentials.create(
        name="mine", registry="ghcr.io", username="u", password="p4ssword"
    )
    credential = {"name": text, "registry": "ghcr.io", "username": "u", "password": "p"}
    asked: list[tuple[str, str, dict[str, Any], str]] = [
        ("POST", "/projects", {"name": "new", "description": text}, "description"),
        ("PATCH", base, {"description": text}, "description"),
        ("POST", f"{base}/credentials", credential, "name"),
        ("PATCH", f"{base}/credentials/{saved.pk}", {"name": text}, "name"),
        ("POST", f"{base}/images/import/batches", {"name": text, "images": ["nginx"]}, "name"),
        ("POST", "/auth/tokens", {"username": "owner", "password": "p", "name": text}, "name"),
    ]
    for verb, path, body, field in asked:
        answer = call(verb, path, body, owner)
        assert (answer.status_code, list(answer.json())) == (400, [field]), (path, answer.content)
    assert Project.objects.get().description == ""
    assert Credential.objects.get().name == "mine"
    assert not ImportBatch.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "field"),
    [
        (ProjectForm, "description"),
        (ProjectDetailsForm, "description"),
        (CredentialForm, "name"),
        (ImportForm, "batch_name"),
        (TokenForm, "name"),
    ],
)
def test_nor_on_a_page(form: Callable[..., Any], field: str) -> None:
    more = {"project": Team.make().project} if form is ImportForm else {}
    assert str(UNFIT_SAID) in form({field: "a\u202egnp"}, **more).errors[field]
    assert field not in form({field: "a gnp"}, **more).errors
