"""How pages say that a service refused."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django import forms
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.exceptions import ApplicationError, FieldErrors
from oci.errors import OciError
from projects.models import Project
from projects.views.answers import refusals_at, take

REFUSALS = [
    (ApplicationError("target_busy", "Busy."), "Busy."),
    (FieldErrors({"password": ["Enter it again."]}), "Enter it again."),
    (OciError("unreachable", "%(host)s is away.", host="ghcr.io"), "ghcr.io is away."),
]


class Named(forms.Form):
    name = forms.CharField(required=False)


@pytest.fixture
def request_() -> HttpRequest:
    request: Any = RequestFactory().post("/")
    request.session = {}
    request._messages = FallbackStorage(request)
    return request


@pytest.mark.parametrize(("refusal", "sentence"), REFUSALS)
@pytest.mark.parametrize(
    ("place", "address"),
    [("batch", "/projects/app/batches/{}/"), ("settings#members", "/projects/app/settings/#members")],
)
def test_a_refusal_is_told_on_the_page_that_it_belongs_to(
    request_: HttpRequest, refusal: Exception, sentence: str, place: str, address: str
) -> None:
    @refusals_at(place)
    def view(_request: HttpRequest, _project: Project, **_kwargs: Any) -> HttpResponse:
        raise refusal

    row = uuid4()
    answer = view(request_, Project(name="app"), batch_id=row)
    assert (answer.status_code, answer["Location"]) == (302, address.format(row))
    assert [str(each) for each in get_messages(request_)] == [sentence]


def test_what_is_no_refusal_is_not_swallowed(request_: HttpRequest) -> None:
    @refusals_at("batch")
    def view(_request: HttpRequest, _project: Project) -> HttpResponse:
        raise LookupError("bug")

    with pytest.raises(LookupError):
        view(request_, Project(name="app"))


def test_a_refusal_stands_under_its_field_or_above_them_all() -> None:
    form = Named({})
    take(form, FieldErrors({"name": ["Taken."], "elsewhere": ["Odd."]}))
    take(form, REFUSALS[0][0])  # type: ignore[arg-type]
    assert form.errors == {"name": ["Taken."], "__all__": ["Odd.", "Busy."]}
