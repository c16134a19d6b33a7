"""Every way in × what the rules say, made from the URL configuration: a new way can't be forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from imageimport.api import plan as plan_api
from imageimport.choices import Status
from imageimport.models import ApprovalRequest, ImportTask
from oci.errors import OciError
from projects.models import Project
from tests.imageimport.api import test_roles as import_roles
from tests.security.test_every_address import OF_PROJECTS, nobody_is_asked, values_of
from tests.support.addresses import Address
from tests.support.people import DIGEST, Team, bearer
from tests.support.shared_rows import undone

__all__ = ["nobody_is_asked"]

pytestmark = pytest.mark.django_db

_API = "api/v1/projects/<uuid:project_id>/images/import"
_PAGE = "projects/<str:name>"
#: Addresses whose POST makes imports. Whoever adds one enters it here, and it is held to the rules below.
WAYS = {
    _API,
    f"{_API}/<uuid:task_id>/retry",
    f"{_API}/batches",
    f"{_API}/batches/<uuid:batch_id>/retry",
    f"{_PAGE}/import/",
    f"{_PAGE}/imports/<uuid:task_id>/retry/",
    f"{_PAGE}/batches/<uuid:batch_id>/retry/",
    "api/v1/projects/<uuid:project_id>/rewrite",
    "api/v1/projects/<uuid:project_id>/clusters/<uuid:cluster_id>/import",
    f"{_PAGE}/workloads/rewrite/",
    f"{_PAGE}/workloads/clusters/<uuid:cluster_id>/import/",
}
#: Ways that make imports later, in a worker: ``tests/imageimport/requests/test_services.py`` holds a schedule's run.
#: Going back to a digest makes none: ``tests/imageimport/policy/returns/test_rules.py``.
_FORM = {
    "mode": "one",
    "image_url": "redis:7",
    "images": "redis:7",
    "reason": "no",
    "digest": DIGEST,
    "text": "image: redis:7",
    "import_missing": "on",
}


@pytest.fixture(autouse=True)
def nothing_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """What registries would say is another test's question."""

    def away(**_: Any) -> Any:
        raise OciError("unreachable", "%(host)s", host="x")

    monkeypatch.setattr(plan_api, "make_plan", away)


def body_for(address: Address) -> Any:
    """What the tables of roles send there."""
    tail = address.route.partition("<uuid:project_id>")[2].replace("<uuid:", "{").replace("_id>", "}")
    if tail == "/rewrite":
        return {"text": "image: redis:7", "import_missing": True}
    for case in import_roles.CASES:
        if case.method == "POST" and case.route.replace("{failed}", "{task}") == tail:
            return case.body or {}
    return {}


def made_by(address: Address, values: dict[str, object], team: Team) -> list[str]:
    """The statuses of the imports that one POST made."""
    before = set(ImportTask.objects.values_list("pk", flat=True))
    client = Client()
    with undone():
        if address.is_api:
            headers = bearer(team.users["owner"])
            client.post(address.path(values), body_for(address), "application/json", headers=headers)
        else:
            client.force_login(team.users["owner"])
            client.post(address.path(values), _FORM)
        new = ImportTask.objects.exclude(pk__in=before)
        asked = set(ApprovalRequest.objects.values_list("pk", flat=True))
        for task in new:
            assert (task.status == Status.REQUESTED) == (task.pk in asked), address
        return sorted(new.values_list("status", flat=True))


@pytest.mark.parametrize(
    ("default", "status"), [("allow", "pending"), ("approve", "requested"), ("refuse", None)]
)
def test_every_way_in_obeys_the_rules(default: str, status: str | None) -> None:
    team = Team.make()
    values = values_of(team)
    values["task_id"] = values["failed_id"]
    Project.objects.filter(pk=team.project.pk).update(default_action=default)
    found = {address.route: made_by(address, values, team) for address in OF_PROJECTS}
    makers = {route for route, made in found.items() if made}
    assert makers == (WAYS if status else set())
    assert all(set(made) == {status} for made in found.values() if made)


@pytest.mark.parametrize(("default", "code"), [("approve", 3), ("refuse", 1)])
def test_the_command_line_obeys_them_as_well(default: str, code: int, capsys: Any) -> None:
    Project.objects.create(name="team", default_action=default)
    if code == 1:
        with pytest.raises(CommandError) as refused:
            call_command("importimage", "nginx:1", project="team")
        assert "no rule allows this one" in str(refused.value)
        assert not ImportTask.objects.exists()
        return
    with pytest.raises(SystemExit) as left:
        call_command("importimage", "nginx:1", project="team")
    task = ImportTask.objects.get()
    assert (left.value.code, task.status) == (3, Status.REQUESTED)
    assert f"/projects/team/imports/{task.pk}/" in capsys.readouterr().err
