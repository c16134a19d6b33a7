"""The ways in that need more than a body: a sync, a pull, files, the command line, going back, the trash, a copy. Those
of one POST are found in the URL configuration: ``tests/imageimport/submission/test_admission.py``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.exceptions import ApplicationError
from imageimport import restore
from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask, Schedule, ScheduleRun
from imageimport.schedules.work import begin_import
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from imageimport.worker import attempt, leases
from oci.reference.parser import parse_reference
from projects.models import Image, Project, Robot, Role, TrashedTag
from projects.retention import trash
from projects.token_service.tokens import Access, mint
from scripts.lint import PRODUCT
from stack.paths import ROOT
from testbed.images import random_image
from testbed.scripted_registry import ScriptedRegistry
from tests.imageimport.uploading import upload
from tests.support.content.archives import layout
from tests.support.factories import member

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = random_image([500], seed=51), random_image([600], seed=52)


@dataclass
class Place:
    """A project whose tag ``app/web:v1`` named an earlier image before, and where more may come from."""

    user: User
    project: Project
    source: ScriptedRegistry
    target: ScriptedRegistry
    image: Image

    @property
    def name(self) -> str:
        return f"{self.source.server_name}/app/web"


@pytest.fixture
def place(source: ScriptedRegistry, target: ScriptedRegistry, settings: Any, tmp_path: Path) -> Place:
    settings.UPLOADS_DIR = tmp_path / "uploads"
    # In memory: no Redis is started here.
    settings.CACHES = {**settings.CACHES, "default": settings.CACHES["local"] | {"LOCATION": "ways-in"}}
    user, project = member(Role.OWNER)
    for image in (OLD, NEW):
        source.add_image("app/web", "v1", image)
        wanted = ImportRequest(f"{source.server_name}/app/web:v1")
        services.submit(project=project, user=user, request=wanted)
        while (lease := leases.claim(worker="test:1")) is not None:
            attempt.run(lease)
    ImportTask.objects.all().delete()
    return Place(user, project, source, target, Image.objects.get())


def _sync(place: Place) -> None:
    schedule = Schedule.objects.create(
        project=place.project, image_url=place.name, cron="0 3 * * *", created_by=place.user
    )
    run = ScheduleRun.objects.create(schedule=schedule, checked_at=timezone.now())
    begin_import(run, parse_reference(place.name), "v1")


def _first_pull(place: Place) -> None:
    Project.objects.update(first_pull=Project.FirstPull.VIEWER)
    robot = Robot.objects.create(project=place.project, name="pull", access="pull", digest="x")
    full = f"{place.project.name}/{place.source.server_name.replace(':', '__')}/app/web"
    token = mint(subject=robot.login, access=[Access("repository", full, ("pull",))], reads_only=False)
    path = f"/service/first-pull/missing/v2/{full}/manifests/v1"
    Client().get(path, headers={"Authorization": f"Bearer {token.text}"})


def _files(place: Place) -> str:
    return upload(place.project, layout({"app:1": OLD}))


def _files_by_api(place: Place) -> None:
    client = APIClient()
    client.force_authenticate(place.user)
    client.post(f"/api/v1/projects/{place.project.pk}/bundles/import", {"uploads": [_files(place)]})


def _files_by_page(place: Place) -> None:
    client = Client()
    client.force_login(place.user)
    body = {"upload": _files(place), "image": "app:1"}
    client.post(f"/projects/{place.project.name}/import/files/start/", body)


def _files_by_command(place: Place, path: Path) -> None:
    path.write_bytes(layout({"app:1": OLD}))
    with suppress(CommandError, SystemExit):
        call_command("importbundle", str(path), project=place.project.name)


def _copy(place: Place) -> None:
    wanted = ImportRequest(f"{place.target.server_name}/{place.project.name}/app/web:v1", target_name="copy")
    with suppress(ApplicationError):
        services.submit(project=place.project, user=place.user, request=wanted)


IMPORTS: Final[dict[str, Callable[[Place], None]]] = {
    "a scheduled sync": _sync,
    "a first pull": _first_pull,
    "files by the API": _files_by_api,
    "files by the page": _files_by_page,
    "a copy from the own registry": _copy,
}


@pytest.mark.parametrize(
    ("default", "status"), [("allow", Status.PENDING), ("approve", Status.REQUESTED), ("refuse", None)]
)
@pytest.mark.parametrize("way", IMPORTS)
def test_every_way_to_an_import_obeys_the_rules(
    place: Place, way: str, default: str, status: str | None
) -> None:
    Project.objects.update(default_action=default)
    place.project.refresh_from_db()
    place.source.requests.clear()
    IMPORTS[way](place)
    made = list(ImportTask.objects.values_list("status", flat=True))
    assert made == ([status] if status else [])
    assert ApprovalRequest.objects.count() == (status == Status.REQUESTED)
    assert not place.source.seen("GET", "/blobs/")


@pytest.mark.parametrize("default", ["approve", "refuse"])
def test_files_on_the_command_line_obey_them_as_well(place: Place, tmp_path: Path, default: str) -> None:
    Project.objects.update(default_action=default)
    _files_by_command(place, tmp_path / "images.tar")
    made = list(ImportTask.objects.values_list("status", flat=True))
    assert made == ([Status.REQUESTED] if default == "approve" else [])


def _go_back(place: Place) -> None:
    restore.restore(image=place.image, digest=OLD.digest)


def _out_of_the_trash(place: Place) -> None:
    trashed = TrashedTag.objects.get()
    trash.restore(trashed=trashed)


@pytest.mark.parametrize("default", ["allow", "approve", "refuse"])
@pytest.mark.parametrize(("way", "digest"), [(_go_back, OLD.digest), (_out_of_the_trash, NEW.digest)])
def test_every_way_back_obeys_the_rules(
    place: Place, way: Callable[[Place], None], digest: str, default: str
) -> None:
    if way is _out_of_the_trash:
        trash.throw_away(image=place.image, user=place.user)
    Project.objects.update(default_action=default)
    place.project.refresh_from_db()
    tags = place.target.repository(f"{place.project.name}/app/web").manifests
    before = tags.get("v1")
    if default == "allow":
        way(place)
        assert Image.objects.get().digest == digest
        return
    with pytest.raises(ApplicationError) as refused:
        way(place)
    assert refused.value.code == "refused_by_rule"
    assert tags.get("v1") == before


# --- no way beside them ------------------------------------------------------------------------------------

#: Where rows of imports are written, and manifests are put into our registry; and why each may.
WRITERS: Final = {
    ("imageimport/submission/admission.py", "insert"): "after each was judged",
    ("imageimport/submission/requests.py", "prepare"): "makes the row that is judged, and writes nothing",
}
PUTTERS: Final = {
    ("imageimport/restore.py", "_put"): "after the rules for where it came from",
    ("oci/copy/publisher.py", "put_image"): "the worker's children; judged before a blob moved",
    ("oci/copy/publisher.py", "_see_through"): "the worker's tag; judged again right before",
    ("oci/copy/referrers_publisher.py", "_list"): "lists of what is attached, under tags of their own",
    ("projects/registry/delete.py", "_bury"): "what takes a tag away",
    ("projects/registry/putting_back.py", "put_back"): "what a protected tag named before",
    ("projects/retention/trash.py", "_put"): "after the same rules (trash.before_restore)",
}


@cache
def _calls() -> frozenset[tuple[str, str, str]]:
    """File and function of each call in everything that we ship, and how the called is written."""
    paths = [path for package in (*PRODUCT, "client") for path in (ROOT / package).rglob("*.py")]
    return frozenset(
        (str(path.relative_to(ROOT)), function.name, ast.unparse(node.func))
        for path in paths
        if "migrations" not in path.parts
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
    )


def _callers(wanted: Callable[[str], bool]) -> set[tuple[str, str]]:
    return {(path, function) for path, function, called in _calls() if wanted(called)}


def test_rows_of_imports_are_written_where_they_are_judged_and_nowhere_else() -> None:
    making = {
        "ImportTask",
        *(f"ImportTask.objects.{way}" for way in ("create", "bulk_create", "get_or_create")),
    }
    assert _callers(lambda called: called in making) == set(WRITERS)


def test_tags_are_put_by_what_is_judged_and_by_nothing_else() -> None:
    assert _callers(lambda called: called.endswith(".put_manifest")) == set(PUTTERS)
