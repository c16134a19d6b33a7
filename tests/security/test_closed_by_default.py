"""A view is closed unless it says otherwise."""

from __future__ import annotations

import pytest
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import path

from accounts.middleware import SignInRequiredMiddleware


def unmarked(request: HttpRequest) -> HttpResponse:
    return HttpResponse("for those who signed in")


@login_not_required
def marked(request: HttpRequest) -> HttpResponse:
    return HttpResponse("for everyone")


urlpatterns = [path("unmarked/", unmarked), path("marked/", marked)]

pytestmark = pytest.mark.urls(__name__)


@pytest.mark.django_db
def test_a_view_without_a_mark_is_for_those_who_signed_in(client: Client) -> None:
    answer = client.get("/unmarked/?a=1")

    assert (answer.status_code, answer.headers["Location"]) == (
        302,
        "/accounts/login/?next=/unmarked/%3Fa%3D1",
    )
    client.force_login(User.objects.create_user("ann"))
    assert client.get("/unmarked/").content == b"for those who signed in"


@pytest.mark.django_db
def test_a_fragment_without_a_session_leads_the_whole_page_to_the_sign_in(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/projects/team/?search=x"}

    answer = client.get("/unmarked/", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["HX-Redirect"] == "/accounts/login/?next=/projects/team/%3Fsearch%3Dx"


def test_an_open_view_is_passed_on_without_asking_who_it_is() -> None:
    request = RequestFactory().get("/marked/")
    assert not hasattr(request, "user")

    assert SignInRequiredMiddleware(marked).process_view(request, marked, (), {}) is None
