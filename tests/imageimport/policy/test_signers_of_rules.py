"""Which signers rules ask for: one of a set, one for each rule, and for each image of an index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from imageimport.choices import Action
from imageimport.models import ImportTask, TrustAnchor
from imageimport.policy import selectors, services
from imageimport.policy.judging import Judgement
from imageimport.policy.signatures import gate_for
from oci.copy.signatures.places import AtRepository
from oci.registry.repository import Repository, referrers_tag
from oci.signatures.proof import Subject
from projects.models import Project
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.policy.signed_images import (
    AMD,
    INDEX,
    KEY,
    NAME,
    STRANGER,
    task_for,
    trusted,
)
from tests.oci.copying import client
from tests.support.content.signing import (
    cosign_image,
    sign_by_referrer,
    sign_by_tag,
)

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


def test_every_rule_that_asks_is_to_be_met(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    first, second = trusted(project), trusted(project, name="second", public_key=STRANGER.pem)
    for of, anchor in ((None, first), (project, second)):
        services.create(
            project=of, user=None, name="signed", action=Action.ALLOW, requires={"signed_by": [anchor.pk]}
        )
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)
    task_for(project, source)
    assert work()[0].error_code == "signature_invalid"
    sign_by_referrer(source, NAME, AMD, STRANGER.bundle(AMD.digest))
    task_for(project, source)
    task = work()[1]
    assert (task.status, task.error) == ("success", "")
    assert task.signature is not None
    assert sorted(task.signature["anchors"]) == sorted([str(first.pk), str(second.pk)])


def test_images_of_an_index_may_be_signed_by_any_one_of_those_that_a_rule_names(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    anchors = [trusted(project), trusted(project, name="second", public_key=STRANGER.pem)]
    services.create(
        project=project,
        user=None,
        name="signed",
        action=Action.ALLOW,
        requires={"signed_by": [each.pk for each in anchors]},
    )
    source.add_image(NAME, "v1", INDEX)
    for child, key in zip(INDEX.children, (KEY, STRANGER), strict=True):
        sign_by_tag(source, NAME, child, key)
    task_for(project, source)
    (task,) = work()
    assert (task.status, task.error) == ("success", "")


def test_who_signed_one_image_of_an_index_is_not_taken_for_who_signed_the_other(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A rule that asks for both, for either, and then, before the tag is put, for one."""
    first, second = trusted(project), trusted(project, name="second", public_key=STRANGER.pem)
    rule = services.create(
        project=project,
        user=None,
        name="signed",
        action=Action.ALLOW,
        requires={"signed_by": [first.pk, second.pk]},
    )
    source.add_image(NAME, "v1", INDEX)
    for child, key in zip(INDEX.children, (KEY, STRANGER), strict=True):
        sign_by_tag(source, NAME, child, key)
    before = Judgement.before_commit

    def changed(self: Judgement) -> None:
        services.update(rule=rule, changes={"requires": {"signed_by": [second.pk]}})
        before(self)

    monkeypatch.setattr(Judgement, "before_commit", changed)
    task_for(project, source)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "refused_by_rule")
    assert task.signature is not None
    assert task.signature["proved"] == [sorted([str(first.pk), str(second.pk)])]
    for signers, refused in (([first.pk], 1), ([first.pk, second.pk], 0)):
        values = {"name": "signed", "action": Action.ALLOW, "requires": {"signed_by": signers}}
        draft = services.draft(project=project, values=values, of=rule)
        assert selectors.dry_run(project=project, days=1, draft=draft).refuse == refused


@pytest.mark.parametrize(("gone", "code"), [(1, ""), (2, "refused_by_rule")])
def test_a_signer_that_is_deleted_while_the_layers_move_counts_no_more(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    gone: int,
    code: str,
) -> None:
    """Both of two who are asked for signed; one stays trusted, or none."""
    anchors = [trusted(project), trusted(project, name="second", public_key=STRANGER.pem)]
    services.create(
        project=project,
        user=None,
        name="signed",
        action=Action.ALLOW,
        requires={"signed_by": [each.pk for each in anchors]},
    )
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)
    sign_by_referrer(source, NAME, AMD, STRANGER.bundle(AMD.digest))
    before = Judgement.before_commit

    def deleted(self: Judgement) -> None:
        TrustAnchor.objects.filter(pk__in=[each.pk for each in anchors[:gone]]).delete()
        before(self)

    monkeypatch.setattr(Judgement, "before_commit", deleted)
    task_for(project, source)
    (task,) = work()
    assert task.error_code == code
    assert ("v1" in target.repository(f"{project.name}/app").manifests) is not code.startswith("refused")


def test_one_signer_of_a_set_is_not_taken_for_the_others(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    first, second = trusted(project), trusted(project, name="second", public_key=STRANGER.pem)
    rule = services.create(
        project=project,
        user=None,
        name="signed",
        action=Action.ALLOW,
        requires={"signed_by": [first.pk, second.pk]},
    )
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)
    gate = gate_for(task_for(project, source), lambda _kept: None)
    assert gate is not None
    place = AtRepository(Repository(client(source), NAME))
    gate.admit(Subject(place.manifest("v1")), place)
    assert gate.proved == frozenset({frozenset({first.pk})})
    work()
    for each, refused in ((first, 0), (second, 1)):
        values = {"name": "signed", "action": Action.ALLOW, "requires": {"signed_by": [each.pk]}}
        draft = services.draft(project=project, values=values, of=rule)
        assert selectors.dry_run(project=project, days=1, draft=draft).refuse == refused


def test_every_rule_that_asks_is_to_be_met_at_the_target_as_well(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project, settings: Any
) -> None:
    """``overwrite: false`` leaves what stands under the tag of signatures: there one of the two has signed."""
    settings.IMPORT_MAX_ATTEMPTS = 1
    for of, anchor in (
        (None, trusted(project)),
        (project, trusted(project, name="second", public_key=STRANGER.pem)),
    ):
        services.create(
            project=of, user=None, name="signed", action=Action.ALLOW, requires={"signed_by": [anchor.pk]}
        )
    source.add_image(NAME, "v1", AMD)
    payloads = [KEY.payload(AMD.digest), STRANGER.payload(AMD.digest)]
    tag = referrers_tag(AMD.digest) + ".sig"
    source.add_image(NAME, tag, cosign_image(payloads))
    there = f"{project.name}/app"
    target.add_image(there, tag, cosign_image(payloads[:1]))
    task_for(project, source, overwrite=False)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "signature_invalid")
    assert "v1" not in target.repository(there).manifests
