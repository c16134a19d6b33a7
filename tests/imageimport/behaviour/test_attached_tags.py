"""Signatures that stand in the project when an image comes with others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from imageimport.models import ImportTask
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import artifact, cosign_tag
from tests.support.factories import ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

IMAGE = random_image([4_096], seed=131)
SIG = cosign_tag(IMAGE, ".sig")
COMPANY, UPSTREAM = artifact(b"the company's"), artifact(b"upstream's")


@pytest.mark.parametrize("overwrite", [True, False])
def test_the_companys_signature_survives_and_is_noted_where_upstreams_is_not_taken(
    source: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
    overwrite: bool,
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.add_image("library/app", SIG, UPSTREAM)
    project = ProjectFactory()
    target.add_image(f"{project.name}/app", SIG, COMPANY)
    TaskFactory(
        project=project,
        image_url=f"{source.server_name}/library/app:v1",
        source_registry=source.server_name,
        source_image=f"{source.server_name}/library/app:v1",
        target_name="app",
        target_tag="v1",
        overwrite=overwrite,
    )
    (task,) = work()
    assert task.status == "success"
    signed = target.repository(f"{project.name}/app").manifests[SIG][1].decode()
    assert COMPANY.blobs[1].digest in signed
    assert (UPSTREAM.blobs[1].digest in signed) is overwrite
    assert (SIG in task.message) is not overwrite
    assert task.message_parts["template"].startswith("Done" if overwrite else "The tag %(tag)s points")
