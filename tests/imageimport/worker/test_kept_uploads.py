"""Uploads that an attempt leaves half-way are taken up once, by an attempt that has the lease."""

from __future__ import annotations

import pytest

from imageimport.models import ImportLayer
from imageimport.worker import kept_uploads
from oci.registry.uploads import KeptUpload
from tests.support.factories import TaskFactory

pytestmark = pytest.mark.django_db

DIGEST = "sha256:" + "1" * 64
KEPT = KeptUpload(
    "http://registry.example/v2/team/app/blobs/uploads/1?_state=x", is_distribution=True, least=5
)


def test_what_was_kept_is_taken_once() -> None:
    task = TaskFactory(fence=2)
    ImportLayer.objects.create(task=task, digest=DIGEST, size=100, position=0)
    kept_uploads.save(task.pk, {DIGEST: KEPT, "sha256:" + "2" * 64: KEPT})
    assert kept_uploads.take(task) == {DIGEST: KEPT}
    assert kept_uploads.take(task) == {}


def test_each_import_takes_its_own() -> None:
    one, other = TaskFactory(fence=1), TaskFactory(fence=1)
    for task in (one, other):
        ImportLayer.objects.create(task=task, digest=DIGEST, size=100, position=0)
    kept_uploads.save(one.pk, {DIGEST: KEPT})
    assert kept_uploads.take(other) == {}
    assert kept_uploads.take(one) == {DIGEST: KEPT}
