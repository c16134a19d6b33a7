"""Rules over a whole import: asked when it is requested, before a blob moves, and right before the tag is put."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import ApplicationError
from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule
from imageimport.policy import judging
from imageimport.policy.judging import Judgement, named, source_pattern
from imageimport.requests import looking
from imageimport.requests import services as requests
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from oci.errors import OciError
from projects.models import Project, Role
from stack.sample import index_of
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.policy.judged import ago, image_made, rule, submit
from tests.support.factories import TaskFactory, member

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def team(source: ScriptedRegistry, target: ScriptedRegistry) -> tuple[User, Project]:
    return member(Role.MAINTAINER)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nginx", ("docker.io/library/nginx", "latest")),
        ("index.docker.io/nginx:1", ("docker.io/library/nginx", "1")),
        ("registry-1.docker.io:443/nginx:1", ("docker.io/library/nginx", "1")),
        ("GHCR.io/a/b:1", ("ghcr.io/a/b", "1")),
        ("ghcr.io:443/a/b:1", ("ghcr.io/a/b", "1")),
        ("ghcr.io:8443/a/b:1", ("ghcr.io:8443/a/b", "1")),
        ("ghcr.io:08443/a/b:1", ("ghcr.io:8443/a/b", "1")),
        ("ghcr.io:00443/a/b:1", ("ghcr.io/a/b", "1")),
        ("[2001:0db8:0::1]:5000/a/b:1", ("[2001:db8::1]:5000/a/b", "1")),
        ("[2001:0DB8::0001]/a/b:1", ("[2001:db8::1]/a/b", "1")),
        ("[2001:db8::1]:443/a/b:1", ("[2001:db8::1]/a/b", "1")),
        (f"ghcr.io/a/b@sha256:{'a' * 64}", ("ghcr.io/a/b", None)),
        (f"ghcr.io/a/b:1@sha256:{'a' * 64}", ("ghcr.io/a/b", "1")),
        ("bundle/web:1", ("docker.io/bundle/web", "1")),
        ("bundle:images.tar#web:1", ("bundle/web", "1")),
    ],
)
def test_a_source_has_one_name_whatever_was_typed(text: str, found: tuple[str, str | None]) -> None:
    assert named(text) == found


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Reg.Example.com:05000/App/*", "reg.example.com:5000/app/*"),
        ("[2001:0db8:0::1]:5000/*", "[2001:db8::1]:5000/*"),
        ("index.docker.io/library/*", "docker.io/library/*"),
        ("*.example.com:05000/x", "*.example.com:05000/x"),
        ("bundle/*", "bundle/*"),
        ("*", "*"),
    ],
)
def test_a_pattern_has_the_registry_in_the_same_name(typed: str, kept: str) -> None:
    assert source_pattern(typed) == kept
    row = PolicyRule(name="R", action="allow", sources=[typed])  # as an earlier release kept it
    assert judging.as_rule(row).sources == (kept,)


def test_the_own_registry_has_its_public_name_by_whichever_address(settings: Any) -> None:
    settings.REGISTRY_PUBLIC_HOST, settings.REGISTRY_URL = "images.example.com", "http://127.0.0.1:5000"
    assert named("127.0.0.1:5000/team/app:1") == ("images.example.com/team/app", "1")
    assert named("Images.example.com/team/app:1") == ("images.example.com/team/app", "1")


@pytest.mark.parametrize(
    ("requires", "ok"),
    [
        ({"max_bytes": 100_000}, True),
        ({"max_bytes": 1000}, False),
        ({"platforms": ["linux/amd64", "linux/arm64"]}, True),
        ({"platforms": ["linux/amd64"]}, False),
        ({"min_age_days": 1}, True),
        ({"min_age_days": 36_000}, False),
        ({"min_seen_days": 0}, True),
        ({"min_seen_days": 1}, False),
        ({"signed_by": ["0197a000-0000-7000-8000-000000000000"]}, False),
        ({"max_severity": "high"}, False),
    ],
    ids=str,
)
def test_what_a_rule_requires_is_judged_on_the_resolved_image_before_a_byte_moves(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    requires: Any,
    ok: bool,
) -> None:
    amd, arm = random_image([5000], seed=1), random_image([4000], seed=2, platform="linux/arm64/v8")
    source.add_image("app/web", "v1", index_of([amd, arm]))
    made = rule(team[1], requires={})
    submit(team, source)
    PolicyRule.objects.filter(pk=made.pk).update(requires=requires)
    (task,) = work()
    if ok:
        assert (task.status, task.error) == ("success", "")
        return
    code = "signature_missing" if "signed_by" in requires else "refused_by_rule"
    assert (task.status, task.error_code, task.attempts) == ("failed", code, 1)
    layers = {blob.digest for image in (amd, arm) for blob in image.blobs[1:]}
    assert not [each for each in source.seen("GET", "/blobs/") if each.path.rpartition("/")[2] in layers]
    assert not target.seen("POST", "/uploads/")
    assert not target.repository(f"{team[1].name}/app/web").manifests


@pytest.mark.parametrize(
    ("created", "ok"),
    [
        (ago(days=3), True),
        (ago(days=1), False),
        (ago(days=-1), False),
        (None, False),
        ("yesterday", False),
    ],
    ids=["old", "young", "of the future", "unknown", "unreadable"],
)
def test_the_age_is_that_of_the_images_configuration(
    team: tuple[User, Project], source: ScriptedRegistry, work: Work, created: str | None, ok: bool
) -> None:
    image_made(source, "v1", created)
    rule(team[1], requires={"min_age_days": 2})
    submit(team, source)
    (task,) = work()
    assert (task.status, task.error_code) == (("success", "") if ok else ("failed", "refused_by_rule"))


def test_a_choice_of_platforms_is_judged_by_what_is_taken(
    team: tuple[User, Project], source: ScriptedRegistry, work: Work
) -> None:
    images = [random_image([500], seed=3), random_image([500], seed=4, platform="linux/arm64/v8")]
    source.add_image("app/web", "v1", index_of(images))
    rule(team[1], requires={"platforms": ["linux/amd64"]})
    with pytest.raises(ApplicationError) as refused:
        submit(team, source, platforms=["linux/arm64"])
    assert refused.value.code == "refused_by_rule"
    submit(team, source, platforms=["linux/amd64"])
    (task,) = work()
    assert task.status == "success"


def test_rules_of_the_moment_before_the_tag_count(
    team: tuple[User, Project],
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source.add_image("app/web", "v1", random_image([500], seed=5))
    submit(team, source)
    before = Judgement.before_commit

    def changed(self: Judgement) -> None:
        rule(None, "refuse")
        before(self)

    monkeypatch.setattr(Judgement, "before_commit", changed)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "refused_by_rule")
    assert "v1" not in target.repository(f"{team[1].name}/app/web").manifests


def test_what_needs_approval_by_now_and_has_none_is_not_imported(
    team: tuple[User, Project], source: ScriptedRegistry, work: Work
) -> None:
    source.add_image("app/web", "v1", random_image([500], seed=6))
    submit(team, source)
    rule(team[1], "approve")
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "refused_by_rule")
    assert "approval" in task.error


def test_a_row_that_came_by_no_service_is_judged_all_the_same(
    team: tuple[User, Project], source: ScriptedRegistry, work: Work
) -> None:
    source.add_image("app/web", "v1", random_image([500], seed=7))
    rule(team[1], "refuse")
    name = f"{source.server_name}/app/web:v1"
    TaskFactory(
        project=team[1],
        image_url=name,
        source_image=name,
        source_registry=source.server_name,
        target_tag="v1",
    )
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "refused_by_rule")


def test_a_transport_that_never_had_the_image_judged_commits_only_what_asks_for_nothing(
    team: tuple[User, Project],
) -> None:
    task = TaskFactory(project=team[1])
    Judgement(task).before_commit()
    rule(team[1], requires={"max_bytes": 10**12})
    with pytest.raises(OciError) as refused:
        Judgement(task).before_commit()
    assert refused.value.code == "refused_by_rule"


def test_a_database_that_is_away_opens_no_door(
    team: tuple[User, Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_task: ImportTask) -> Any:
        raise RuntimeError("away")

    monkeypatch.setattr(judging, "standing_of", away)
    task = TaskFactory(project=team[1])
    with pytest.raises(RuntimeError):
        Judgement(task).before_commit()


def test_an_approved_import_arrives_and_a_request_moves_no_blob(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    digest = source.add_image("app/web", "v1", random_image([500], seed=8))
    rule(team[1], "approve")
    task = submit(team, source)
    assert work()[0].status == Status.REQUESTED
    assert looking.look_due() == 1
    task.refresh_from_db()
    assert task.source_digest == digest and task.bytes_total > 500
    assert not source.seen("GET", "/blobs/")
    assert not target.seen("PUT", "/") and not target.seen("POST", "/")
    requests.approve(task=task, user=team[0])
    (task,) = work()
    assert (task.status, task.digest) == ("success", digest)


def test_an_approval_does_not_cover_what_the_tag_names_later(
    team: tuple[User, Project], source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    source.add_image("app/web", "v1", random_image([500], seed=9))
    made = rule(team[1], "approve")
    task = submit(team, source)
    looking.look_due()
    task.refresh_from_db()
    requests.approve(task=task, user=team[0])
    source.add_image("app/web", "v1", random_image([500], seed=10))
    # Even where nobody would have to ask by now: this import was approved for something else.
    made.delete()
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "approval_outdated")
    assert not target.repository(f"{team[1].name}/app/web").manifests


def test_a_retry_is_judged_anew_and_asks_anew(
    team: tuple[User, Project], source: ScriptedRegistry, work: Work
) -> None:
    submit(team, source)
    (task,) = work()
    assert task.error_code == "not_found"
    made = rule(team[1], "approve")
    again = services.retry(task=task, user=team[0])
    assert again.status == Status.REQUESTED and ApprovalRequest.objects.filter(task=again).exists()
    services.cancel(task=again)
    again.refresh_from_db()
    PolicyRule.objects.filter(pk=made.pk).update(action="refuse")
    with pytest.raises(ApplicationError) as refused:
        services.retry(task=again, user=team[0])
    assert refused.value.code == "refused_by_rule"


def test_a_copy_from_the_own_registry_is_judged_by_its_public_name(
    team: tuple[User, Project], target: ScriptedRegistry
) -> None:
    user, project = team
    rule(project, "refuse", sources=[f"{target.server_name}/{project.name}/*"])
    wanted = ImportRequest(f"{target.server_name}/{project.name}/app:v1", target_name="copy")
    with pytest.raises(ApplicationError) as refused:
        services.submit(project=project, user=user, request=wanted)
    assert refused.value.code == "refused_by_rule"
