"""What is asked of the portal: every list, filter, search, detail, page and poll that grows with the rows."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.urls import reverse

from bench.scale.rows import RARE, RARE_PAIR, WORDS
from imageimport.choices import Status
from imageimport.models import ImportBatch, ImportTask, Schedule
from projects.models import AuditEvent, Image, Project

#: Kind of text to the text. The common one stands in one row of ten, the two letters of ``pair`` in even more.
#: What stands ``elsewhere`` is in tens of thousands of rows, none of them of the projects that are asked.
TEXTS: Final = {
    "rare": RARE[0],
    "common": WORDS[0],
    "absent": "nowhere-to-be-found",
    "elsewhere": "team5/",
    "pair": "gi",
    "rare pair": RARE_PAIR,
    "absent pair": "qj",
}
LONG_AGO: Final = "2001-01-01T00:00:00Z"


def cases() -> dict[str, str]:
    """Name to address, for the rows of this database. Names that begin with ``admin`` are for the superuser."""
    big, calm = (Project.objects.get(name=name) for name in ("big", "calm"))
    found = {"projects, API": "/api/v1/projects", "projects, page": reverse("projects")}
    found |= {"overview": reverse("home"), "poll of the overview": reverse("running")}
    for kind, text in TEXTS.items():
        found[f"search over everything, {kind}"] = f"{reverse('search')}?{urlencode({'search': text})}"
    found["usage, page, big"] = reverse("usage", args=["big"])
    found["images by size, page, big"] = f"{reverse('project', args=['big'])}?order=-size"
    for project in (big, calm):
        found |= _of_project(project)
    found |= _lists(big) | _searches(big, calm) | _single(big) | _admin()
    # In all projects together one import of seven has these; in this one none has.
    found["imports, two statuses, API, calm"] = (
        f"/api/v1/projects/{calm.pk}/images/import?status=failed&status=canceled"
    )
    # Ten rows a page: more than that some filters don't find among few, and what is compared is not their number.
    return {
        name: f"{url}{'&' if '?' in url else '?'}page_size=10" if "API" in name else url
        for name, url in found.items()
    }


def _of_project(project: Project) -> dict[str, str]:
    name = project.name
    return {
        f"project page, {name}": reverse("project", args=[name]),
        f"poll of the project page, {name}": reverse("imports-live", args=[name]),
        f"history page, {name}": reverse("imports", args=[name]),
        f"imports, API, {name}": f"/api/v1/projects/{project.pk}/images/import",
        f"images, API, {name}": f"/api/v1/projects/{project.pk}/images",
        f"settings page, {name}": reverse("settings", args=[name]),
        f"usage, API, {name}": f"/api/v1/projects/{project.pk}/usage",
    }


def _lists(project: Project) -> dict[str, str]:
    imports = f"/api/v1/projects/{project.pk}/images/import"
    history = reverse("imports", args=[project.name])
    batch = ImportBatch.objects.filter(tasks__project=project).earliest("created_at")
    schedule = Schedule.objects.filter(tasks__project=project).earliest("tasks__created_at")
    someone = AuditEvent.objects.filter(project=project).earliest("at").actor_name
    by_one = urlencode({"actor": someone, "action": "image.deleted"})
    found = {}
    for status in Status:
        found[f"imports, status={status.value}, API"] = f"{imports}?status={status.value}"
        found[f"history page, status={status.value}"] = f"{history}?status={status.value}"
    several = "status=failed&status=canceled"
    found |= {
        "imports, two statuses, API": f"{imports}?{several}",
        "imports, two statuses that are rare, API": f"{imports}?status=canceling&status=running",
        "history page, two statuses that are rare": f"{history}?status=canceling&status=running",
        "history page, two statuses": f"{history}?{several}",
        "imports, of one person, API": f"{imports}?requested_by=user1",
        "imports, of nobody, API": f"{imports}?requested_by=admin",
        "imports, of a robot account that has none, API": f"{imports}?requested_by=robot$big%2Bnone",
        "imports, an error code, API": f"{imports}?error_code=not_found",
        "imports, an error code that is rare, API": f"{imports}?error_code=tls_error",
        "imports, long ago, API": f"{imports}?created_after=2001-01-01&created_before=2001-02-01",
        "imports, of a batch, API": f"{imports}?batch={batch.pk}",
        "imports, of a schedule, API": f"{imports}?schedule={schedule.pk}",
        "batches, API": f"{imports}/batches",
        "batches page": reverse("batches", args=[project.name]),
        "schedules page": reverse("schedules", args=[project.name]),
        "journal page": reverse("audit", args=[project.name]),
        "journal page, one action": f"{reverse('audit', args=[project.name])}?action=image.deleted",
        "journal, one person, API": f"/api/v1/projects/{project.pk}/audit?actor=nobody",
        "journal, one action, API": f"/api/v1/projects/{project.pk}/audit?action=image.deleted",
        "journal, one person's action, API": f"/api/v1/projects/{project.pk}/audit?{by_one}",
        "journal, before, API": f"/api/v1/projects/{project.pk}/audit?before={LONG_AGO}",
        "journal, one person before, API": f"/api/v1/projects/{project.pk}/audit?actor={someone}&before={LONG_AGO}",
        "images, a repository, API": f"/api/v1/projects/{project.pk}/images?repository=no/such",
        "images, a tag, API": f"/api/v1/projects/{project.pk}/images?tag=none",
        "images, a digest, API": f"/api/v1/projects/{project.pk}/images?digest=sha256:none",
    }
    for order in ("created_at", "completed_at", "-completed_at"):
        found[f"imports, ordering={order}, API"] = f"{imports}?ordering={order}"
        for what, narrowed in {
            # A page of them, and none, among few and many alike.
            "status=success": "status=success",
            "status=canceling": "status=canceling",
            "two statuses": "status=success&status=failed",
            "two statuses that are rare": "status=canceling&status=running",
            "of a schedule": f"schedule={schedule.pk}",
            "of a batch": f"batch={batch.pk}",
        }.items():
            found[f"imports, {what}, ordering={order}, API"] = f"{imports}?{narrowed}&ordering={order}"
    for what, narrowed in {"schedule": f"schedule={schedule.pk}", "batch": f"batch={batch.pk}"}.items():
        for status in (Status.SUCCESS, Status.CANCELING):
            found[f"imports, of a {what}, status={status.value}, API"] = (
                f"{imports}?{narrowed}&status={status.value}"
            )
        for kind in ("common", "rare", "absent", "pair"):
            found[f"imports, of a {what}, search {kind}, API"] = (
                f"{imports}?{narrowed}&{urlencode({'search': TEXTS[kind]})}"
            )
    return found


def _searches(big: Project, calm: Project) -> dict[str, str]:
    found = {}
    for kind, text in TEXTS.items():
        query = urlencode({"search": text})
        for project in (big, calm):
            imports = f"/api/v1/projects/{project.pk}/images/import"
            found[f"imports, search {kind}, API, {project.name}"] = f"{imports}?{query}"
            images = f"/api/v1/projects/{project.pk}/images"
            found[f"images, search {kind}, API, {project.name}"] = f"{images}?{query}"
        found[f"history page, search {kind}"] = f"{reverse('imports', args=[big.name])}?{query}"
        found[f"failed imports, search {kind}, API"] = (
            f"/api/v1/projects/{big.pk}/images/import?status=failed&{query}"
        )
        found[f"admin, imports, search {kind}"] = f"/admin/imageimport/importtask/?{urlencode({'q': text})}"
        found[f"admin, images, search {kind}"] = f"/admin/projects/image/?{urlencode({'q': text})}"
    return found


def _single(project: Project) -> dict[str, str]:
    imports: Any = ImportTask.objects.filter(project=project)
    old = imports.filter(status=Status.SUCCESS).order_by("created_at")[imports.count() // 4]
    running = imports.filter(status=Status.RUNNING).first() or imports.first()
    batch = ImportBatch.objects.filter(tasks__project=project).earliest("created_at")
    image = Image.objects.filter(project=project).order_by("created_at").first()
    assert image
    api = f"/api/v1/projects/{project.pk}/images/import"
    page = [project.name, old.pk]
    return {
        "import, API": f"{api}/{old.pk}",
        "import, page": reverse("import-detail", args=page),
        "poll of a running import, page": reverse("import-live", args=[project.name, running.pk]),
        "poll of a running import, API": f"{api}/{running.pk}",
        "batch, API": f"{api}/batches/{batch.pk}",
        "batch, page": reverse("batch", args=[project.name, batch.pk]),
        "image, API": f"/api/v1/projects/{project.pk}/images/{image.pk}",
        "image, page": reverse("image", args=[project.name, image.pk]),
        "a cursor far back, API": f"{api}?{_cursor(old)}",
    }


def _cursor(task: ImportTask) -> str:
    import base64
    import json

    raw = json.dumps([False, task.created_at.isoformat(), str(task.pk)]).encode()
    return urlencode({"cursor": base64.urlsafe_b64encode(raw).decode()})


def _admin() -> dict[str, str]:
    imports, images, events = (f"/admin/{model}/" for model in (
        "imageimport/importtask", "projects/image", "projects/auditevent"))  # fmt: skip
    task = ImportTask.objects.order_by("created_at").first()
    project = Project.objects.get(name="calm")
    assert task
    return {
        "admin, imports": imports,
        "admin, imports, failed": f"{imports}?status__exact=failed",
        "admin, imports, running": f"{imports}?status__exact=running",
        "admin, imports, an error code": f"{imports}?error_code=not_found",
        "admin, imports, an error code that is rare": f"{imports}?error_code=tls_error",
        "admin, imports, docker": f"{imports}?transport__exact=docker",
        "admin, imports, long ago": f"{imports}?created_at__gte=2001-01-01&created_at__lt=2001-02-01",
        "admin, import": f"{imports}{task.pk}/change/",
        "admin, images": images,
        "admin, images, a project": f"{images}?project__id__exact={project.pk}",
        "admin, journal": events,
        "admin, journal, search": f"{events}?q=nobody",
        "metrics": "/metrics",
    }
