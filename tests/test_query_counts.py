"""How many queries an API call, a poll or an admin list takes: kept as data, compared here, the same with one row as
with many. The pages have their own in ``tests/pages``.

After a deliberate change: ``UPDATE_QUERY_COUNTS=1 pytest tests/test_query_counts.py`` writes the file anew.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.caller import acting_as
from accounts.sign_in.tokens import create_token
from imageimport.choices import Status
from imageimport.models import (
    Bundle,
    ImportAttempt,
    ImportLayer,
    ImportTask,
    Schedule,
    ScheduleRun,
    SourceMirror,
    SourceRule,
    SourceWay,
    TagDigest,
    TrustAnchor,
    Webhook,
    WebhookDelivery,
)
from oci.contents.vulnerabilities import Vulnerability
from projects import audit
from projects.models import ImageScan, ProtectedTag, RetentionRule, Scanner, TrashedTag
from projects.scanning.selectors import packed
from projects.services import create_robot
from tests.support.factories import BatchFactory, CredentialFactory, ImageFactory, TaskFactory, ended_task
from tests.support.fresh import fresh_memory
from tests.support.people import Team, bearer
from workloads.models import Cluster, ClusterImage

__all__ = ["fresh_memory"]
pytestmark = pytest.mark.django_db

COUNTS = Path(__file__).with_name("query_counts.json")
PROJECT = "/api/v1/projects/{project}"
IMPORTS = f"{PROJECT}/images/import"
CALLS = {
    "own tokens": "/api/v1/auth/tokens",
    "projects": "/api/v1/projects",
    "project": PROJECT,
    "members": f"{PROJECT}/members",
    "groups": f"{PROJECT}/groups",
    "robots": f"{PROJECT}/robots",
    "journal": f"{PROJECT}/audit",
    "usage": f"{PROJECT}/usage",
    "repositories": f"{PROJECT}/repositories",
    "images": f"{PROJECT}/images",
    "images, search": f"{PROJECT}/images?search=app",
    "image": f"{PROJECT}/images/{{image}}",
    "digests of an image": f"{PROJECT}/images/{{image}}/digests",
    "imports": IMPORTS,
    "imports, filtered": f"{IMPORTS}?status=failed&ordering=-completed_at",
    "imports, search": f"{IMPORTS}?search=nginx",
    "imports of a batch": f"{IMPORTS}?batch={{batch}}",
    "import (what scripts poll)": f"{IMPORTS}/{{task}}",
    "batches": f"{IMPORTS}/batches",
    "batch": f"{IMPORTS}/batches/{{batch}}",
    "results of a batch": f"{IMPORTS}/batches/{{batch}}/results",
    "schedules": f"{PROJECT}/schedules",
    "schedule": f"{PROJECT}/schedules/{{schedule}}",
    "runs": f"{PROJECT}/schedules/{{schedule}}/runs",
    "clusters": f"{PROJECT}/clusters",
    "cluster": f"{PROJECT}/clusters/{{cluster}}",
    "images of a cluster": f"{PROJECT}/clusters/{{cluster}}/images",
    "clean-up rules": f"{PROJECT}/retention",
    "protected tags": f"{PROJECT}/protected-tags",
    "trash": f"{PROJECT}/trash",
    "bundles": f"{PROJECT}/bundles",
    "bundle": f"{PROJECT}/bundles/{{bundle}}",
    "credentials": f"{PROJECT}/credentials",
    "webhooks": f"{PROJECT}/webhooks",
    "trust": f"{PROJECT}/trust",
    "deliveries": f"{PROJECT}/webhooks/{{webhook}}/deliveries",
    "vulnerabilities of an image": f"{PROJECT}/images/{{image}}/vulnerabilities",
    "sources": "/api/v1/sources",
    "scanners": "/api/v1/scanners",
    "metrics": "/metrics",
    "admin, imports": "/admin/imageimport/importtask/",
    "admin, import": "/admin/imageimport/importtask/{task}/change/",
    "admin, images": "/admin/projects/image/",
    "admin, projects": "/admin/projects/project/",
    "admin, journal": "/admin/projects/auditevent/",
    "admin, sources": "/admin/imageimport/sourcerule/",
    "admin, ways to sources": "/admin/imageimport/sourceway/",
}


class Rows:
    """A project with rows of every kind; each :meth:`more` adds to them."""

    def __init__(self) -> None:
        self.team = Team.make()
        self.owner = self.team.users["owner"]
        project = self.project = self.team.project
        self.batch = BatchFactory(project=project)
        self.schedule = Schedule.objects.create(project=project, image_url="redis", cron="0 3 * * *")
        self.bundle = Bundle.objects.create(project=project, name="b", created_by=self.owner, volumes=[1, 2])
        self.webhook = Webhook.objects.create(project=project, url="https://hooks.test/x")
        self.task = TaskFactory(
            project=project, status=Status.RUNNING, stage="pull", batch=self.batch, batch_index=0,
            lease_expires_at=timezone.now() + dt.timedelta(hours=1),
        )  # fmt: skip
        self.image = ImageFactory(project=project)
        self.cluster = Cluster.objects.create(project=project, name="c")
        self.number = 0

    def more(self, times: int) -> None:
        for _ in range(times):
            number = self.number = self.number + 1
            other = Team.make(f"other{number}", visibility="public").project
            ImageFactory(project=other)
            Cluster.objects.create(project=self.project, name=f"c{number}")
            ClusterImage.objects.create(cluster=self.cluster, image=f"app{number}:1", pods=1)
            for image in (ImageFactory(project=self.project), self.image):
                found = [Vulnerability(f"CVE-{each}", "zlib", "1", "", "low", "") for each in range(number)]
                ImageScan.objects.update_or_create(
                    project=self.project, repository=image.repository, digest=image.digest,
                    defaults={"state": "done", "low": number, "scanned_at": timezone.now(), "found": packed(found)},
                )  # fmt: skip
            Scanner.objects.create(name=f"s{number}", url="https://scanner.example")
            CredentialFactory(project=self.project)
            create_token(user=self.owner, name=f"token {number}")
            create_robot(project=self.project, by=self.owner, name=f"robot{number}")
            with acting_as(self.owner):
                audit.record_event(action=f"test.{number % 2}", project=self.project)
            ended_task(
                Status.FAILED, project=self.project, batch=self.batch, batch_index=number, requested_by=self.owner,
                error_code="not_found", username="someone", password="hunter22",
            )  # fmt: skip
            BatchFactory(project=self.project, requested_by=self.owner)
            Schedule.objects.create(
                project=self.project, image_url=f"redis{number}", cron="0 3 * * *", created_by=self.owner
            )
            ScheduleRun.objects.create(schedule=self.schedule, ended_at=timezone.now())
            TrustAnchor.objects.create(project=self.project, name=f"signer {number}", kind="keyless")
            rule = SourceRule.objects.create(pattern=f"r{number}.example", proxy="direct")
            SourceMirror.objects.create(rule=rule, url="https://m.example")
            SourceWay.objects.create(registry=rule.pattern, via=f"m{number}.example")
            Bundle.objects.create(project=self.project, name=f"b{number}", created_by=self.owner)
            hook = Webhook.objects.create(project=self.project, url=f"https://hooks.test/{number}")
            for each in (hook, self.webhook):
                WebhookDelivery.objects.create(webhook=each, event="import.failed", payload={})
            ImportLayer.objects.create(task=self.task, position=number, digest=f"sha256:{number:064}")
            ImportAttempt.objects.create(task=self.task, fence=number, attempt=number, outcome="lost")
            RetentionRule.objects.create(project=self.project, keep_newest=number)
            ProtectedTag.objects.create(project=self.project, pattern=f"none:{number}")
            TrashedTag.objects.create(
                project=self.project, repository="gone", tag=str(number), digest="sha256:0",
                set_at=timezone.now(), expires_at=timezone.now(), removed_by=self.owner,
            )  # fmt: skip
            TagDigest.objects.create(
                project=self.project,
                repository=self.image.repository,
                tag=self.image.tag,
                digest=f"sha256:{number}",
            )

    def url(self, name: str) -> str:
        ids = {
            name: getattr(self, name).pk
            for name in (
                *("project", "batch", "schedule", "webhook"),
                *("task", "image", "bundle", "cluster"),
            )
        }
        return CALLS[name].format(**ids)


def count(rows: Rows, name: str) -> int:
    """Queries of one call, by the owner with a token; the installation's and the admin's, by the superuser."""
    client = Client(
        headers=bearer(rows.team.users["superuser"] if name in ("sources", "scanners") else rows.owner)
    )
    if name.startswith("admin"):
        client = Client()
        client.force_login(rows.team.users["superuser"], "django.contrib.auth.backends.ModelBackend")
    # So that nothing that is done once is measured; Django asks SQLite once whether it has JSON.
    client.get("/api/v1/auth/tokens")
    assert connection.features.supports_json_field
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(rows.url(name), headers={"Host": "localhost"})
    assert answer.status_code == 200, answer.content
    return len(queries)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_takes_no_more_queries_than_are_written_down(name: str) -> None:
    rows = Rows()
    rows.more(2)
    few = count(rows, name)
    rows.more(6)
    many = count(rows, name)
    assert many <= few, "the number of queries grows with the rows"
    written = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        COUNTS.write_text(json.dumps({**written, name: few}, indent=2, sort_keys=True) + "\n")
        return
    if connection.vendor == "sqlite":  # each database has its own way to search
        assert few <= written[name]


def test_the_numbers_are_of_calls_that_there_are() -> None:
    assert set(json.loads(COUNTS.read_text())) == set(CALLS)


def test_a_list_reads_no_secret() -> None:
    rows = Rows()
    rows.more(3)
    with CaptureQueriesContext(connection) as queries:
        Client(headers=bearer(rows.owner)).get(rows.url("imports"))
    (listed,) = [query["sql"] for query in queries if f'FROM "{ImportTask._meta.db_table}"' in query["sql"]]
    assert f'"{ImportTask._meta.db_table}"."password",' not in listed
