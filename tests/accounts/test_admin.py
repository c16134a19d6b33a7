"""What the admin site shows of accounts."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.labels import UNFIT
from accounts.models import Profile
from projects.models import Project


def test_nothing_can_be_typed_where_the_portal_would_not_read_it(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    assert "/admin/mfa/authenticator/" in page
    for path in ("account/emailaddress", "socialaccount/socialapp", "socialaccount/socialtoken"):
        assert path not in page
        assert admin_client.get(f"/admin/{path}/add/").status_code == 404


#: What the form of a project's members sends when there are none.
NO_MEMBERS = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}


def test_a_description_is_judged_as_on_the_pages(admin_client: Client) -> None:
    asked = {"name": "new", "visibility": "private", **NO_MEMBERS}
    refused = admin_client.post("/admin/projects/project/add/", {**asked, "description": "a\u202egnp"})
    assert refused.context["adminform"].form.errors == {"description": [str(UNFIT)]}
    assert not Project.objects.exists()
    assert (
        admin_client.post("/admin/projects/project/add/", {**asked, "description": "a gnp"}).status_code
        == 302
    )
    assert Project.objects.get().description == "a gnp"


@pytest.mark.parametrize("wrong", [{"language": "xx"}, {"pull_client": "rm -rf"}])
def test_preferences_are_chosen_among_those_of_the_pages(
    admin_client: Client, admin_user: User, wrong: dict[str, Any]
) -> None:
    Profile.objects.create(user=admin_user)
    path = f"/admin/accounts/profile/{admin_user.pk}/change/"
    right = {"language": "zh-hans", "theme": "dark", "pull_client": "podman"}
    refused = admin_client.post(path, {**right, **wrong})
    assert list(refused.context["adminform"].form.errors) == list(wrong)
    assert Profile.objects.get().theme == "auto"
    assert admin_client.post(path, right).status_code == 302
    assert Profile.objects.get().pull_client == "podman"
