"""Saved credentials, and what a test of one shows to whom."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.choices import Status
from imageimport.credentials import services as credentials
from imageimport.models import Credential
from projects.models import AuditEvent, Project, Role
from testbed.scripted_auth import BasicSignIn, BearerSignIn, TokenServer, basic_header
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import CredentialFactory, TaskFactory, ended_task, member

pytestmark = pytest.mark.django_db


def save(project: Project | None = None, user: User | None = None, **values: Any) -> Credential:
    if project is None:
        user, project = member(Role.MAINTAINER)
    fields = {"name": "hub", "registry": "ghcr.io", "username": "me", "password": "hunter22"}
    return credentials.create(project=project, user=user, **{**fields, **values})


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("GHCR.io", "ghcr.io"),
        (" https://ghcr.io/ ", "ghcr.io"),
        ("registry.example.com:5000", "registry.example.com:5000"),
    ],
)
def test_a_registry_has_one_name_however_it_is_typed(typed: str, kept: str) -> None:
    assert save(registry=typed).registry == kept


@pytest.mark.parametrize(
    "typed", ["", "ghcr.io/owner", "me@ghcr.io", "ghcr.io:99999", "a b", "10.0.0.1", "127.0.0.1:5000"]
)
def test_what_is_no_registry_or_never_contacted_is_a_field_error(typed: str) -> None:
    with pytest.raises(FieldErrors) as refused:
        save(registry=typed)
    assert list(refused.value.errors) == ["registry"]


def test_a_name_is_there_once_a_project() -> None:
    first = save()
    with pytest.raises(FieldErrors) as refused:
        credentials.create(
            project=first.project,
            user=first.created_by,
            name="hub",
            registry="quay.io",
            username="a",
            password="b",
        )
    assert list(refused.value.errors) == ["name"]
    assert save().name == "hub"


def test_a_change_without_a_password_keeps_it() -> None:
    saved = save()
    credentials.update(credential=saved, changes={"name": "other", "username": "you"})
    saved.refresh_from_db()
    assert (saved.name, saved.username, saved.password.reveal()) == ("other", "you", "hunter22")


def test_another_registry_without_a_password_clears_it() -> None:
    saved = save()
    credentials.update(credential=saved, changes={"registry": "evil.example.com"})
    saved.refresh_from_db()
    assert (saved.registry, bool(saved.password)) == ("evil.example.com", False)


def test_another_registry_with_a_password_has_the_new_one() -> None:
    saved = save()
    changes = {"registry": "quay.io", "password": "other"}
    credentials.update(credential=saved, changes=changes)
    saved.refresh_from_db()
    assert saved.password.reveal() == "other"


def test_another_spelling_of_the_same_registry_keeps_the_password() -> None:
    saved = save(registry="docker.io")
    credentials.update(credential=saved, changes={"registry": "index.docker.io"})
    saved.refresh_from_db()
    assert saved.password.reveal() == "hunter22"


def test_a_credential_that_is_needed_stays() -> None:
    saved = save()
    TaskFactory(project=saved.project, credential=saved, credential_required=True)
    with pytest.raises(ApplicationError) as refused:
        credentials.delete(credential=saved)
    assert refused.value.code == "credential_in_use"
    assert Credential.objects.filter(pk=saved.pk).exists()


def test_one_that_only_ended_imports_used_goes() -> None:
    saved = save()
    task = ended_task(Status.FAILED, project=saved.project, credential=saved, credential_required=True)
    credentials.delete(credential=saved)
    task.refresh_from_db()
    assert (task.credential_id, task.credential_required) == (None, True)


def test_the_journal_knows_who_and_what_but_no_password() -> None:
    user, project = member(Role.MAINTAINER)
    with acting_as(user):
        saved = save(project, user, password="canary-1")
        credentials.update(credential=saved, changes={"password": "canary-2"})
        credentials.delete(credential=saved)
    rows = list(AuditEvent.objects.filter(action__startswith="credential.").order_by("at"))
    assert [row.action for row in rows] == ["credential.created", "credential.changed", "credential.deleted"]
    assert {row.actor for row in rows} == {user}
    assert "canary" not in repr([(row.subject, row.detail) for row in rows])


# --- the test on demand ---------------------------------------------------------------------------------------


def at(registry: ScriptedRegistry, **values: Any) -> Credential:
    return CredentialFactory(
        registry=registry.server_name, **{"username": "me", "password": "right", **values}
    )


def test_a_basic_registry_accepts_or_refuses(source: ScriptedRegistry) -> None:
    source.sign_in = BasicSignIn({"me": "right"})
    assert credentials.test(credential=at(source)).ok
    refused = credentials.test(credential=at(source, password="wrong"))
    assert (refused.ok, refused.code) == (False, "unauthorized")
    assert "wrong" not in refused.detail


def test_a_token_server_on_the_registrys_host_accepts_or_refuses(
    source: ScriptedRegistry, settings: Any
) -> None:
    with TokenServer(accounts={"me": "right"}) as tokens:
        assert isinstance(tokens, TokenServer)
        settings.IMPORT_INSECURE_SOURCES += [tokens.server_name]
        settings.IMPORT_PRIVATE_SOURCES += [tokens.server_name]
        source.sign_in = BearerSignIn(tokens)
        assert credentials.test(credential=at(source)).ok
        assert credentials.test(credential=at(source, password="wrong")).code == "unauthorized"


def test_a_foreign_token_server_never_sees_the_secret(source: ScriptedRegistry, settings: Any) -> None:
    with TokenServer(accounts={"me": "right"}, host="127.0.0.2") as foreign:
        assert isinstance(foreign, TokenServer)
        settings.IMPORT_PRIVATE_SOURCES += [foreign.server_name]
        settings.IMPORT_INSECURE_SOURCES += [foreign.server_name]
        source.sign_in = BearerSignIn(foreign)
        tested = credentials.test(credential=at(source))
    assert not tested.ok
    assert all(not request.authorization for request in foreign.requests)


def test_a_registry_without_signing_in_says_so(source: ScriptedRegistry) -> None:
    tested = credentials.test(credential=at(source))
    assert tested.ok
    assert tested.detail == "This registry doesn't require signing in."
    assert all(not request.authorization for request in source.requests)


def test_a_redirect_elsewhere_carries_no_secret(source: ScriptedRegistry, settings: Any) -> None:
    with ScriptedRegistry(host="127.0.0.2") as other:
        settings.IMPORT_PRIVATE_SOURCES += [other.server_name]
        settings.IMPORT_INSECURE_SOURCES += [other.server_name]
        source.sign_in = BasicSignIn({"me": "right"})
        moved = Reply(307, [("Location", f"{other.url}/v2/")])
        source.rule("GET", "^/v2/$", lambda request, go: moved if request.authorization else go())
        credentials.test(credential=at(source))
    assert any(request.authorization == basic_header("me", "right") for request in source.requests)
    assert all(not request.authorization for request in other.requests)


def test_without_a_password_nobody_is_asked(source: ScriptedRegistry) -> None:
    assert not credentials.test(credential=at(source, password="")).ok
    assert not source.requests


def test_a_registry_that_is_reached_through_mirrors_only_is_not_asked(
    source: ScriptedRegistry, settings: Any
) -> None:
    settings.IMPORT_MIRRORS_ONLY = [source.server_name]
    assert not credentials.test(credential=at(source)).ok
    assert not source.requests


def test_an_address_inside_is_not_contacted() -> None:
    tested = credentials.test(credential=CredentialFactory(registry="10.0.0.1:5000"))
    assert (tested.ok, tested.code) == (False, "blocked_address")


def test_a_key_file_of_many_lines_is_kept_in_one() -> None:
    key = '{\n  "type": "service_account",\n  "private_key": "-----BEGIN\\nAAAA\\n"\n}\n'
    saved = save(registry="europe-docker.pkg.dev", password=key)
    kept = saved.password.reveal()
    assert "\n" not in kept and json.loads(kept) == json.loads(key)
    credentials.update(credential=saved, changes={"password": "{no JSON"})
    assert saved.password.reveal() == "{no JSON"


def test_a_password_that_is_json_in_one_line_is_kept_as_it_was_typed() -> None:
    typed = '{"a":  1, "a": 2}'
    saved = save(password=typed)
    assert saved.password.reveal() == typed
    credentials.update(credential=saved, changes={"password": f"{typed} "})
    assert saved.password.reveal() == f"{typed} "
