"""The admin of accounts and projects: to look at, and to remove by the same services as elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Profile
from accounts.sign_in.tokens import create_token
from oci.errors import OciError
from projects import audit, protection
from projects.admin.lists import EstimatedPaginator
from projects.admin.projects import ImageAdmin
from projects.models import AuditEvent, Collection, Image, Membership, Project, Robot
from projects.registry import removal
from projects.retention import trash
from projects.services import create_robot
from tests.support.factories import ImageFactory, ProjectFactory
from tests.support.people import Team

pytestmark = pytest.mark.django_db


@pytest.fixture
def team() -> Team:
    """A project with one of everything."""
    team = Team.make()
    team.image()
    create_robot(project=team.project, by=team.users["owner"], name="ci")
    create_token(user=team.users["owner"], name="laptop")
    Profile.objects.create(user=team.users["owner"])
    audit.record_event(action="test.happened", project=team.project)
    return team


@pytest.fixture
def client(team: Team) -> Client:
    """The superuser, signed in."""
    client = Client()
    client.force_login(team.users["superuser"], "django.contrib.auth.backends.ModelBackend")
    return client


LISTS = ["accounts/apitoken", "accounts/profile", "projects/project", "projects/image", "projects/robot",
         "projects/auditevent"]  # fmt: skip


@pytest.mark.parametrize("page", LISTS)
def test_every_list_and_row_can_be_looked_at_and_shows_no_hash(client: Client, page: str) -> None:
    listed = client.get(f"/admin/{page}/", {"q": "e"})
    assert listed.status_code == 200
    model = listed.context["cl"].model
    row = client.get(f"/admin/{page}/{model.objects.first().pk}/change/")
    assert row.status_code == 200
    hashes = [*Robot.objects.values_list("digest", flat=True)]
    assert not any(secret in row.content.decode() for secret in hashes)


def test_who_turns_pages_sees_more_of_them_up_to_a_bound(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageAdmin, "list_per_page", 2)
    monkeypatch.setattr(EstimatedPaginator, "BOUND", 16)
    project = ProjectFactory()
    for _ in range(25):
        ImageFactory(project=project)

    def counted(page: str) -> int:
        return int(client.get("/admin/projects/image/", {"p": page}).context["cl"].result_count)

    assert [counted(page) for page in ("1", "2", "8", "no page")] == [10, 12, 16, 10]


@pytest.mark.parametrize(
    "page", ["accounts/apitoken", "projects/image", "projects/robot", "projects/auditevent"]
)
def test_what_others_make_is_not_made_by_hand(client: Client, page: str) -> None:
    assert client.get(f"/admin/{page}/add/").status_code == 403


def test_the_journal_is_never_changed_nor_deleted(client: Client) -> None:
    row = AuditEvent.objects.first()
    assert row is not None
    assert client.post(f"/admin/projects/auditevent/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/projects/auditevent/{row.pk}/change/", {"action": "x"}).status_code == 403


def test_a_project_made_in_the_admin_belongs_to_whoever_made_it(client: Client, team: Team) -> None:
    form = {
        "name": "new", "visibility": "private", "memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0",
    }  # fmt: skip
    assert client.post("/admin/projects/project/add/", form).status_code == 302
    project = Project.objects.get(name="new")
    assert project.created_by == team.users["superuser"]
    assert Membership.objects.get(project=project).role == "owner"


def test_a_project_keeps_its_name_in_the_admin_too(client: Client, team: Team) -> None:
    page = client.get(f"/admin/projects/project/{team.project.pk}/change/")
    assert "name" not in page.context["adminform"].form.fields


def test_images_and_projects_go_by_way_of_the_registry(
    client: Client, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[dict[str, Any]] = []
    row = Image.objects.get()
    for module in (removal, trash):
        monkeypatch.setattr(module, "delete_tag", lambda **what: removed.append(what))
    monkeypatch.setattr(trash, "_named_now", lambda *_: row.digest)
    client.post(f"/admin/projects/image/{row.pk}/delete/", {"post": "yes"})
    assert removed == [{"repository": "team/app", "tag": "1"}]
    assert not Image.objects.exists()
    monkeypatch.setattr(removal, "repositories_of", lambda _: ["team/other"])
    monkeypatch.setattr(removal, "tags_of", lambda _: ["2"])
    chosen = {"action": "delete_selected", "_selected_action": [str(team.project.pk)], "post": "yes"}
    client.post("/admin/projects/project/", chosen)
    assert removed[1:] == [{"repository": "team/other", "tag": "2"}]
    assert not Project.objects.filter(pk=team.project.pk).exists()


def test_what_the_registry_keeps_stays_and_the_admin_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OciError("target_error", "%(host)s is away.", host="registry.test")

    row = Image.objects.get()
    monkeypatch.setattr(trash, "_named_now", lambda *_: row.digest)
    monkeypatch.setattr(trash, "delete_tag", refuse)
    answer = client.post(f"/admin/projects/image/{row.pk}/delete/", {"post": "yes"}, follow=True)
    assert "registry.test is away." in answer.content.decode()
    assert Image.objects.filter(pk=row.pk).exists()


def test_what_may_not_be_deleted_stays_and_the_admin_says_why(client: Client, team: Team) -> None:
    row = Image.objects.get()
    pages = [f"/admin/projects/image/{row.pk}/delete/", f"/admin/projects/project/{team.project.pk}/delete/"]
    pattern = protection.add(project=team.project, user=None, pattern="*")
    for page in pages:
        answer = client.post(page, {"post": "yes"}, follow=True)
        assert answer.status_code == 200 and "is protected by *" in answer.content.decode()
    protection.remove(protected=pattern)
    Collection.objects.create()
    for page in pages:
        answer = client.post(page, {"post": "yes"}, follow=True)
        assert answer.status_code == 200 and "is being cleaned up" in answer.content.decode()
    assert Image.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    "address",
    [
        "projects/auditevent/?at__gte=0001-01-01T00:00:00%2B14:00",
        "auth/user/?date_joined__gte=0001-01-01T00:00:00%2B14:00",
        "accounts/apitoken/?created_at__lt=9999-12-31T23:59:59-14:00",
        "projects/image/?size=99999999999999999999999999",
        "auth/user/?id__gte=99999999999999999999999999",
        "auth/user/99999999999999999999999999/change/",
        "projects/auditevent/?at__year=99999999999",
        "projects/auditevent/?p=99999999999999999999",
    ],
)
def test_numbers_and_moments_beyond_all_bounds_are_no_defect_of_ours(client: Client, address: str) -> None:
    assert client.get(f"/admin/{address}").status_code in (200, 302, 400)
