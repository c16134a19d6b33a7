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
from django_htmx.middleware import HtmxDetails

from accounts.exceptions import ApplicationError, FieldErrors, Refusal
from oci.errors import OciError
from projects.models import Project
from projects.views.answers import refusals_at, take, take_fields

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


@pytest.mark.parametrize(
    ("place", "given", "address"),
    [
        ("trash", (), "/projects/app/trash/"),
        ("webhook", ("webhook_id",), "/projects/app/settings/webhooks/{}/"),
    ],
)
def test_an_address_takes_only_some_of_the_views_arguments(
    request_: HttpRequest, place: str, given: tuple[str, ...], address: str
) -> None:
    @refusals_at(place, given=given)
    def view(_request: HttpRequest, _project: Project, **_kwargs: Any) -> HttpResponse:
        raise REFUSALS[0][0]

    row = uuid4()
    answer = view(request_, Project(name="app"), webhook_id=row, delivery_id=uuid4())
    assert answer["Location"] == address.format(row)


def test_what_belongs_to_the_installation_has_no_project(request_: HttpRequest) -> None:
    @refusals_at("maintenance")
    def view(_request: HttpRequest) -> HttpResponse:
        raise REFUSALS[0][0]

    assert view(request_)["Location"] == "/maintenance/"
    assert [str(each) for each in get_messages(request_)] == ["Busy."]


def test_a_dialog_leaves_for_the_page_where_the_refusal_is_told(request_: HttpRequest) -> None:
    @refusals_at("sources")
    def view(_request: HttpRequest) -> HttpResponse:
        raise REFUSALS[0][0]

    request_.META["HTTP_HX_REQUEST"] = "true"
    request_.htmx = HtmxDetails(request_)  # type: ignore[attr-defined]
    assert view(request_)["HX-Redirect"] == "/sources/"


def test_what_is_no_refusal_is_not_swallowed(request_: HttpRequest) -> None:
    @refusals_at("batch")
    def view(_request: HttpRequest, _project: Project) -> HttpResponse:
        raise LookupError("bug")

    with pytest.raises(LookupError):
        view(request_, Project(name="app"))


def test_a_refusal_stands_under_its_field_or_above_them_all() -> None:
    form = Named({})
    take(form, _of(FieldErrors({"name": ["Taken."], "elsewhere": ["Odd."]})))
    take(form, _of(REFUSALS[0][0]))
    take(form, Refusal())
    assert form.errors == {"name": ["Taken."], "__all__": ["Odd.", "Busy."]}


def test_a_page_says_itself_what_is_about_no_field() -> None:
    form = Named({})
    assert take_fields(form, Refusal()) is None
    assert take_fields(form, _of(FieldErrors({"name": ["Taken."]}))) is None
    busy = _of(REFUSALS[0][0])
    assert take_fields(form, busy) is busy
    assert form.errors == {"name": ["Taken."]}


def _of(error: Exception) -> Refusal:
    with Refusal() as refusal:
        raise error
    return refusal
