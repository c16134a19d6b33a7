"""Going back to an earlier digest of a tag, under rules that ask for a signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from accounts.exceptions import ApplicationError
from imageimport import restore
from imageimport.choices import Action
from imageimport.models import ImportTask, TrustAnchor
from imageimport.policy import services, trust
from imageimport.policy.returns import judge_return
from oci.errors import OciError
from projects.models import Image as ImageRow
from projects.models import Project
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry, too_many
from tests.imageimport.policy.signed_images import INDEX, KEY, NAME, STRANGER, task_for, trusted
from tests.support.content.signing import sign_by_tag
from tests.support.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], list[ImportTask]]


@pytest.fixture
def moved(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> tuple[ImageRow, dict[str, str]]:
    """An image whose tag named three digests before: one that is signed, one that a stranger signed, one that isn't."""
    images = {
        name: random_image([500], seed=seed) for seed, name in enumerate(("signed", "strange", "not", "last"))
    }
    sign_by_tag(source, NAME, images["signed"], KEY)
    sign_by_tag(source, NAME, images["strange"], STRANGER)
    for image in images.values():
        source.add_image(NAME, "v1", image)
        task_for(project, source, overwrite=True)
        work()
    return ImageRow.objects.get(tag="v1"), {name: image.digest for name, image in images.items()}


def test_going_back_is_to_what_a_signer_that_a_rule_asks_for_has_signed(
    moved: tuple[ImageRow, dict[str, str]], project: Project, demanded: Callable[[TrustAnchor], None]
) -> None:
    image, digests = moved
    demanded(trusted(project))
    for name in ("strange", "not"):
        with pytest.raises(ApplicationError) as refused:
            restore.restore(image=image, digest=digests[name])
        assert refused.value.code == "refused_by_rule"
    assert restore.restore(image=image, digest=digests["signed"]).digest == digests["signed"]


def test_what_was_found_of_an_images_signatures_comes_back_with_it(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> None:
    trusted(project)
    images = [random_image([500], seed=seed) for seed in (11, 12)]
    sign_by_tag(source, NAME, images[0], KEY)
    for image in images:
        source.add_image(NAME, "v1", image)
        task_for(project, source, overwrite=True)
        work()
    row = ImageRow.objects.get(tag="v1")
    assert row.signature is not None and row.signature["state"] == "unsigned"
    for image, state in ((images[0], "verified"), (images[1], "unsigned")):
        row = restore.restore(image=row, digest=image.digest)
        assert row.signature is not None
        assert (row.signature["state"], row.signature["digest"]) == (state, image.digest)


def test_what_is_not_answered_here_is_no_missing_signature(
    moved: tuple[ImageRow, dict[str, str]],
    target: ScriptedRegistry,
    project: Project,
    demanded: Callable[[TrustAnchor], None],
) -> None:
    image, digests = moved
    demanded(trusted(project))
    target.rule("", r"/manifests/sha256-[0-9a-f]+\.sig", too_many("3000"))
    with pytest.raises(OciError) as fault:
        restore.restore(image=image, digest=digests["signed"])
    assert fault.value.retryable


@pytest.fixture
def made_here(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, project: Project
) -> tuple[ImageRow, TrustAnchor, str]:
    """An image whose tag named one platform of a signed index before: an image of another digest, made here."""
    anchor = trusted(project)
    source.add_image(NAME, "v1", INDEX)
    sign_by_tag(source, NAME, INDEX, KEY)
    task_for(project, source, platforms=["linux/amd64"])
    (task,) = work()
    assert task.status == "success" and task.digest != task.source_digest == INDEX.digest
    source.add_image(NAME, "v1", random_image([500], seed=90))
    task_for(project, source, overwrite=True)
    work()
    return ImageRow.objects.get(tag="v1"), anchor, task.digest


def test_going_back_to_some_platforms_of_a_signed_index_is_by_what_their_import_proved(
    made_here: tuple[ImageRow, TrustAnchor, str], demanded: Callable[[TrustAnchor], None]
) -> None:
    image, anchor, digest = made_here
    demanded(anchor)
    assert restore.restore(image=image, digest=digest).digest == digest


def _other_signer(image: ImageRow, anchor: TrustAnchor) -> TrustAnchor:
    return trusted(image.project, name="second", public_key=STRANGER.pem)


def _renewed_signer(image: ImageRow, anchor: TrustAnchor) -> TrustAnchor:
    """The one that signed is trusted no longer, although the rule may still name it."""
    kept = TrustAnchor(pk=anchor.pk)
    trust.delete(anchor=anchor)
    return kept


def _without_signatures(_image: ImageRow, anchor: TrustAnchor) -> TrustAnchor:
    """They were not copied: as for any other image, they are not here."""
    for task in ImportTask.objects.all():
        if task.signature:
            ImportTask.objects.filter(pk=task.pk).update(signature=task.signature | {"at_target": False})
    return anchor


def _by_docker(_image: ImageRow, anchor: TrustAnchor) -> TrustAnchor:
    ImportTask.objects.update(transport="docker")
    return anchor


def _in_another_project(_image: ImageRow, anchor: TrustAnchor) -> TrustAnchor:
    ImportTask.objects.update(project=ProjectFactory())
    return anchor


@pytest.mark.parametrize(
    "change", [_other_signer, _renewed_signer, _without_signatures, _by_docker, _in_another_project]
)
def test_what_an_import_proved_counts_for_its_own_signer_project_and_image_only(
    made_here: tuple[ImageRow, TrustAnchor, str],
    demanded: Callable[[TrustAnchor], None],
    change: Callable[[ImageRow, TrustAnchor], TrustAnchor],
) -> None:
    image, anchor, digest = made_here
    demanded(change(image, anchor))
    with pytest.raises(ApplicationError) as refused:
        restore.restore(image=image, digest=digest)
    assert refused.value.code == "refused_by_rule"


def test_what_a_rule_does_not_require_is_not_looked_for_on_the_way_back(project: Project) -> None:
    services.create(project=project, user=None, name="all", action=Action.ALLOW)

    def look() -> Any:
        raise AssertionError("it was looked at")

    judge_return(project, source_image=f"quay.io/{NAME}:v1", digests=[], look=look)
