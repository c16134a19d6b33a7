"""No import and no roll-back changes a protected tag; those that change nothing go on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.exceptions import ApplicationError
from imageimport import restore
from imageimport.batches import services as batches
from imageimport.batches.validation import BatchErrors
from imageimport.choices import Status
from imageimport.models import ImportTask, Webhook, WebhookDelivery
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import leases, monitor
from oci.copy.image_copier import CopyResult, ImageCopier
from projects import protection
from projects.models import Image, Project, Role
from projects.registry.client import PULL, opened_repository
from projects.registry.putting_back import put_back
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.support.factories import member
from tests.support.people import bearer, call

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def held(source: ScriptedRegistry, target: ScriptedRegistry, work: Work) -> Image:
    """A protected tag whose source has moved on since."""
    user, project = member(Role.MAINTAINER)
    Project.objects.filter(pk=project.pk).update(created_by=user)
    source.add_image("app/web", "v1", random_image([500], seed=1))
    submit(project, source, "v1")
    work()
    protection.add(project=project, user=user, pattern="*:v*")
    source.add_image("app/web", "v1", random_image([500], seed=2))
    return Image.objects.select_related("project").get()


def submit(project: Project, source: ScriptedRegistry, identifier: str) -> ImportTask:
    mark = "@" if identifier.startswith("sha256:") else ":"
    request = ImportRequest(f"{source.server_name}/app/web{mark}{identifier}", target_tag="v1")
    return services.submit(project=project, user=None, request=request)


def test_an_import_to_a_protected_tag_is_refused_at_once(held: Image, source: ScriptedRegistry) -> None:
    with pytest.raises(ApplicationError) as caught:
        submit(held.project, source, "v1")
    assert caught.value.code == "tag_protected"
    assert ImportTask.objects.count() == 1


def test_the_api_answers_409_with_the_code(held: Image, source: ScriptedRegistry) -> None:
    user = held.project.memberships.get().user
    body = {"image_url": f"{source.server_name}/app/web:v1"}
    path = f"/projects/{held.project.pk}/images/import"
    answer = call("POST", path, body, bearer(user))
    assert (answer.status_code, answer.json()["code"]) == (409, "tag_protected")


def test_a_batch_names_the_entry_that_is_protected(held: Image, source: ScriptedRegistry) -> None:
    entries = [ImportRequest(f"{source.server_name}/app/web:{tag}") for tag in ("free", "v1")]
    with pytest.raises(BatchErrors) as caught:
        batches.create(project=held.project, user=None, entries=entries)
    assert list(caught.value.by_index) == [1]
    assert ImportTask.objects.count() == 1


def test_the_digest_that_the_tag_has_may_be_imported_again(
    held: Image, source: ScriptedRegistry, work: Work
) -> None:
    submit(held.project, source, held.digest)
    assert work()[-1].status == Status.SUCCESS
    assert Image.objects.get().digest == held.digest


def test_a_tag_that_is_protected_while_its_import_runs_stays_and_the_import_says_why(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work
) -> None:
    user, project = member(Role.MAINTAINER)
    first = source.add_image("app/web", "v1", random_image([500], seed=1))
    submit(project, source, "v1")
    work()
    source.add_image("app/web", "v1", random_image([500], seed=2))
    submit(project, source, "v1")
    protection.add(project=project, user=user, pattern="*:v*")
    (ended,) = [task for task in work() if task.status != Status.SUCCESS]
    assert (ended.status, ended.error_code) == (Status.FAILED, "tag_protected")
    assert Image.objects.get().digest == first
    there = target.repository(f"{project.name}/app/web").manifests
    assert there["v1"] == there[first]


def test_a_tag_that_is_protected_after_it_was_looked_at_stays_as_well(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Manifests, and what is attached, are put between the look at the tag and the tag: that may take minutes."""
    user, project = member(Role.MAINTAINER)
    first = source.add_image("app/web", "v1", random_image([500], seed=1))
    submit(project, source, "v1")
    work()
    source.add_image("app/web", "v1", random_image([500], seed=2))
    submit(project, source, "v1")
    really = ImageCopier.push

    def protected_first(copier: ImageCopier) -> CopyResult:
        protection.add(project=project, user=user, pattern="*:v*")
        return really(copier)

    monkeypatch.setattr(ImageCopier, "push", protected_first)
    (ended,) = [task for task in work() if task.status != Status.SUCCESS]
    assert (ended.status, ended.error_code) == (Status.FAILED, "tag_protected")
    there = target.repository(f"{project.name}/app/web").manifests
    assert there["v1"] == there[first]


def test_what_began_to_put_its_tag_before_it_was_protected_is_carried_through(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, project = member(Role.MAINTAINER)
    source.add_image("app/web", "v1", random_image([500], seed=1))
    submit(project, source, "v1")
    work()
    second = source.add_image("app/web", "v1", random_image([500], seed=2))
    submit(project, source, "v1")
    begun: list[bool] = []

    def then_protected(lease: leases.Lease) -> bool:
        begun.append(leases.begin_commit(lease))
        if len(begun) == 1:
            protection.add(project=project, user=user, pattern="*:v*")
        return begun[-1]

    monkeypatch.setattr(monitor, "begin_commit", then_protected)
    target.rule("PUT", "/manifests/v1$", Reply(503), times=1)
    assert [task.status for task in work()] == [Status.SUCCESS, Status.SUCCESS]
    assert len(begun) > 1
    there = target.repository(f"{project.name}/app/web").manifests
    assert there["v1"] == there[second]


def test_a_roll_back_of_a_protected_tag_is_refused(held: Image) -> None:
    with pytest.raises(ApplicationError) as caught:
        restore.restore(image=held, digest="sha256:" + "b" * 64)
    assert caught.value.code == "tag_protected"


def test_a_tag_that_was_put_back_is_told_to_webhooks(held: Image, target: ScriptedRegistry) -> None:
    Webhook.objects.create(
        project=held.project, url="https://hooks.example/x", events=["tag.restored"], failures_only=True
    )
    name = f"{held.project.name}/app/web"
    there = target.repository(name)
    other = target.add_image(name, "v1", random_image([300], seed=9))
    with opened_repository(name, PULL) as repository:
        assert put_back(repository, held)
    assert there.manifests["v1"] == there.manifests[held.digest]
    payload = WebhookDelivery.objects.get().payload
    assert payload["event"] == "tag.restored"
    assert payload["tag"]["digest"] == held.digest and payload["tag"]["was"] == other
