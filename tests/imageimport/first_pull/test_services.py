"""What a pull of something missing gets: an import that all of them share, and answers as registries give them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.choices import Priority, Status
from imageimport.first_pull.held import ASK_AGAIN
from imageimport.models import ImportTask, PolicyRule
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from projects.models import AuditEvent, Project, Robot, Role
from stack.sample import sample_image
from testbed.images import random_image
from testbed.scripted_registry import Act, Reply, ScriptedRegistry, hang_up, refuse
from tests.imageimport.first_pull.conftest import Ask
from tests.support.factories import MembershipFactory, ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def robot(project: Project, access: str = "pull") -> Robot:
    return Robot.objects.create(project=project, name=access, access=access, digest="x")


def code(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


def said(answer: Any) -> str:
    return str(answer.json()["errors"][0]["message"])


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


def test_after_the_wait_the_answer_says_how_far_it_is(
    ask: Ask, project: Project, target: ScriptedRegistry, settings: Any
) -> None:
    login = robot(project).login
    ask(login)
    ImportTask.objects.update(progress=45, eta_seconds=12, status=Status.PENDING)
    answer = ask(login, held=settings.FIRST_PULL_WAIT_SECONDS + 0.1)
    assert answer.status_code == 503
    assert ASK_AGAIN not in answer.headers
    assert answer.headers["Retry-After"] == "12"
    assert "45% done, about 12 seconds left" in said(answer)


@pytest.mark.usefixtures("no_pauses")
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (refuse(503, "UNAVAILABLE"), "503"),
        (hang_up(), "was lost"),
    ],
    ids=["503", "away"],
)
def test_where_the_source_is_away_the_answer_says_so_and_when_to_come_back(
    ask: Ask,
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Any,
    settings: Any,
    fault: Act | Reply,
    why: str,
) -> None:
    source.add_image("ns/app", "1", sample_image())
    source.rule("", "/v2/", fault)
    login, waited = robot(project).login, settings.FIRST_PULL_WAIT_SECONDS + 0.1
    ask(login)
    (task,) = work()
    assert (task.status, task.attempts) == (Status.PENDING, 1)
    answer = ask(login, held=waited)
    assert (answer.status_code, code(answer)) == (503, "UNAVAILABLE")
    assert "% done. The import is waiting" in said(answer) and why in said(answer)
    assert 1 <= int(answer.headers["Retry-After"]) <= 3
    # No attempt is left.
    settings.IMPORT_MAX_ATTEMPTS = 2
    ImportTask.objects.update(not_before=None)
    (task,) = work()
    assert task.status == Status.FAILED
    answer = ask(login, held=waited)
    assert (answer.status_code, code(answer)) == (503, "UNAVAILABLE")
    assert why in said(answer) and answer.headers["Retry-After"]


def test_what_is_not_at_the_source_is_unknown_by_head_and_get_and_asked_for_once(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry, work: Any
) -> None:
    login = robot(project).login
    ask(login)
    work()
    answer = ask(login, held=1.0)
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_UNKNOWN")
    assert "ns/app:1" in said(answer)
    head = ask(login, method="head")
    assert (head.status_code, head.content) == (404, b"")
    assert ImportTask.objects.count() == 1
    # Later it may be there.
    ImportTask.objects.update(completed_at=timezone.now() - dt.timedelta(seconds=11))
    assert ask(login).status_code == 503
    assert ImportTask.objects.count() == 2


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


def test_a_full_project_denies_and_a_full_queue_asks_for_patience(
    ask: Ask, project: Project, target: ScriptedRegistry, settings: Any
) -> None:
    login = robot(project).login
    Project.objects.update(quota_images=0)
    answer = ask(login)
    assert (answer.status_code, code(answer)) == (403, "DENIED")
    Project.objects.update(quota_images=None)
    settings.IMPORT_MAX_QUEUED_PER_PROJECT = 0
    answer = ask(login)
    assert (answer.status_code, code(answer), answer.headers["Retry-After"]) == (503, "UNAVAILABLE", "30")


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


def test_names_that_stand_for_no_source_are_unknown_and_short_ones_are_told_the_whole(
    ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    login = robot(project).login
    short = ask(login, name=f"{project.name}/docker.io/nginx")
    assert (short.status_code, code(short)) == (404, "MANIFEST_UNKNOWN")
    assert f"{project.name}/docker.io/library/nginx:1" in said(short)
    assert ask(login, name=f"{project.name}/app/web").status_code == 404
    attached = ask(login, f"sha256-{'a' * 64}.sig")
    assert (attached.status_code, code(attached)) == (404, "MANIFEST_UNKNOWN")
    assert not ImportTask.objects.exists()


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


def test_only_members_and_robots_with_the_role_cause_imports_however_public_the_project(
    ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    Project.objects.update(visibility=Project.Visibility.PUBLIC, first_pull=Project.FirstPull.DEVELOPER)
    viewer, developer = UserFactory(), UserFactory()
    MembershipFactory(project=project, user=viewer, role=Role.VIEWER)
    MembershipFactory(project=project, user=developer, role=Role.DEVELOPER)
    stranger = UserFactory().get_username()
    foreign = robot(ProjectFactory(), "push").login
    for subject in ("", stranger, foreign, "portal$", viewer.get_username(), robot(project).login):
        assert (ask(subject).status_code, code(ask(subject))) == (404, "MANIFEST_UNKNOWN"), subject
    # A token that only reads makes a developer a viewer.
    assert ask(developer.get_username(), reads_only=True).status_code == 404
    developer.is_active = False
    developer.save()
    assert ask(developer.get_username()).status_code == 404
    assert not ImportTask.objects.exists()
    developer.is_active = True
    developer.save()
    assert ask(developer.get_username()).status_code == 503
    assert ImportTask.objects.get().requester == developer.get_username()


def test_an_expired_robot_causes_nothing(ask: Ask, project: Project, target: ScriptedRegistry) -> None:
    row = robot(project, "push")
    Robot.objects.update(expires_at=timezone.now())
    assert ask(row.login).status_code == 404
    assert not ImportTask.objects.exists()


def test_without_a_token_of_the_registry_there_is_no_answer(
    ask: Ask, project: Project, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    name = f"{project.name}/{source.server_name.replace(':', '__')}/ns/app"
    for header in ("", "Bearer nonsense", "Basic YTpi"):
        headers = {"Authorization": header} if header else {}
        for kind in ("missing", "stale"):
            answer = Client().get(f"/service/first-pull/{kind}/v2/{name}/manifests/1", headers=headers)
            assert (answer.status_code, code(answer)) == (401, "UNAUTHORIZED")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer realm=")
    assert Client().post(f"/service/first-pull/missing/v2/{name}/manifests/1").status_code == 405
    assert source.requests == []
    assert not ImportTask.objects.exists()


def test_a_token_for_another_repository_opens_nothing(
    ask: Ask, project: Project, target: ScriptedRegistry
) -> None:
    from projects.token_service.tokens import Access, mint

    other = mint(subject=robot(project).login, access=[Access("repository", f"{project.name}/x", ("pull",))])
    path = f"/service/first-pull/missing/v2/{project.name}/ghcr.io/a/b/manifests/1"
    answer = Client().get(path, headers={"Authorization": f"Bearer {other.text}"})
    assert answer.status_code == 401
    assert not ImportTask.objects.exists()
