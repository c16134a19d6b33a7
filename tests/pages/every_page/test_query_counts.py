"""How many queries a page takes: kept as data, compared here, the same with one row as with many.

After a deliberate change: ``UPDATE_QUERY_COUNTS=1 pytest tests/pages/every_page/test_query_counts.py``.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import (
    ApprovalRequest,
    Bundle,
    BundleUpload,
    ImportLayer,
    ImportTask,
    PolicyRule,
    Schedule,
    ScheduleRun,
    SourceMirror,
    SourceRule,
    SourceWay,
    TrustAnchor,
)
from oci.contents.vulnerabilities import Vulnerability
from projects.models import ImageScan, ProtectedTag, RetentionRule, Scanner, TrashedTag
from projects.scanning.selectors import packed
from tests.pages.conftest import htmx
from tests.support.factories import BatchFactory, CredentialFactory, ImageFactory, TaskFactory, ended_task
from tests.support.people import Team
from workloads.models import Cluster, ClusterImage

COUNTS = Path(__file__).with_name("query_counts.json")
As = Callable[..., Client]


def fill(team: Team, times: int) -> dict[str, str]:
    """Rows of every kind, ``times`` of each; ids for addresses."""
    project = team.project
    batch = BatchFactory(project=project)
    schedule = Schedule.objects.create(project=project, image_url="redis", cron="0 3 * * *")
    task = TaskFactory(project=project, status=Status.RUNNING, stage="pull", batch=batch, batch_index=0)
    cluster = Cluster.objects.create(
        project=project, name=f"c {Cluster.objects.count()}", seen_at=timezone.now()
    )
    for number in range(times):
        image = ImageFactory(project=project)
        scanner = Scanner.objects.create(name=f"s{times}.{number}", url="https://scanner.example")
        ImageScan.objects.create(
            project=project, repository=image.repository, digest=image.digest, scanner=scanner,
            state="done", critical=times, scanned_at=timezone.now(), next_at=None,
            found=packed([Vulnerability(f"CVE-{each}", "zlib", "1", "", "critical", "") for each in range(times)]),
        )  # fmt: skip
        CredentialFactory(project=project)
        TrustAnchor.objects.create(project=project, name=f"signer {times}.{number}", kind="keyless")
        ended_task(
            Status.FAILED,
            project=project,
            batch=batch,
            batch_index=number + 1,
            requested_by=team.users["owner"],
        )
        ended_task(Status.SUCCESS, project=project, target_name=image.repository, target_tag=image.tag)
        BatchFactory(project=project)
        RetentionRule.objects.create(project=project, keep_newest=1)
        ProtectedTag.objects.create(project=project, pattern=f"none{times}:{number}")
        TrashedTag.objects.create(
            project=project, repository="gone", tag=str(number), digest="sha256:0", set_at=timezone.now(),
            expires_at=timezone.now(), removed_by=team.users["owner"],
        )  # fmt: skip
        BundleUpload.objects.create(
            project=project,
            requested_by=team.users["owner"],
            file_name="a.tar",
            length=1,
            expires_at=timezone.now(),
        )
        Schedule.objects.create(project=project, image_url=f"redis{number}", cron="0 3 * * *")
        ScheduleRun.objects.create(schedule=schedule, ended_at=timezone.now())
        bundle = Bundle.objects.create(project=project, name=f"b{number}", created_by=team.users["owner"])
        ImportLayer.objects.create(task=task, position=number, digest=f"sha256:{number:064}")
        asked = TaskFactory(project=project, status=Status.REQUESTED, requested_by=team.users["viewer"])
        ApprovalRequest.objects.create(task=asked, expires_at=timezone.now() + dt.timedelta(days=1))
        PolicyRule.objects.create(project=project, name=f"R{number}", action="allow")
        ClusterImage.objects.create(cluster=cluster, image=f"{image.repository}:1", pods=1)
        Cluster.objects.create(project=project, name=f"c {Cluster.objects.count()}")
        rule = SourceRule.objects.create(pattern=f"r{SourceRule.objects.count()}.example", proxy="direct")
        SourceMirror.objects.create(rule=rule, url="https://m.example")
        SourceWay.objects.create(registry=rule.pattern)
    return {
        "cluster": str(cluster.pk),
        "task": str(task.pk),
        "batch": str(batch.pk),
        "schedule": str(schedule.pk),
        "image": str(image.pk),
        "bundle": str(bundle.pk),
    }


PAGES = {
    "overview": "/",
    "poll of the overview": "/running/",
    "projects": "/projects/",
    "search": "/search/?search=app",
    "status": "/status/",
    "sources": "/sources/",
    "scanners": "/scanners/",
    "project": "/projects/team/",
    "images fragment": "/projects/team/images/",
    "poll of the project page": "/projects/team/imports/live/",
    "import": "/projects/team/imports/{task}/",
    "poll of an import": "/projects/team/imports/{task}/live/",
    "history": "/projects/team/imports/",
    "image": "/projects/team/images/{image}/",
    "vulnerabilities": "/projects/team/images/{image}/vulnerabilities/",
    "compare": "/projects/team/images/{image}/compare/",
    "batches": "/projects/team/batches/",
    "batch": "/projects/team/batches/{batch}/",
    "schedules": "/projects/team/schedules/",
    "schedule": "/projects/team/schedules/{schedule}/",
    "repositories": "/projects/team/repositories/",
    "workloads": "/projects/team/workloads/",
    "cluster": "/projects/team/workloads/clusters/{cluster}/",
    "rewrite": "/projects/team/workloads/rewrite/",
    "clients": "/projects/team/workloads/clients/",
    "bundles": "/projects/team/bundles/",
    "bundle": "/projects/team/bundles/{bundle}/",
    "bundle form": "/projects/team/bundles/new/?batch={batch}",
    "settings": "/projects/team/settings/",
    "requests": "/projects/team/requests/",
    "rules": "/projects/team/rules/",
    "journal": "/projects/team/settings/journal/",
    "clean-up": "/projects/team/settings/clean-up/",
    "trash": "/projects/team/trash/",
    "usage": "/projects/team/usage/",
    "import form": "/projects/team/import/",
    "files to import": "/projects/team/import/files/",
    "reading": "/projects/team/import/reading/?image_url=nginx",
}


def count(client: Client, name: str, ids: dict[str, str]) -> int:
    url = PAGES[name].format(**ids)
    # So that no first request of a session is measured; Django asks SQLite once whether it has JSON.
    client.get("/preferences/theme/")
    assert connection.features.supports_json_field
    with CaptureQueriesContext(connection) as queries:
        answer = htmx(client, "get", url) if "poll" in name or "fragment" in name else client.get(url)
    assert answer.status_code == 200
    return len(queries)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_takes_no_more_queries_than_are_written_down(as_: As, team: Team, name: str) -> None:
    client = as_("superuser" if name in ("sources", "scanners", "status") else "owner")
    client.cookies["django_language"] = "en"
    few = count(client, name, fill(team, 2))
    many = count(client, name, fill(team, 12))
    assert many <= few, "the number of queries grows with the rows"
    written = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        COUNTS.write_text(json.dumps({**written, name: few}, indent=2, sort_keys=True) + "\n")
        return
    assert few <= written[name]


def test_the_numbers_are_of_pages_that_there_are() -> None:
    assert set(json.loads(COUNTS.read_text())) == set(PAGES)


def test_a_poll_reads_tasks_by_one_query(as_: As, team: Team) -> None:
    fill(team, 5)
    client = as_("viewer")
    with CaptureQueriesContext(connection) as queries:
        htmx(client, "get", "/projects/team/imports/live/")
    asked = [query["sql"] for query in queries if ImportTask._meta.db_table in query["sql"]]
    assert len(asked) == 1
    whether = "(username <> '' OR password <> '') AS holds_secret"
    assert "password" not in asked[0].replace(whether, "")
