"""A mirror that serves a tag late: people are told, and nobody waits for a registry that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from oci.cancel import CancelToken
from oci.copy import late_mirror
from oci.copy.context import CopyOptions
from oci.copy.look import look
from oci.copy.plan import make_plan
from oci.limits import CLEANUP_SECONDS
from oci.registry.mirrors import MIRROR_TRIES, MirroredSource
from oci.registry.repository import Repository
from testbed.copying import NoMounts
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry, refuse
from tests.oci.copying import client, copier, run

OLD, NEW = random_image([100_000], seed=1), random_image([100_000], seed=2)
Make = Callable[..., ScriptedRegistry]


@pytest.fixture(autouse=True)
def nobody_is_away() -> None:
    late_mirror.AWAY.clear()


@pytest.fixture
def mirror(make_scripted: Make) -> ScriptedRegistry:
    made = make_scripted(host="127.0.0.2")
    made.add_image("library/app", "v1", OLD)
    return made


@pytest.fixture
def mirrored(mirror: ScriptedRegistry, source: ScriptedRegistry) -> MirroredSource:
    """The source behind its mirror, as the operator's rules have them."""
    of_mirror = client(mirror, registry=source.server_name, tries=MIRROR_TRIES)
    return MirroredSource([Repository(each, "library/app") for each in (of_mirror, client(source))])


def noted(mirrored: MirroredSource, target: ScriptedRegistry, reference: str = ":v1") -> list[str]:
    """Sentences about a copy, which brings what the mirror has."""
    result = run(copier(mirrored, target, f"library/app{reference}"))
    assert result.image.digest == OLD.digest
    return [template % params for template, params in result.notes]


def test_a_mirror_that_is_behind_is_told_by_its_name_and_the_registrys_digest(
    mirrored: MirroredSource, mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", NEW)
    (said,) = noted(mirrored, target)
    assert mirror.server_name in said and source.server_name in said and NEW.digest in said
    assert {each.method for each in source.seen("", "/manifests/v1")} == {"HEAD"}, "no pull is spent on it"


def test_a_plan_tells_it_too(
    mirrored: MirroredSource, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", NEW)
    at = Repository(client(target, "target"), "team/app")
    plan = make_plan(mirrored, "v1", at, "v1", options=CopyOptions(), mounts=NoMounts())
    assert NEW.digest in " ".join(template % params for template, params in plan.notes)


def test_a_mirror_that_is_not_behind_is_not_spoken_of(
    mirrored: MirroredSource, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", OLD)
    assert noted(mirrored, target) == []


def test_what_is_named_by_digest_can_not_be_late(
    mirrored: MirroredSource, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    assert noted(mirrored, target, f"@{OLD.digest}") == []
    assert not source.seen("HEAD", "/manifests/v1")


def test_the_registrys_own_answer_is_not_compared_with_itself(
    mirrored: MirroredSource, mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    mirror.rule("", "/manifests/v1", refuse(404, "MANIFEST_UNKNOWN"))
    source.add_image("library/app", "v1", OLD)
    assert noted(mirrored, target) == []
    assert len(source.seen("HEAD", "/manifests/v1")) == 1


def test_a_second_mirror_is_no_registry(
    mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    source.add_image("library/app", "v1", NEW)
    places = [client(each, registry="ghcr.io") for each in (mirror, source)]
    assert noted(MirroredSource([Repository(each, "library/app") for each in places]), target) == []
    assert not source.seen("HEAD", "/manifests/v1")


def test_a_silent_registry_holds_nobody_up_and_is_left_alone_for_a_while(
    mirrored: MirroredSource,
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who waited for it would hear of the new digest, and say so."""
    source.add_image("library/app", "v1", NEW)
    monkeypatch.setattr(late_mirror, "PATIENCE", 0.2)
    over = threading.Event()

    def silent(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        over.wait(CLEANUP_SECONDS / 2)
        return proceed()

    source.rule("HEAD", "/manifests/v1", silent)
    assert noted(mirrored, target) == []
    assert len(source.seen("HEAD", "/manifests/v1")) == 1
    over.set()
    assert noted(mirrored, target) == []
    assert len(source.seen("HEAD", "/manifests/v1")) == 1


def test_a_copy_that_fails_leaves_no_question_behind(
    mirrored: MirroredSource, mirror: ScriptedRegistry, source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    over = threading.Event()

    def silent(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        over.wait(30)
        return proceed()

    source.rule("HEAD", "/manifests/v1", silent)
    made = copier(mirrored, target)
    made.sign_in()
    made.cleanup()
    assert made._reader._late._asked is not None and made._reader._late._asked.done()
    over.set()


def test_a_look_waits_for_no_registry_behind_its_mirror(
    mirrored: MirroredSource, source: ScriptedRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    over, asked = threading.Event(), list[Repository]()
    digest = late_mirror.LateMirror._digest

    def noted(self: late_mirror.LateMirror, registry: Repository) -> str | None:
        asked.append(registry)
        return digest(self, registry)

    def silent(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        over.wait(30)
        return proceed()

    monkeypatch.setattr(late_mirror.LateMirror, "_digest", noted)
    source.rule("HEAD", "/manifests/v1", silent)
    assert look(mirrored, "v1", options=CopyOptions(), cancel=CancelToken()).digest == OLD.digest
    over.set()
    assert [each.client.cancel.canceled for each in asked] == [True], "it waited for an answer"
