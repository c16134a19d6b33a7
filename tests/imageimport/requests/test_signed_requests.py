"""What approvers are told of an image's signatures, before they decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache, caches
from django.test import Client
from django.utils import timezone

from accounts.exceptions import ApplicationError
from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule
from imageimport.requests import looking, services
from imageimport.submission import services as imports
from imageimport.submission.requests import ImportRequest
from projects.models import Project, Role
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry, too_many
from tests.imageimport.policy.signed_images import AMD, INDEX, KEY, NAME, STRANGER, trusted
from tests.support.content.signing import sign_by_referrer, sign_by_tag
from tests.support.factories import member
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db(transaction=True)
People = tuple[User, Project]


@pytest.fixture
def team(source: ScriptedRegistry, target: ScriptedRegistry) -> People:
    """A maintainer and a project where everything needs approval and one signer is trusted."""
    user, project = member(Role.MAINTAINER)
    PolicyRule.objects.create(project=project, name="R", action="approve")
    trusted(project)
    return user, project


def asked(team: People, source: ScriptedRegistry, **more: Any) -> ImportTask:
    user, project = team
    wanted = ImportRequest(f"{source.server_name}/{NAME}:v1", **more)
    return imports.submit(project=project, user=user, request=wanted)


def looked_at(task: ImportTask) -> ImportTask:
    ApprovalRequest.objects.filter(pk=task.pk, look_at__isnull=False).update(look_at=timezone.now())
    looking.look_due()
    task.refresh_from_db()
    return task


def _by_tag(source: ScriptedRegistry) -> None:
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)


def _by_referrer(source: ScriptedRegistry) -> None:
    source.add_image(NAME, "v1", AMD)
    sign_by_referrer(source, NAME, AMD, KEY.bundle(AMD.digest))


def _index(source: ScriptedRegistry) -> None:
    source.add_image(NAME, "v1", INDEX)
    sign_by_tag(source, NAME, INDEX, KEY)


def _by_a_stranger(source: ScriptedRegistry) -> None:
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, STRANGER)


def _by_no_one(source: ScriptedRegistry) -> None:
    source.add_image(NAME, "v1", AMD)


@pytest.mark.parametrize(
    ("publish", "state", "words"),
    [
        (_by_tag, "verified", "Signature verified"),
        (_by_referrer, "verified", "Signature verified"),
        (_index, "verified", "Signature verified"),
        (_by_a_stranger, "invalid", "Signature not valid"),
        (_by_no_one, "unsigned", "Not signed"),
    ],
)
def test_who_decides_is_told_what_the_signatures_say(
    team: People,
    source: ScriptedRegistry,
    publish: Callable[[ScriptedRegistry], None],
    state: str,
    words: str,
) -> None:
    user, project = team
    publish(source)
    task = looked_at(asked(team, source))
    assert task.status == Status.REQUESTED
    path = f"/projects/{project.pk}/images/import"
    one = call("GET", f"{path}/{task.pk}", headers=bearer(user)).json()
    (row,) = call("GET", f"{path}?status=requested", headers=bearer(user)).json()["results"]
    for said in (one["signature"], row["signature"]):
        assert (said["state"], said["by"]) == (state, "release" if state == "verified" else "")
    client = Client()
    client.force_login(user)
    for page in ("requests/", f"imports/{task.pk}/"):
        text = client.get(f"/projects/{project.name}/{page}").content.decode()
        assert words in text, page


def test_where_no_one_is_trusted_no_signature_is_looked_for(team: People, source: ScriptedRegistry) -> None:
    team[1].trust_anchors.all().delete()
    _by_tag(source)
    task = looked_at(asked(team, source))
    assert (task.source_digest, task.signature) == (AMD.digest, None)
    assert not source.seen("GET", "/blobs/")


@pytest.mark.parametrize(
    ("publish", "code", "state"),
    [(_by_no_one, "signature_missing", "unsigned"), (_by_a_stranger, "signature_invalid", "invalid")],
)
def test_a_request_that_lacks_the_signature_that_its_rule_requires_ends_before_anyone_is_asked(
    team: People, source: ScriptedRegistry, publish: Callable[[ScriptedRegistry], None], code: str, state: str
) -> None:
    anchor = team[1].trust_anchors.get()
    PolicyRule.objects.update(requires={"signed_by": [str(anchor.pk)]})
    publish(source)
    task = looked_at(asked(team, source))
    assert (task.status, task.error_code) == ("failed", code)
    assert task.signature is not None and task.signature["state"] == state
    assert not any(source.seen("GET", f"/blobs/{blob.digest}") for blob in AMD.blobs)


@pytest.mark.parametrize("include_referrers", [True, False])
def test_a_throttled_question_is_unknown_and_asked_again(
    team: People, source: ScriptedRegistry, include_referrers: bool
) -> None:
    """Where what is attached comes along, nothing is known without that answer, and the look says so."""
    _by_referrer(source)
    rule = source.rule("", r"/manifests/sha256-[0-9a-f]+$", too_many("3000"))
    task = looked_at(asked(team, source, include_referrers=include_referrers))
    found = ApprovalRequest.objects.get(pk=task.pk)
    assert task.signature is not None
    assert (task.status, task.signature["state"]) == (Status.REQUESTED, "unknown")
    assert bool(found.error) == include_referrers
    assert task.source_digest == ("" if include_referrers else AMD.digest)
    assert found.look_at is not None and found.look_at > timezone.now()
    source.rules.remove(rule)
    cache.clear()
    caches["local"].clear()
    task = looked_at(task)
    assert task.signature is not None
    assert (task.source_digest, task.signature["state"]) == (AMD.digest, "verified")
    assert ApprovalRequest.objects.get(pk=task.pk).look_at is None


def test_where_a_rule_requires_it_a_throttled_question_leaves_the_request_open(
    team: People, source: ScriptedRegistry
) -> None:
    PolicyRule.objects.update(requires={"signed_by": [str(team[1].trust_anchors.get().pk)]})
    _by_referrer(source)
    source.rule("", r"/manifests/sha256-[0-9a-f]+$", too_many("3000"))
    task = looked_at(asked(team, source))
    found = ApprovalRequest.objects.get(pk=task.pk)
    assert task.status == Status.REQUESTED
    assert found.error and found.look_at is not None


def test_the_verdict_is_of_the_digest_that_is_shown_and_approved(
    team: People, source: ScriptedRegistry
) -> None:
    """The tag moves to a signed image after the unsigned one was shown: nothing says that what was shown is signed."""
    user, _project = team
    source.add_image(NAME, "v1", random_image([300], seed=77))
    task = looked_at(asked(team, source))
    shown = task.source_digest
    assert shown
    _by_tag(source)
    ApprovalRequest.objects.filter(pk=task.pk).update(look_at=timezone.now())
    task = looked_at(task)
    assert task.signature is not None
    assert (task.source_digest, task.signature["state"]) == (shown, "unsigned")
    assert ApprovalRequest.objects.get(pk=task.pk).look_at is None
    assert services.approve(task=task, user=user, shown=shown).status == Status.PENDING


def test_an_approval_that_has_to_look_first_keeps_the_verdict(team: People, source: ScriptedRegistry) -> None:
    _by_tag(source)
    task: Any = asked(team, source)
    with pytest.raises(ApplicationError):
        services.approve(task=task, user=team[0])
    task.refresh_from_db()
    assert (task.status, task.signature["state"]) == (Status.REQUESTED, "verified")
    approved: Any = services.approve(task=task, user=team[0])
    assert approved.signature["state"] == "verified"
