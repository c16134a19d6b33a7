"""What a pull of something missing gets: an import that all of them share, and answers as registries give them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from imageimport.choices import Priority, Status
from imageimport.first_pull.held import ASK_AGAIN
from imageimport.models import ImportTask, PolicyRule
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import AuditEvent, Project, Role
from stack.sample import sample_image
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.first_pull.conftest import Ask
from tests.imageimport.first_pull.saying import code, robot, said
from tests.support.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_pull_makes_one_import_and_is_answered_with_the_registry_once_it_is_there(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Any
) -> None:
    source.add_image("ns/app", "1", sample_image())
    login = robot(project).login
    waits = ask(login)
    assert (waits.status_code, code(waits)) == (503, "UNAVAILABLE")
    assert float(waits.headers[ASK_AGAIN]) > 0
    assert int(waits.headers["Retry-After"]) > 0
    # A second one joins, as does the same one, asked again.
    assert ask(login).status_code == ask(login, held=0.4).status_code == 503
    (task,) = work()
    assert (task.status, task.digest, task.priority) == (
        Status.SUCCESS,
        sample_image().digest,
        Priority.INTERACTIVE,
    )
    assert (task.requested_by, task.robot, task.requester) == (None, login, login)
    written = AuditEvent.objects.get(action="import.created")
    # The address of the front would be nobody's.
    assert (written.actor_name, written.subject, written.address) == (login, task.source_image, None)
    here = ask(login, held=1.0)
    assert here.headers["X-Accel-Redirect"] == f"/registry/v2/{project.name}/{task.target_name}/manifests/1"
    assert ImportTask.objects.count() == 1


@pytest.mark.parametrize("puller", ["robot", "person"])
def test_an_import_is_in_the_name_that_the_token_says_whatever_session_comes_along(
    puller: str, ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    someone_else, person = UserFactory(), UserFactory()
    MembershipFactory(project=project, user=someone_else, role=Role.OWNER)
    MembershipFactory(project=project, user=person, role=Role.DEVELOPER)
    login = robot(project).login if puller == "robot" else person.get_username()
    assert ask(login, session_of=someone_else).status_code == 503
    task, written = ImportTask.objects.get(), AuditEvent.objects.get(action="import.created")
    actor = None if puller == "robot" else person
    assert (written.actor, written.actor_name, written.address) == (actor, login, None)
    assert (task.requested_by, task.requester) == (actor, login)


def test_the_address_of_a_proxy_is_not_taken_for_the_callers(
    ask: Ask, project: Project, target: ScriptedRegistry, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = 1
    # Of a proxy before the front, which is the front's peer.
    assert ask(robot(project).login, forwarded="10.0.0.7").status_code == 503
    assert AuditEvent.objects.get(action="import.created").address is None


def test_a_rule_refuses_with_its_sentence_and_the_source_hears_nothing(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    PolicyRule.objects.create(project=project, name="no", action="refuse", message="Ask Ann first.")
    answer = ask(robot(project).login)
    assert (answer.status_code, code(answer)) == (403, "DENIED")
    assert "Ask Ann first." in said(answer)
    assert not ImportTask.objects.exists()
    assert source.requests == []


def test_what_needs_approval_is_requested_and_says_so(
    ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    Project.objects.update(default_action="approve")
    login = robot(project).login
    for _ in range(2):
        answer = ask(login)
        assert (answer.status_code, code(answer)) == (403, "DENIED")
        assert "request was sent" in said(answer)
    assert ImportTask.objects.get().status == Status.REQUESTED


@pytest.mark.parametrize("by_digest", [False, True])
def test_what_is_pushed_to_the_tag_meanwhile_stays_and_is_what_the_pull_gets(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Any, by_digest: bool
) -> None:
    source.add_image("ns/app", "1", sample_image())
    reference = sample_image().digest if by_digest else "1"
    login = robot(project).login
    ask(login, reference)
    repository = f"{project.name}/{ImportTask.objects.get().target_name}"
    pushed = random_image([4000], seed=8)
    target.add_image(repository, ImportTask.objects.get().target_tag, pushed)
    (task,) = work()
    assert (task.status, task.error_code) == (Status.FAILED, "tag_exists")
    assert target.repositories[repository].manifests[task.target_tag][1] == pushed.manifest.data
    answer = ask(login, reference, held=1.0)
    # What a digest names is not what was pushed: it is refused, and not asked for again and again.
    assert answer.status_code == (403 if by_digest else 200)
    assert ("X-Accel-Redirect" in answer.headers) is not by_digest
    assert ImportTask.objects.count() == 1


def test_a_digest_has_a_tag_of_its_own(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Any
) -> None:
    source.add_image("ns/app", "1", sample_image())
    digest = sample_image().digest
    ask(robot(project).login, digest)
    (task,) = work()
    assert (task.status, task.target_tag, task.digest) == (Status.SUCCESS, f"digest-{digest[7:19]}", digest)


@pytest.mark.parametrize("name", ["127.0.0.1__22/x/y", "169.254.169.254/latest/meta", "10.0.0.1/a/b"])
def test_a_forbidden_address_is_denied_at_once(
    ask: Ask, project: Project, target: ScriptedRegistry, settings: Any, name: str
) -> None:
    answer = ask(robot(project).login, name=f"{project.name}/{name}")
    assert (answer.status_code, code(answer)) == (403, "DENIED")
    assert not ImportTask.objects.exists()


def test_an_import_of_a_batch_is_joined_and_goes_first_now(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    name = f"{source.server_name.replace(':', '__')}/ns/app"
    request = ImportRequest(image_url=f"{source.server_name}/ns/app:1", target_name=name)
    task = services.submit(project=project, user=None, request=request)
    later = timezone.now() + dt.timedelta(hours=5)
    ImportTask.objects.update(priority=Priority.BATCH, waits_for_window=True, not_before=later)
    assert ask(robot(project).login).status_code == 503
    task.refresh_from_db()
    assert (task.priority, task.waits_for_window, task.not_before) == (Priority.INTERACTIVE, False, None)
    assert ImportTask.objects.count() == 1
