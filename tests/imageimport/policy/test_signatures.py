"""An import with trusted signers: proved before a blob moves, kept with task and image, proved again at the target."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache, caches

from imageimport.choices import Action
from imageimport.models import ImportTask, TrustAnchor
from imageimport.policy import selectors, services, trust
from imageimport.policy.signatures import gate_for
from oci.copy.image_info import ImageInfo
from oci.errors import OciError
from oci.registry.repository import referrers_tag
from projects.models import Image as ImageRow
from projects.models import Project
from projects.services import record_image
from projects.signatures import proofs_of
from stack.sample import Image
from testbed.scripted_registry import ScriptedRegistry, refuse, too_many
from tests.imageimport.policy.signed_images import (
    AMD,
    CORPUS,
    INDEX,
    KEY,
    NAME,
    SIGNED,
    STRANGER,
    task_for,
    trusted,
)
from tests.oci.attachments import index
from tests.oci.listeners import closed_port
from tests.support.content.signing import (
    BUNDLE,
    CERTIFICATE,
    SIGNATURE,
    cosign_image,
    sign_by_referrer,
    sign_by_tag,
)
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


def test_without_a_trusted_signer_nobody_asks(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    source.add_image(NAME, "v1", AMD)
    task_for(project, source)
    (task,) = work()
    assert (task.status, task.signature) == ("success", None)
    assert ImageRow.objects.get().signature is None


@pytest.mark.parametrize("of_installation", [True, False])
def test_the_verdict_is_kept_with_the_task_and_the_image(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project, of_installation: bool
) -> None:
    anchor = trusted(None if of_installation else project)
    source.add_image(NAME, "v1", INDEX)
    sign_by_tag(source, NAME, INDEX, KEY)
    task_for(project, source)
    (task,) = work()
    assert task.status == "success"
    expected = {
        "state": "verified",
        "by": "release",
        "at": None,
        "digest": INDEX.digest,
        "reason": None,
        "anchors": [str(anchor.pk)],
        "proved": [[str(anchor.pk)]],
        "at_target": True,
    }
    assert task.signature == expected
    assert ImageRow.objects.get().signature == expected


@pytest.mark.parametrize("layout", ["bundle", "annotations"])
def test_a_signature_by_an_identity_is_proved_by_the_root_of_a_file(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    layout: str,
    settings: Any,
    tmp_path: Path,
) -> None:
    settings.SIGSTORE_TRUSTED_ROOT = str(tmp_path / "root.json")
    Path(settings.SIGSTORE_TRUSTED_ROOT).write_text(json.dumps(CORPUS["root"]), encoding="utf-8")
    trusted(project, kind="keyless", issuer=CORPUS["issuer"], identity=CORPUS["identity"])
    source.add_image(NAME, "v1", SIGNED)
    if layout == "bundle":
        sign_by_referrer(source, NAME, SIGNED, CORPUS["good"]["dsse"])
    else:
        said = CORPUS["goodAnnotations"]
        annotations = {SIGNATURE: said["signature"], CERTIFICATE: said["certificate"], BUNDLE: said["bundle"]}
        made = cosign_image([(base64.b64decode(said["payload"]), annotations)])
        source.add_image(NAME, referrers_tag(SIGNED.digest) + ".sig", made)
    task_for(project, source)
    (task,) = work()
    assert task.status == "success", task.error
    assert task.signature is not None
    assert (task.signature["state"], task.signature["at_target"]) == ("verified", True)
    assert task.signature["by"] == f"release ({CORPUS['identity']})"
    assert dt.datetime.fromisoformat(task.signature["at"]).tzinfo is not None


@pytest.mark.parametrize("asked", [True, False])
def test_an_unsigned_image_that_names_no_platform_costs_a_blob_only_where_no_rule_asks(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
    asked: bool,
) -> None:
    anchor = trusted(project)
    if asked:
        demanded(anchor)
    source.add_image(NAME, "v1", index([(child, {}) for child in INDEX.children]))
    task_for(project, source, platforms=["linux/amd64"])
    (task,) = work()
    assert task.error_code == ("signature_missing" if asked else "")
    assert bool(source.seen("GET", "/blobs/")) is not asked


def test_an_unsigned_image_comes_in_where_no_rule_asks_and_says_so(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    trusted(project)
    source.add_image(NAME, "v1", AMD)
    task_for(project, source)
    (task,) = work()
    assert task.status == "success"
    assert task.signature is not None
    assert (task.signature["state"], task.signature["digest"]) == ("unsigned", AMD.digest)


def test_a_signature_by_a_stranger_is_told_from_none(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    trusted(project)
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, STRANGER)
    task_for(project, source)
    (task,) = work()
    assert task.status == "success"
    assert task.signature is not None
    assert task.signature["state"] == "invalid"
    assert task.signature["reason"]["template"] == "No trusted key made the signature."


@pytest.mark.parametrize("image", [AMD, INDEX], ids=["image", "index"])
def test_an_unsigned_image_moves_no_blob_byte_where_a_signature_is_demanded(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
    image: Image,
) -> None:
    demanded(trusted(project))
    source.add_image(NAME, "v1", image)
    task_for(project, source)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "signature_missing")
    assert task.attempts == 1
    assert task.signature is not None
    assert task.signature["state"] == "unsigned"
    assert source.seen("", "/blobs/") == target.seen("", "/blobs/") == target.seen("PUT", "") == []


def test_a_signature_by_someone_else_is_not_the_one_that_is_demanded(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
) -> None:
    trusted(project, name="other", public_key=STRANGER.pem)
    demanded(trusted(project))
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, STRANGER)
    task_for(project, source)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "signature_invalid")
    assert "other" in task.error
    assert target.seen("PUT", "") == []


def test_an_anchor_that_is_gone_or_for_other_images_proves_nothing(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
) -> None:
    anchor = trusted(project, sources=["quay.io/*"])
    demanded(anchor)
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)
    task_for(project, source)
    assert work()[0].error_code == "signature_invalid"
    trust.delete(anchor=anchor)
    task_for(project, source)
    assert work()[1].error_code == "signature_invalid"


def test_a_throttled_question_lets_the_import_wait_and_is_never_unsigned(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
) -> None:
    demanded(trusted(project))
    source.add_image(NAME, "v1", AMD)
    sign_by_referrer(source, NAME, AMD, KEY.bundle(AMD.digest))
    rule = source.rule("", r"/manifests/sha256-[0-9a-f]+$", too_many("3000"))
    task_for(project, source)
    (task,) = work()
    assert task.status == "pending"
    assert task.not_before is not None
    assert task.signature is not None
    assert task.signature["state"] == "unknown"
    assert target.seen("PUT", "") == []
    source.rules.remove(rule)
    cache.clear()
    caches["local"].clear()
    ImportTask.objects.update(not_before=None)
    (task,) = work()
    assert task.signature is not None
    assert (task.status, task.signature["state"]) == ("success", "verified")


def test_a_question_that_is_refused_for_good_lets_nothing_in(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
) -> None:
    demanded(trusted(project))
    source.add_image(NAME, "v1", AMD)
    source.rule("", r"/manifests/sha256-[0-9a-f]+\.sig", refuse(403, "DENIED"))
    task_for(project, source)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "forbidden")
    assert task.signature is not None
    assert task.signature["state"] == "unknown"
    assert source.seen("", "/blobs/") == []


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_trusted_root_that_cannot_be_read_lets_nothing_in(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
    settings: Any,
    tmp_path: Path,
    content: str | None,
) -> None:
    settings.IMPORT_MAX_ATTEMPTS = 1
    settings.SIGSTORE_TRUSTED_ROOT = str(tmp_path / "root.json")
    if content is not None:
        Path(settings.SIGSTORE_TRUSTED_ROOT).write_text(content, encoding="utf-8")
    demanded(trusted(project, kind="keyless", issuer=CORPUS["issuer"], identity=CORPUS["identity"]))
    source.add_image(NAME, "v1", SIGNED)
    sign_by_referrer(source, NAME, SIGNED, CORPUS["good"]["dsse"])
    task_for(project, source)
    (task,) = work()
    assert (task.status, task.error_code) == ("failed", "signature_invalid")
    assert "trusted root" in task.error
    assert task.signature is not None
    assert task.signature["state"] == "unknown"


def test_a_signature_that_the_target_keeps_another_of_is_not_taken_for_proved_there(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
    settings: Any,
) -> None:
    """``overwrite: false`` leaves what stands under the tag of signatures."""
    settings.IMPORT_MAX_ATTEMPTS = 1
    anchor = trusted(project)
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)
    theirs = cosign_image([STRANGER.payload(AMD.digest)])
    there = f"{project.name}/app"
    target.add_image(there, referrers_tag(AMD.digest) + ".sig", theirs)
    task_for(project, source, overwrite=False)
    (task,) = work()
    assert task.status == "success"
    assert task.signature is not None
    assert (task.signature["state"], task.signature["at_target"]) == ("verified", False)
    target.repository(there).manifests.pop("v1")
    demanded(anchor)
    task_for(project, source, overwrite=False)
    task = work()[1]
    assert (task.status, task.error_code) == ("failed", "signature_invalid")
    assert "v1" not in target.repository(there).manifests


def test_signatures_that_are_not_copied_are_not_looked_for_at_the_target(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Work,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
) -> None:
    demanded(trusted(project))
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)
    task_for(project, source, include_referrers=False)
    (task,) = work()
    assert task.status == "success"
    assert task.signature is not None
    assert (task.signature["state"], task.signature["at_target"]) == ("verified", False)


def test_an_image_that_is_pushed_over_loses_the_verdict_and_the_same_one_keeps_it(project: Project) -> None:
    kept = {"state": "verified", "by": "release"}

    def record(digest: str, **more: Any) -> ImageRow:
        return record_image(
            project=project, repository="app", tag="1", image=ImageInfo(digest, size=1), **more
        )

    record("sha256:" + "a" * 64, signature=kept)
    assert record("sha256:" + "a" * 64).signature == kept
    assert record("sha256:" + "b" * 64).signature is None
    assert record("sha256:" + "b" * 64, signature=kept).signature == kept


def test_an_earlier_release_says_who_signed_but_not_who_did_alone(project: Project) -> None:
    first, second = uuid4(), uuid4()
    kept = {"state": "verified", "anchors": [str(first), str(second)]}
    assert proofs_of(kept) == frozenset({frozenset({first, second})})
    assert proofs_of({"state": "unsigned", "anchors": []}) == frozenset()


def test_what_rules_would_have_done_knows_who_signed(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    anchor, other = trusted(project), trusted(project, name="second", public_key=STRANGER.pem)
    source.add_image(NAME, "v1", AMD)
    sign_by_tag(source, NAME, AMD, KEY)
    task_for(project, source)
    assert work()[0].status == "success"
    for each, refused in ((anchor, 0), (other, 1)):
        values = {"name": "signed", "action": Action.ALLOW, "requires": {"signed_by": [each.pk]}}
        found = selectors.dry_run(
            project=project, days=1, draft=services.draft(project=project, values=values)
        )
        assert (found.imports, found.refuse) == (1, refused)


def test_docker_engine_brings_nothing_that_must_be_signed(
    project: Project, demanded: Callable[[TrustAnchor], None]
) -> None:
    """It packs layers in its own way, so what arrives may have another digest than what was signed."""
    anchor = trusted(project)
    task = TaskFactory(project=project, transport="docker")
    free = gate_for(task, lambda _kept: None)
    assert free is not None
    free.refuse_engine()
    demanded(anchor)
    strict = gate_for(task, lambda _kept: None)
    assert strict is not None
    with pytest.raises(OciError) as caught:
        strict.refuse_engine()
    assert caught.value.code == "signature_invalid"


def test_a_mirrors_no_is_not_taken_for_the_registrys(
    target: ScriptedRegistry, work: Work, project: Project, settings: Any
) -> None:
    """The image comes from a mirror without signatures, and the registry itself is away."""
    away = f"127.0.0.4:{closed_port()}"
    with ScriptedRegistry(host="127.0.0.3") as mirror:
        settings.IMPORT_REGISTRY_MIRRORS = {away: [mirror.url]}
        settings.IMPORT_PRIVATE_SOURCES = settings.IMPORT_INSECURE_SOURCES = [away, mirror.server_name]
        settings.OWN_ENDPOINTS = []
        mirror.add_image(NAME, "v1", AMD)
        trusted(project)
        image = f"{away}/{NAME}:v1"
        TaskFactory(
            project=project,
            target_name="app",
            target_tag="v1",
            image_url=image,
            source_image=image,
            source_registry=away,
        )
        (task,) = work()
    assert task.status == "success", task.error
    assert task.signature is not None
    assert task.signature["state"] == "unknown"
