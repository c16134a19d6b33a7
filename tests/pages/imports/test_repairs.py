"""A failed import is repaired in place: edited, its tag picked, its credentials asked for."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import Credential, ImportTask
from imageimport.submission import source_tags
from imageimport.submission.source_tags import nearest
from testbed.images import random_image
from testbed.scripted_acts import stall
from testbed.scripted_auth import BasicSignIn
from testbed.scripted_registry import ScriptedRegistry
from tests.pages.conftest import htmx
from tests.support.factories import BatchFactory, CredentialFactory, TaskFactory, ended_task
from tests.support.people import Team

As = Callable[..., Client]
FORM = "/projects/team/import/"
TAGS = "/projects/team/import/tags/"
READING = "/projects/team/import/reading/"
PAGE = "/projects/team/"
pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return str(answer.content.decode())


def tag_of(page: str, pattern: str) -> str:
    """The first tag of a page that matches."""
    found = re.search(rf"<[^<>]*{pattern}[^<>]*>", page)
    assert found is not None, pattern
    return found[0]


def failed(team: Team, **values: Any) -> ImportTask:
    whole: dict[str, Any] = {
        "image_url": "ghcr.io/owner/app:1.72",
        "source_image": "ghcr.io/owner/app:1.72",
        "source_registry": "ghcr.io",
        "target_name": "owner/app",
        "target_tag": "1.72",
        "error": "Not there.",
        "error_code": "not_found",
        **values,
    }
    return ended_task(Status.FAILED, project=team.project, **whole)


def edit(client: Client, task: ImportTask, **more: str) -> str:
    return text(client.get(FORM, {"again": str(task.pk), **more}))


# --- the form, filled in --------------------------------------------------------------------------------


def test_all_but_the_secrets_is_filled_in_without_scripts(as_: As, team: Team, settings: Any) -> None:
    settings.IMPORT_DOCKER_ENABLED = True
    task = failed(
        team,
        target_name="web",
        target_tag="old",
        platforms=["linux/arm64", "windows/amd64"],
        overwrite=False,
        include_referrers=False,
        transport="docker",
        username="canary-user",
        password="canary-password",
    )
    page = edit(as_("developer"), task)
    assert 'value="ghcr.io/owner/app:1.72"' in tag_of(page, 'name="image_url"')
    assert 'value="web"' in tag_of(page, 'name="target_name"')
    assert 'value="old"' in tag_of(page, 'name="target_tag"')
    assert "checked" in tag_of(page, 'value="linux/arm64"')
    assert "checked" not in tag_of(page, 'value="linux/amd64"')
    assert 'value="windows/amd64"' in page
    assert "checked" not in tag_of(page, 'name="overwrite"')
    assert "checked" not in tag_of(page, 'name="include_referrers"')
    assert "selected" in tag_of(page, 'value="docker"')
    assert f'value="{task.pk}"' in tag_of(page, 'name="again"')
    assert "canary" not in page
    assert "Enter them again." in page


def test_targets_that_are_the_references_own_follow_it(as_: As, team: Team) -> None:
    client, task = as_("developer"), failed(team)
    assert "1.72" not in tag_of(edit(client, task), 'name="target_tag"')
    client.post(FORM, {"again": str(task.pk), "image_url": "ghcr.io/owner/app:1.27", "overwrite": "on"})
    assert ImportTask.objects.get(retry_of=task).target_tag == "1.27"


def test_of_a_pasted_command_the_reference_is_filled_in(as_: As, team: Team) -> None:
    task = failed(team, image_url="docker pull --platform linux/arm64 ghcr.io/owner/app:1.72")
    assert 'value="ghcr.io/owner/app:1.72"' in tag_of(edit(as_("developer"), task), 'name="image_url"')


def test_nothing_is_filled_in_of_an_import_that_is_not_here_or_did_not_end_badly(as_: As, team: Team) -> None:
    client = as_("developer")
    other = failed(Team.make("other"))
    done = ended_task(Status.SUCCESS, project=team.project)
    for again in (str(other.pk), str(done.pk), "nonsense"):
        assert client.get(FORM, {"again": again}).status_code == 404
    assert client.post(FORM, {"again": str(other.pk), "image_url": "nginx"}).status_code == 404


# --- what takes the place of what -------------------------------------------------------------------------


def test_the_edited_import_takes_the_failed_ones_place(as_: As, team: Team) -> None:
    batch = BatchFactory(project=team.project)
    task = failed(team, batch=batch, batch_index=3)
    client = as_("developer")
    assert "Not there." in text(client.get(PAGE))
    answer = client.post(FORM, {"again": str(task.pk), "image_url": "ghcr.io/owner/app:1.27"})
    new = ImportTask.objects.get(retry_of=task)
    assert answer["Location"] == f"/projects/team/imports/{new.pk}/"
    assert (new.batch, new.batch_index) == (batch, 3)
    task.refresh_from_db()
    assert task.replaced
    assert "Not there." not in text(client.get(PAGE))
    assert f'href="/projects/team/imports/{new.pk}/"' in text(
        client.get(f"/projects/team/imports/{task.pk}/")
    )


def test_no_secret_of_the_failed_import_goes_on(as_: As, team: Team) -> None:
    task = failed(team, username="someone", password="canary-password", error_code="unauthorized")
    as_("developer").post(FORM, {"again": str(task.pk), "image_url": "ghcr.io/other/app:1"})
    new = ImportTask.objects.get(retry_of=task)
    assert not new.username.reveal()
    assert not new.password.reveal()


def test_a_refused_edit_keeps_the_failure_and_what_it_is_for(as_: As, team: Team) -> None:
    task = failed(team)
    answer = as_("developer").post(FORM, {"again": str(task.pk), "image_url": "NOT AN IMAGE"})
    assert answer.status_code == 422
    assert f'value="{task.pk}"' in tag_of(text(answer), 'name="again"')
    task.refresh_from_db()
    assert task.dismissed_at is None


def test_on_the_imports_own_page_the_dialog_leads_to_the_new_import(as_: As, team: Team) -> None:
    task = failed(team)
    here = {"hx-current-url": f"http://testserver/projects/team/imports/{task.pk}/"}
    fields = {"again": str(task.pk), "image_url": "ghcr.io/owner/app:1.27"}
    answer = htmx(as_("developer"), "post", FORM, fields, **here)
    new = ImportTask.objects.get(retry_of=task)
    assert answer["HX-Redirect"] == f"/projects/team/imports/{new.pk}/"


# --- where it is offered ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "words"), [("en", "Edit and retry"), ("zh-hans", "修改后重试")])
def test_a_failure_is_edited_from_its_card_and_its_page(
    as_: As, team: Team, language: str, words: str
) -> None:
    task = failed(team)
    client = as_("developer", language=language)
    for path in (PAGE, f"/projects/team/imports/{task.pk}/"):
        page = text(client.get(path))
        assert words in page
        assert f'href="{FORM}?again={task.pk}"' in tag_of(page, f'id="edit-{task.pk}"')
        assert 'id="import-dialog"' in page
    assert words not in text(as_("viewer", language=language).get(PAGE))


@pytest.mark.parametrize("code", ["unauthorized", "forbidden"])
def test_refused_without_credentials_it_is_edited_first_and_a_retry_asks(
    as_: As, team: Team, code: str
) -> None:
    task = failed(team, error_code=code)
    client = as_("developer")
    page = text(client.get(PAGE))
    assert "btn-primary" in tag_of(page, f'id="edit-{task.pk}"')
    retry = f"/projects/team/imports/{task.pk}/retry/"
    assert f'<form method="post" action="{retry}">' not in page
    assert f'<form method="get" action="{retry}"' in page
    # Within the fragment that polls, another way to swap would be inherited and take the dialog's body away.
    assert 'hx-swap="innerHTML"' in tag_of(page, f'action="{retry}"')
    asked = text(client.get(retry))
    assert "which had no credentials" in asked
    assert 'name="username"' in asked
    client.post(retry, {"username": "someone", "password": "right"})
    assert ImportTask.objects.get(retry_of=task).password.reveal() == "right"


def test_with_credentials_a_retry_is_one_press(as_: As, team: Team) -> None:
    task = failed(team, error_code="unauthorized", username="someone", password="canary-password")
    page = text(as_("developer").get(PAGE))
    assert f'<form method="post" action="/projects/team/imports/{task.pk}/retry/">' in page


# --- credentials ------------------------------------------------------------------------------------------


def test_the_cursor_is_in_the_credentials_when_those_were_refused(as_: As, team: Team) -> None:
    client = as_("developer")
    page = edit(client, failed(team, error_code="unauthorized"))
    assert "autofocus" in tag_of(page, 'name="username"')
    assert "autofocus" not in tag_of(page, 'name="image_url"')
    mine = CredentialFactory(project=team.project, registry="ghcr.io")
    task = failed(team, error_code="forbidden", credential=mine, credential_required=True)
    page = edit(client, task)
    assert "autofocus" in tag_of(page, 'name="credential"')
    assert "selected" in tag_of(page, f'value="{mine.pk}"')


def test_the_only_saved_credential_of_the_registry_is_chosen_and_said(as_: As, team: Team) -> None:
    CredentialFactory(project=team.project, registry="quay.io")
    mine = CredentialFactory(project=team.project, registry="ghcr.io")
    CredentialFactory(registry="ghcr.io")
    client = as_("developer")
    assert f'data-credential="{mine.pk}"' in text(client.get(READING, {"image_url": "ghcr.io/a/b"}))
    for page in (
        text(client.get(FORM, {"image_url": "ghcr.io/a/b"})),
        edit(client, failed(team, error_code="unauthorized")),
    ):
        assert "selected" in tag_of(page, f'value="{mine.pk}"')
        assert "hidden" not in tag_of(page, "data-chosen")
    blank = text(client.get(FORM))
    assert "selected" not in tag_of(blank, f'value="{mine.pk}"')
    assert "hidden" in tag_of(blank, "data-chosen")


def test_of_two_saved_credentials_none_is_chosen(as_: As, team: Team) -> None:
    for _ in range(2):
        CredentialFactory(project=team.project, registry="ghcr.io")
    client = as_("developer")
    assert "data-credential=" not in text(client.get(READING, {"image_url": "ghcr.io/a/b"}))
    page = text(client.get(FORM, {"image_url": "ghcr.io/a/b"}))
    for row in Credential.objects.all():
        assert "selected" not in tag_of(page, f'value="{row.pk}"')


def test_only_what_the_body_says_is_used(as_: As, team: Team) -> None:
    CredentialFactory(project=team.project, registry="ghcr.io")
    as_("developer").post(FORM, {"image_url": "ghcr.io/a/b:1"})
    headers = team.bearer("developer")
    path = f"/api/v1/projects/{team.project.pk}/images/import"
    body = {"image_url": "ghcr.io/a/b:2"}
    assert Client().post(path, body, content_type="application/json", headers=headers).status_code == 202
    assert [task.credential for task in ImportTask.objects.all()] == [None, None]


# --- another tag ------------------------------------------------------------------------------------------


def test_an_image_that_is_not_there_offers_another_tag(as_: As, team: Team) -> None:
    client, task = as_("developer"), failed(team)
    page = text(client.get(PAGE))
    assert "Pick another tag" in page
    assert f'href="{FORM}?again={task.pk}&amp;focus=tag"' in page
    page = edit(client, task, focus="tag")
    assert "autofocus" in tag_of(page, 'name="image_url"')
    assert 'data-tag="1.72"' in tag_of(page, 'id="import-form"')
    assert "Show available tags" in page
    other = failed(team, target_tag="x", error_code="unauthorized")
    assert f'id="pick-{other.pk}"' not in text(client.get(PAGE))


@pytest.mark.parametrize(
    ("typed", "source", "shown"),
    [
        ("nginx", "docker.io/library/nginx:latest", "docker.io/library/nginx:latest"),
        ("nginx:1.72", "docker.io/library/nginx:1.72", "nginx:1.72"),
        (f"r.example/a@sha256:{'a' * 64}", f"r.example/a@sha256:{'a' * 64}", "r.example/a:latest"),
    ],
)
def test_the_reference_ends_with_the_tag_that_is_picked(
    as_: As, team: Team, typed: str, source: str, shown: str
) -> None:
    task = failed(team, image_url=typed, source_image=source)
    client = as_("developer")
    assert f'value="{shown}"' in tag_of(edit(client, task, focus="tag"), 'name="image_url"')
    picked = shown.rpartition(":")[0] + ":1.27"
    assert f'value="{picked}"' in tag_of(edit(client, task, tag="1.27"), 'name="image_url"')
    assert "script" not in tag_of(edit(client, task, tag="<script>"), 'name="image_url"')


@pytest.fixture
def source(settings: Any) -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry() as registry:
        settings.IMPORT_PRIVATE_SOURCES = [registry.server_name]
        settings.IMPORT_INSECURE_SOURCES = [registry.server_name]
        settings.OWN_ENDPOINTS = []
        yield registry


def test_tags_of_the_source_are_listed_on_demand_the_nearest_first(
    as_: As, team: Team, source: ScriptedRegistry
) -> None:
    image = random_image([100], seed=5)
    for tag in ("1.27", "1.27.3", "stable"):
        source.add_image("owner/app", tag, image)
    task = failed(team, image_url=f"{source.server_name}/owner/app:1.72")
    fields = {"again": str(task.pk), "image_url": f"{source.server_name}/owner/app:1.72"}
    part = text(htmx(as_("developer"), "post", TAGS, fields))
    assert "<html" not in part
    assert re.findall(r'data-picks="([^"]+)"', part) == ["1.27", "1.27.3", "stable"]
    assert f'href="{FORM}?again={task.pk}&amp;tag=1.27"' in part
    whole = text(as_("developer").post(TAGS, fields))
    assert "<html" in whole
    assert 'data-picks="1.27"' in whole


def test_tags_are_read_with_the_credentials_of_the_form_and_no_others(
    as_: As, team: Team, source: ScriptedRegistry
) -> None:
    source.add_image("owner/app", "1", random_image([100], seed=6))
    source.sign_in = BasicSignIn({"ann": "right"})
    CredentialFactory(project=team.project, registry=source.server_name, username="ann", password="right")
    fields = {"image_url": f"{source.server_name}/owner/app:2"}
    client = as_("developer")
    assert "errors" in text(htmx(client, "post", TAGS, fields))
    found = text(htmx(client, "post", TAGS, {**fields, "username": "ann", "password": "right"}))
    assert ">1</" in found
    assert "right" not in found


def test_a_list_of_tags_that_does_not_come_ends_in_time(
    as_: As, team: Team, source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_tags, "MAX_SECONDS", 0.5)
    source.add_image("owner/app", "1", random_image([100], seed=7))
    source.rule("GET", "/tags/list", stall(1, 30))
    part = text(htmx(as_("developer"), "post", TAGS, {"image_url": f"{source.server_name}/owner/app:2"}))
    assert "did not answer within" in part


def test_a_repository_without_tags_is_said(as_: As, team: Team, source: ScriptedRegistry) -> None:
    part = text(htmx(as_("developer"), "post", TAGS, {"image_url": f"{source.server_name}/owner/ap:2"}))
    assert "errors" in part
    assert "owner/ap" in part


def test_the_nearest_of_many_tags_are_few_and_quickly_found() -> None:
    tags = [f"{number:05}-{'x' * 120}" for number in range(5000)] + ["1.27"]
    found = nearest("1.72", tags)
    assert found[0] == "1.27"
    assert len(found) == source_tags.MAX_SHOWN


# --- the way to what the advice says ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "address", "label"),
    [
        ("quota_exceeded", "/projects/team/usage/", "Usage"),
        ("refused_by_rule", "/projects/team/rules/", "Rules"),
        ("signature_missing", "/projects/team/rules/", "Rules"),
        ("signature_invalid", "/projects/team/settings/#trust", "Trusted signers"),
        ("tag_protected", "/projects/team/settings/clean-up/#protected", "Protected tags"),
    ],
)
def test_a_failure_leads_to_the_page_on_which_its_cause_is_changed(
    as_: As, team: Team, code: str, address: str, label: str
) -> None:
    task = failed(team, error_code=code)
    client = as_("maintainer")
    for where in (PAGE, f"/projects/team/imports/{task.pk}/", "/"):
        link = re.search(rf'<a [^>]*href="{address}"[^>]*>.*?{label}</a>', text(client.get(where)), re.DOTALL)
        assert link is not None, where
    assert client.get(address.partition("#")[0]).status_code == 200
    assert 'id="remedy-' not in text(as_("developer").get(f"/projects/team/imports/{task.pk}/"))


@pytest.mark.parametrize(
    ("code", "address"),
    [
        ("unreachable", "/sources/"),
        ("proxy_error", "/sources/"),
        ("blocked_address", "/sources/"),
        ("no_space", "/maintenance/"),
        ("target_error", "/status/"),
    ],
)
def test_a_failure_of_the_installation_leads_its_operators_to_their_page(
    as_: As, team: Team, code: str, address: str
) -> None:
    task = failed(team, error_code=code)
    where = f"/projects/team/imports/{task.pk}/"
    link = re.compile(rf'<a id="remedy-[^>]*href="{address}"')
    assert link.search(text(as_("superuser").get(where)))
    assert not link.search(text(as_("owner").get(where)))


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("rate_limited", "username"),
        ("credential_unreadable", "username"),
        ("tag_exists", "target_tag"),
        ("tag_protected", "target_tag"),
        ("tls_error", "image_url"),
    ],
)
def test_the_cursor_is_in_the_field_that_helps(as_: As, team: Team, code: str, field: str) -> None:
    page = edit(as_("developer"), failed(team, error_code=code))
    assert re.findall(r'name="(\w+)"[^<>]*autofocus', page) == [field]


# --- many failures ------------------------------------------------------------------------------------------


def test_failures_are_one_line_and_dismissed_together(as_: As, team: Team) -> None:
    for number in range(6):
        failed(team, target_tag=str(number))
    other = failed(Team.make("other"))
    client = as_("developer")
    before, folded = text(client.get(PAGE)).split('<details class="more" id="failures">')
    assert before.count('class="panel import-card"') == 0
    line, cards = folded.split("</summary>", 1)
    assert line.strip() == "<summary>6 imports need attention"
    assert cards.split("</details>")[0].count('class="panel import-card"') == 6
    assert "Dismiss all" in cards.split("</details>")[1]
    assert "Dismiss all" not in text(as_("viewer").get(PAGE))
    left = text(htmx(client, "post", "/projects/team/imports/dismiss/"))
    assert 'id="imports-live"' in left and "import-card" not in left
    assert ImportTask.objects.filter(dismissed_at=None).get() == other
    assert client.post("/projects/team/imports/dismiss/")["Location"] == PAGE


def test_without_scripts_the_line_of_failures_is_open_again_after_one_was_dismissed(
    as_: As, team: Team
) -> None:
    tasks = [failed(team, target_tag=str(number)) for number in range(3)]
    client = as_("developer")
    there = client.post(f"/projects/team/imports/{tasks[2].pk}/dismiss/")["Location"]
    assert there == f"{PAGE}#import-{tasks[1].pk}"
    folded = text(client.get(there)).split('<details class="more" id="failures">')[1].split("</details>")[0]
    assert f'id="import-{tasks[1].pk}"' in folded
    assert client.post(f"/projects/team/imports/{tasks[1].pk}/dismiss/")["Location"] == PAGE


def test_one_failure_says_at_once_what_is_wrong(as_: As, team: Team) -> None:
    failed(team)
    page = text(as_("developer").get(PAGE))
    assert page.count('class="panel import-card"') == 1
    assert 'id="failures"' not in page


def test_a_failure_of_yesterday_is_in_the_history_only(as_: As, team: Team) -> None:
    old = failed(team, target_tag="old")
    ImportTask.objects.filter(pk=old.pk).update(completed_at=timezone.now() - dt.timedelta(days=1, minutes=1))
    fresh = failed(team, target_tag="fresh")
    ImportTask.objects.filter(pk=fresh.pk).update(completed_at=timezone.now() - dt.timedelta(hours=23))
    client = as_("developer")
    page = text(client.get(PAGE))
    assert f'id="import-{fresh.pk}"' in page
    assert str(old.pk) not in page
    assert str(old.pk) in text(client.get("/projects/team/imports/"))


def test_failures_take_no_place_of_what_runs(as_: As, team: Team) -> None:
    for number in range(14):
        failed(team, target_tag=f"failed{number}")
        TaskFactory(project=team.project, target_name="app", target_tag=f"runs{number}")
    page = text(as_("developer").get(PAGE))
    strip, rest = page.split('id="active-imports"')[1].split('id="need-attention"')
    assert strip.count('class="panel import-card"') == rest.count('class="panel import-card"') == 12
    assert "12 active" in page
    assert "Not all imports are shown." in rest


# --- the form is short ----------------------------------------------------------------------------------------


def test_options_are_folded_until_one_is_chosen(as_: As, team: Team) -> None:
    client = as_("developer")
    closed = '<details class="more" id="import-options">'
    assert closed in text(client.get(FORM))
    assert closed not in edit(client, failed(team, overwrite=False))
    assert closed not in edit(client, failed(team, platforms=["linux/arm64"]))
    wrong = text(client.post(FORM, {"image_url": "nginx", "platforms": "no/such/platform/at/all"}))
    assert closed not in wrong and "import-options" in wrong


def test_registries_of_saved_credentials_are_offered_to_those_who_may_use_them(as_: As, team: Team) -> None:
    CredentialFactory(project=team.project, registry="ghcr.io")
    CredentialFactory(project=team.project, registry="ghcr.io")
    assert text(as_("developer").get(FORM)).count('<option value="ghcr.io/">') == 1
