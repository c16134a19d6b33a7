"""Trusted signers: what is taken, what is refused, and for which images they count."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError, FieldErrors
from imageimport.models import TrustAnchor
from imageimport.policy import trust
from imageimport.policy.trust import NewTrust
from oci.signatures.anchors import KeyAnchor, KeylessAnchor
from projects.models import AuditEvent
from tests.support.content.signing import Key
from tests.support.factories import ProjectFactory, TaskFactory
from tests.support.people import Team

pytestmark = pytest.mark.django_db
PEM = Key().pem
ISSUER = "https://token.actions.githubusercontent.com"


def wanted(**more: Any) -> NewTrust:
    return NewTrust(**{"name": "release", "kind": "key", "public_key": PEM, **more})


def identity(**more: Any) -> NewTrust:
    usual = {"name": "ci", "kind": "keyless", "issuer": ISSUER, "identity": "https://github.com/acme/*"}
    return NewTrust(**{**usual, "identity_is_pattern": True, **more})


def test_a_key_is_kept_without_what_belongs_to_an_identity() -> None:
    team = Team.make()
    user = team.users["maintainer"]
    with acting_as(user):
        made = trust.create(project=team.project, user=user, wanted=wanted(issuer=ISSUER, identity="x"))
    made.refresh_from_db()
    assert (made.public_key.strip(), made.issuer, made.identity) == (PEM.strip(), "", "")
    event = AuditEvent.objects.get(action="trust.created")
    assert (event.subject, event.actor_name, event.project) == ("release", "team-maintainer", team.project)
    with acting_as(team.users["owner"]):
        trust.delete(anchor=made)
    assert not TrustAnchor.objects.exists()
    assert AuditEvent.objects.get(action="trust.deleted").actor_name == "team-owner"


def test_the_audit_log_says_which_key_it_is_and_for_which_images() -> None:
    made = trust.create(project=None, user=None, wanted=wanted(sources=["docker.io/acme/*"]))
    der = base64.b64decode("".join(PEM.strip().splitlines()[1:-1]))
    expected = (f"sha256:{hashlib.sha256(der).hexdigest()}", ["docker.io/acme/*"])
    trust.delete(anchor=made)
    for action in ("trust.created", "trust.deleted"):
        detail = AuditEvent.objects.get(action=action).detail
        assert (detail["fingerprint"], detail["sources"]) == expected


def test_a_key_that_is_not_taken_anymore_can_be_deleted() -> None:
    made = TrustAnchor.objects.create(name="old", kind="key", public_key="too weak by now")
    trust.delete(anchor=made)
    assert AuditEvent.objects.get(action="trust.deleted").detail["fingerprint"] is None


def test_the_audit_log_has_an_identity_and_its_issuer() -> None:
    trust.create(project=None, user=None, wanted=identity())
    event = AuditEvent.objects.get(action="trust.created")
    assert event.project is None
    assert (event.detail["issuer"], event.detail["identity"]) == (ISSUER, "https://github.com/acme/*")
    assert event.detail["identity_is_pattern"] is True


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (wanted(public_key=""), "public_key"),
        (wanted(public_key="a key"), "public_key"),
        (wanted(public_key=PEM + PEM), "public_key"),
        (identity(issuer=""), "issuer"),
        (identity(issuer="token.actions.githubusercontent.com"), "issuer"),
        (identity(issuer=ISSUER + "/ x"), "issuer"),
        (identity(identity=""), "identity"),
        (identity(identity="*"), "identity"),
        (identity(identity="**?*"), "identity"),
        (identity(identity="x" * 1001), "identity"),
        (wanted(sources=["x" * 301]), "sources"),
        (wanted(sources=["docker.io library"]), "sources"),
        (wanted(sources=["a"] * 51), "sources"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(asked: NewTrust, field: str) -> None:
    with pytest.raises(FieldErrors) as caught:
        trust.create(project=ProjectFactory(), user=None, wanted=asked)
    assert list(caught.value.errors) == [field]
    assert not TrustAnchor.objects.exists()


def test_a_name_is_given_once_in_a_project_and_once_in_the_installation() -> None:
    first, second = ProjectFactory(), ProjectFactory()
    for project in (first, second, None):
        trust.create(project=project, user=None, wanted=wanted())
        with pytest.raises(FieldErrors) as caught:
            trust.create(project=project, user=None, wanted=identity(name="release"))
        assert list(caught.value.errors) == ["name"]


def test_there_are_as_many_as_a_signature_can_be_held_against(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "MAX_ANCHORS", 2)
    project = ProjectFactory()
    for number in range(2):
        trust.create(project=project, user=None, wanted=wanted(name=f"key {number}"))
    with pytest.raises(ApplicationError) as caught:
        trust.create(project=project, user=None, wanted=wanted(name="one more"))
    assert caught.value.code == "too_many_anchors"
    trust.create(project=None, user=None, wanted=wanted(name="one more"))


def test_those_of_the_installation_and_the_project_count_for_the_sources_they_name() -> None:
    project, other = ProjectFactory(), ProjectFactory()
    rows: list[tuple[Any, NewTrust]] = [
        (None, wanted(name="everything")),
        (None, wanted(name="hub", sources=["docker.io/*"])),
        (project, identity(name="own", sources=["ghcr.io/acme/*", "DOCKER.IO/library/ngin?"])),
        (project, wanted(name="elsewhere", sources=["quay.io/*", "library/nginx", "nginx"])),
        (other, wanted(name="of another project")),
    ]
    for owner, each in rows:
        trust.create(project=owner, user=None, wanted=each)
    task = TaskFactory(project=project, source_image="docker.io/library/nginx:1.27")
    found = trust.anchors_for(task)
    assert sorted(each.name for each in found) == ["everything", "hub", "own"]
    assert {type(each) for each in found} == {KeyAnchor, KeylessAnchor}


@pytest.mark.parametrize("typed", ["index.docker.io/library/*", "Docker.io:443/library/*"])
def test_a_source_may_be_written_by_any_name_of_its_registry(typed: str) -> None:
    project = ProjectFactory()
    made = trust.create(project=project, user=None, wanted=wanted(sources=[typed]))
    assert made.sources == ["docker.io/library/*"]
    task = TaskFactory(project=project, source_image="docker.io/library/nginx:1.27")
    assert [each.name for each in trust.anchors_for(task)] == ["release"]
    TrustAnchor.objects.update(sources=[typed])  # as an earlier release kept it
    assert [each.name for each in trust.anchors_for(task)] == ["release"]


def test_a_source_that_is_no_registry_is_taken_as_it_is_written() -> None:
    project = ProjectFactory()
    trust.create(project=project, user=None, wanted=wanted(sources=["bundle/*"]))
    task = TaskFactory(project=project, source_image="bundle/Release-1:app")
    assert [each.name for each in trust.anchors_for(task)] == ["release"]


def test_a_stored_key_that_is_not_taken_anymore_signs_nothing() -> None:
    project = ProjectFactory()
    TrustAnchor.objects.create(project=project, name="old", kind="key", public_key="spoilt")
    assert trust.anchors_for(TaskFactory(project=project)) == []
