"""Asking for an import: the form with and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from django.contrib.auth.models import User
from django.test import Client

from imageimport.credentials import services as credentials
from imageimport.models import ImportBatch, ImportTask
from projects import places
from tests.pages.conftest import htmx
from tests.support.factories import CredentialFactory, TaskFactory
from tests.support.people import Team

As = Callable[..., Client]
FORM = "/projects/team/import/"
READING = "/projects/team/import/reading/"
pytestmark = pytest.mark.django_db


def asked(**fields: object) -> dict[str, object]:
    return {"mode": "one", "overwrite": "on", "include_referrers": "on", **fields}


def test_without_scripts_the_form_leads_to_the_import(as_: As) -> None:
    answer = as_("developer").post(FORM, asked(image_url="ghcr.io/owner/app:v1"))
    task = ImportTask.objects.get()
    assert answer.status_code == 302
    assert answer["Location"] == f"/projects/team/imports/{task.pk}/"
    assert (task.target_name, task.target_tag, task.overwrite) == ("owner/app", "v1", True)


def test_in_the_dialog_the_answer_is_the_progress_itself(as_: As) -> None:
    answer = htmx(as_("developer"), "post", FORM, asked(image_url="nginx", target_name="web", target_tag="2"))
    page = answer.content.decode()
    assert answer["HX-Retarget"] == "#imports-live"
    assert "import-started" in answer["HX-Trigger-After-Settle"]
    assert "web:2" in page
    assert 'hx-trigger="every 2s"' in page


def test_errors_stand_under_their_field_and_no_password_comes_back(as_: As) -> None:
    answer = as_("developer").post(
        FORM, asked(image_url="Not An Image", target_tag="!!", username="someone", password="hunter22-canary")
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="import-image_url-error"' in page
    assert 'value="Not An Image"' in page
    assert 'value="someone"' in page
    assert "hunter22-canary" not in page
    assert not ImportTask.objects.exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"target_name": "Not/Lower"}, "target_name"),
        ({"target_tag": "-x"}, "target_tag"),
        ({"username": "someone"}, "password"),
    ],
)
def test_each_field_has_its_own_error(as_: As, fields: dict[str, str], field: str) -> None:
    page = as_("developer").post(FORM, asked(image_url="nginx", **fields)).content.decode()
    assert f'id="import-{field}-error"' in page


def test_platforms_are_ticked_and_typed(as_: As) -> None:
    as_("developer").post(
        FORM, asked(image_url="nginx", platforms=["linux/amd64", "linux/arm64, linux/s390x"])
    )
    assert ImportTask.objects.get().platforms == ["linux/amd64", "linux/arm64", "linux/s390x"]


def test_a_saved_credential_is_taken_and_one_of_another_project_is_not_offered(as_: As, team: Team) -> None:
    mine = CredentialFactory(project=team.project, registry="ghcr.io")
    other = CredentialFactory(registry="ghcr.io")
    client = as_("developer")
    assert other.name not in client.get(FORM).content.decode()
    assert client.post(FORM, asked(image_url="ghcr.io/a/b", credential=str(other.pk))).status_code == 422
    client.post(FORM, asked(image_url="ghcr.io/a/b", credential=str(mine.pk)))
    assert ImportTask.objects.get().credential == mine


def test_a_busy_target_names_the_import_that_has_it(as_: As, team: Team) -> None:
    task = TaskFactory(project=team.project, target_name="nginx", target_tag="latest")
    page = as_("developer").post(FORM, asked(image_url="nginx")).content.decode()
    assert "in progress" in page
    assert f"/projects/team/imports/{task.pk}/" in page


def test_many_images_become_a_batch(as_: As) -> None:
    text = "nginx:1.27\ndocker pull redis:7\n"
    answer = as_("developer").post(FORM, asked(mode="many", images=text, batch_name="Two"))
    batch = ImportBatch.objects.get()
    assert answer["Location"] == f"/projects/team/batches/{batch.pk}/"
    assert sorted(batch.tasks.values_list("target_name", flat=True)) == ["nginx", "redis"]


def test_a_bad_line_of_many_is_named_and_nothing_is_made(as_: As) -> None:
    page = as_("developer").post(FORM, asked(mode="many", images="nginx\nNOT//ok\n"))
    assert page.status_code == 422
    assert "Line 2" in page.content.decode()
    assert not ImportBatch.objects.exists()


def test_the_reading_says_registry_repository_tag_and_target(as_: As) -> None:
    page = as_("developer").get(READING, {"image_url": "docker pull ghcr.io/owner/app:v1"}).content.decode()
    for words in ("ghcr.io", "owner/app", "v1", "docker pull", "/team/owner/app:v1"):
        assert words in page, words
    assert 'data-target_name="owner/app"' in page
    assert 'data-target_tag="v1"' in page


def test_the_plan_stands_below_the_fields_that_it_is_about(as_: As) -> None:
    page = as_("developer").get(FORM).content.decode()
    places_ = [page.index(part) for part in ('name="target_tag"', 'id="import-plan"', 'name="username"')]
    assert places_ == sorted(places_)


def test_the_reading_says_what_is_wrong(as_: As) -> None:
    page = (
        as_("developer", language="zh-hans").get(READING, {"image_url": "ghcr.io/Upper/x"}).content.decode()
    )
    assert "镜像名请使用小写" in page


def test_the_reading_of_many_counts_and_names_bad_lines(as_: As) -> None:
    client = as_("developer")
    page = client.post(
        "/projects/team/import/reading-many/", {"images": "nginx\nredis\nBAD//x"}
    ).content.decode()
    assert "2 images found." in page
    assert "Line 3:" in page


def test_a_shared_link_fills_the_form(as_: As) -> None:
    page = as_("developer").get(FORM, {"image_url": "nginx:1.27"}).content.decode()
    assert 'value="nginx:1.27"' in page
    assert "/team/nginx:1.27" in page


def test_the_sign_in_is_tested_at_the_registry_of_the_reference(
    as_: As, team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[dict[str, str]] = []

    def check(*, user: User, **given: str) -> credentials.Tested:
        assert user == team.users["developer"]
        calls.append(given)
        return credentials.Tested(
            given["password"] == "right", "unauthorized", "" if given["password"] == "right" else "No."
        )

    monkeypatch.setattr(credentials, "check_sign_in", check)
    fields = {"mode": "one", "image_url": "ghcr.io/owner/app:1", "username": "ann", "password": "right"}
    path = "/projects/team/import/sign-in/"
    assert (
        "The registry accepted the credentials."
        in htmx(as_("developer"), "post", path, fields).content.decode()
    )
    assert calls == [{"registry": "ghcr.io", "username": "ann", "password": "right"}]
    wrong = htmx(as_("developer"), "post", path, {**fields, "password": "wrong"}).content.decode()
    assert "No." in wrong
    assert "wrong" not in wrong
    plain = as_("developer").post(path, fields).content.decode()
    assert "The registry accepted the credentials." in plain
    assert 'name="image_url"' in plain
    assert len(calls) == 3


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image_url": "NOT AN IMAGE", "username": "ann", "password": "x"}, "errors"),
        ({"image_url": "ghcr.io/owner/app:1"}, "Enter a username and a password"),
        ({"image_url": "127.0.0.1:22/owner/app:1", "username": "ann", "password": "x"}, "errors"),
    ],
)
def test_a_sign_in_that_no_import_could_use_is_asked_of_nobody(
    as_: As, monkeypatch: pytest.MonkeyPatch, fields: dict[str, str], said: str
) -> None:
    monkeypatch.setattr(credentials, "check_sign_in", None)
    answer = htmx(as_("developer"), "post", "/projects/team/import/sign-in/", {"mode": "one", **fields})
    assert answer.status_code == 200
    assert said in answer.content.decode()


def test_a_plan_that_finds_no_place_says_so_and_is_asked_for_again(as_: As, team: Team) -> None:
    fields = {"mode": "one", "image_url": "ghcr.io/owner/app:1"}
    path = "/projects/team/import/plan/"
    with ExitStack() as stack:
        for _ in range(places.PER_USER):
            stack.enter_context(places.asking_others(team.users["developer"], seconds=60))
        first = htmx(as_("developer"), "post", path, fields)
        assert first.status_code == 429
        assert first.headers["Retry-After"] == str(places.COME_BACK)
        page = first.content.decode()
        assert "Too many registries are being queried at once." in page
        assert f'hx-trigger="load delay:{places.COME_BACK}' in page
        assert """hx-vals='{"tried": "1"}'""" in page
        assert (
            """{"tried": "2"}"""
            in htmx(as_("developer"), "post", path, {**fields, "tried": "1"}).content.decode()
        )
        last = htmx(as_("developer"), "post", path, {**fields, "tried": "6"}).content.decode()
        assert "Too many registries are being queried at once." in last
        assert "hx-trigger" not in last
        plain = as_("developer").post(path, fields)
        assert plain.status_code == 429
        assert "Too many registries are being queried at once." in plain.content.decode()


def test_a_list_of_tags_that_finds_no_place_says_so(as_: As, team: Team) -> None:
    fields = {"mode": "one", "image_url": "ghcr.io/owner/app:1"}
    with ExitStack() as stack:
        for _ in range(places.PER_USER):
            stack.enter_context(places.asking_others(team.users["developer"], seconds=60))
        answer = htmx(as_("developer"), "post", "/projects/team/import/tags/", fields)
    assert answer.status_code == 429
    assert "Too many registries are being queried at once." in answer.content.decode()


def test_a_test_of_a_sign_in_that_finds_no_place_says_so(as_: As, team: Team) -> None:
    fields = {"mode": "one", "image_url": "ghcr.io/owner/app:1", "username": "ann", "password": "right"}
    with ExitStack() as stack:
        for _ in range(places.PER_USER):
            stack.enter_context(places.asking_others(team.users["developer"], seconds=60))
        answer = htmx(as_("developer"), "post", "/projects/team/import/sign-in/", fields)
    assert answer.status_code == 429
    assert "Too many registries are being queried at once." in answer.content.decode()


@pytest.mark.parametrize("where", ["/projects/team/", "/projects/team/import/"], ids=["dialog", "page"])
def test_the_projects_default_platforms_are_ticked_wherever_the_form_is(
    as_: As, team: Team, where: str
) -> None:
    """Sent without them, the form would ask for all platforms."""
    team.project.platforms = ["linux/arm64", "linux/riscv64"]
    team.project.save()
    page = as_("developer").get(where).content.decode()
    assert re.findall(r'name="platforms" value="([^"]+)" checked', page) == ["linux/arm64"]
    assert re.search(r'type="text"\s+name="platforms"[^<>]*value="linux/riscv64"', page)
