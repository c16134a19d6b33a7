"""Whatever is wrong with the bytes of a source, and wherever: a pull gets none of them, and nothing wrong stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from imageimport.choices import Status
from imageimport.models import ImportTask
from projects.models import Image, Project, Robot
from stack.sample import Blob, index_of
from testbed.images import random_image
from testbed.scripted_registry import Act, Reply, Request, ScriptedRegistry, corrupt, cut
from tests.imageimport.first_pull.conftest import Ask

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_pauses")]

CHILDREN = [
    random_image([9000], seed=91),
    random_image([8000], seed=92, platform="linux/arm64"),
]
IMAGE = index_of(CHILDREN)
CONFIG, LAYER = CHILDREN[0].blobs
#: Where something is wrong, and the blob or manifest there.
PLACES: dict[str, tuple[str, Blob]] = {
    "a layer": ("/blobs/", LAYER),
    "a configuration": ("/blobs/", CONFIG),
    "a child": ("/manifests/", CHILDREN[0].manifest),
}


def body(make: Callable[[bytes], bytes], **more: Any) -> Act:
    """Another body instead of the right one, as long as it says it is. ``more``: of :class:`Reply`."""

    def act(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        right = proceed()
        return replace(right, body=make(right.body), **more)

    return act


def page(right: bytes) -> bytes:
    """A page for people, of the right length."""
    return b"<html>No such thing here</html>".ljust(len(right))[: len(right)]


FAULTS: dict[str, Act | Reply] = {
    "cut off": cut(20),
    "short": body(lambda right: right[:-1]),
    "short, without a length": body(lambda right: right[:-1], length=None),
    "long": body(lambda right: right + b"x"),
    "nothing": body(lambda _right: b""),
    "one other byte": corrupt(-1),
    "another blob": body(lambda right: b"z" * len(right)),
    "a page": body(page),
    "a page, of its own length": Reply(200, [("Content-Type", "text/html")], b"<html>Sign in</html>"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_pull_gets_no_wrong_byte_and_nothing_wrong_stays(
    ask: Ask,
    project: Project,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Any,
    settings: Any,
    fault: str,
    place: str,
) -> None:
    settings.IMPORT_MAX_ATTEMPTS = 1
    source.add_image("ns/app", "1", IMAGE)
    kind, wrong = PLACES[place]
    rule = source.rule("GET", f"{kind}{wrong.digest}", FAULTS[fault])
    login = Robot.objects.create(project=project, name="pull", access="pull", digest="x").login
    assert ask(login).status_code == 503
    (task,) = work()
    assert rule.used
    assert task.status == Status.FAILED
    answer = ask(login, held=1.0)
    assert answer.status_code in (403, 503), answer.content
    assert "X-Accel-Redirect" not in answer.headers
    there = target.repository(f"{project.name}/{task.target_name}")
    assert "1" not in there.manifests and wrong.digest not in {*there.blobs, *there.manifests}
    assert not Image.objects.exists()
    # Once the source is right again, the next pull brings it.
    source.rules.clear()
    ImportTask.objects.all().delete()
    ask(login)
    (task,) = work()
    assert (task.status, task.digest) == (Status.SUCCESS, IMAGE.digest)
    assert ask(login, held=1.0).headers["X-Accel-Redirect"]
