"""Compressed uploads stay open in a worker as long as there are imports from them, and no longer."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from rest_framework.test import APIClient

from imageimport import tasks
from imageimport.bundles import uploads
from imageimport.models import BundleUpload, ImportTask, PolicyRule
from imageimport.registries import archives
from imageimport.requests import looking
from imageimport.submission import services as imports
from projects.models import Project
from tests.imageimport.uploading import INDEX, ONE, project, start, upload
from tests.support.content.archives import layout

__all__ = ["project"]
pytestmark = pytest.mark.django_db(transaction=True)
FILE = gzip.compress(layout({"web:1": ONE, "all:2": INDEX}))


def is_open(upload_id: str) -> bool:
    """Whether this process has the file open, also where it was deleted."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(each.readlink()))
        except FileNotFoundError:  # That of the folder itself.
            continue
    return any(str(archives.path_of(upload_id)) in name for name in found)


def keep_one(project: Project) -> ImportTask:
    """As a worker that did one import of a batch and was told of another one."""
    task = ImportTask.objects.select_related("project").filter(project=project)[0]
    archives.give_back(task, archives.take(task, tick=lambda: None))
    return task


def test_a_worker_that_finds_no_work_closes_what_it_kept(api: APIClient, project: Project) -> None:
    made = upload(project, FILE)
    assert start(api, project, made).status_code == 202
    keep_one(project)
    assert is_open(made)
    for task in ImportTask.objects.all():
        imports.cancel(task=task)
    uploads.delete(upload=BundleUpload.objects.get(pk=made))
    assert is_open(made), "deleted, and its room on the disk is not free"
    assert tasks.run_imports() == 0
    assert not is_open(made)


def test_what_is_kept_stays_for_the_next_import_from_it_and_for_no_other(
    api: APIClient, project: Project
) -> None:
    made, other = upload(project, FILE), upload(project, FILE)
    start(api, project, made)
    start(api, project, other, target_prefix="other")
    task = keep_one(project)
    archives.let_go(unless=task)
    assert is_open(str(task.uploads[0]))
    archives.let_go(unless=next(each for each in ImportTask.objects.all() if each.uploads != task.uploads))
    assert not is_open(str(task.uploads[0]))


def test_a_look_at_a_request_leaves_no_file_open(api: APIClient, project: Project) -> None:
    PolicyRule.objects.create(project=project, name="R", action="approve", sources=["bundle/web"])
    made = upload(project, FILE)
    assert start(api, project, made).json()["counts"]["requested"] == 1
    assert looking.look_due() == 1
    assert not is_open(made)
