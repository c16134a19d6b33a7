"""The project page: what runs now on top, images below."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from imageimport.choices import Status
from imageimport.messages import english, of_error, parts
from imageimport.models import ImportTask
from oci.registry.faults import asked_to_wait
from projects.models import Project
from projects.registry import health
from tests.pages.conftest import htmx
from tests.support.content.artifacts import HELM, POLICY
from tests.support.factories import ImageFactory, TaskFactory, ended_task
from tests.support.people import Team

As = Callable[..., Client]
PAGE = "/projects/team/"
LIVE = "/projects/team/imports/live/"


def text(answer: object) -> str:
    return answer.content.decode()  # type: ignore[attr-defined]


def test_what_polls_carries_address_and_clock_on_one_element_and_only_while_something_moves(
    as_: As, team: Team
) -> None:
    client = as_("developer")
    assert "every 2s" not in text(client.get(PAGE))
    task = TaskFactory(project=team.project)
    tag = re.search(r"<section id=\"imports-live\"[^>]*>", text(client.get(PAGE)))
    assert tag is not None
    assert 'hx-trigger="every 2s"' in tag[0]
    assert f'hx-get="{LIVE}?active={task.pk.hex}"' in tag[0]
    ImportTask.objects.update(status=Status.SUCCESS, completed_at=timezone.now())
    assert "every 2s" not in text(client.get(LIVE))


def test_what_polls_says_what_runs_and_how_ended_what_ran(as_: As, team: Team) -> None:
    def state(*active: ImportTask) -> str:
        page = text(client.get(LIVE, {"active": ",".join(task.pk.hex for task in active)}))
        return re.findall(r'data-page-state="([^"]*)"', page)[0].strip()

    client = as_("developer")
    ended_task(Status.FAILED, project=team.project)
    assert state() == "", "an earlier failure is no news"
    first, second = TaskFactory(project=team.project), TaskFactory(project=team.project)
    assert state(first, second) == "running"
    ImportTask.objects.filter(pk=first.pk).update(status=Status.FAILED, completed_at=timezone.now())
    assert state(first, second) == "running failed"
    ImportTask.objects.filter(pk=second.pk).update(status=Status.SUCCESS, completed_at=timezone.now())
    assert state(second) == "done"
    assert state(first, second) == "failed"


def test_the_end_of_an_import_refreshes_the_images_and_is_announced(as_: As, team: Team) -> None:
    client = as_("developer")
    task = TaskFactory(project=team.project, target_name="app", target_tag="1")
    still = client.get(LIVE, {"active": task.pk.hex})
    assert "HX-Trigger" not in still
    ImportTask.objects.update(status=Status.SUCCESS, completed_at=timezone.now())
    ended = client.get(LIVE, {"active": task.pk.hex})
    assert ended["HX-Trigger"] == "images-changed"
    assert 'data-announce="app:1 was imported."' in text(ended)
    assert f"docker pull {task.target_image}" in text(ended)


def test_charts_and_artifacts_are_marked_and_pulled_by_what_can_pull_them(as_: As, team: Team) -> None:
    client = as_("developer")
    chart = team.image("podinfo", "6.5.0", artifact_type=HELM, digest="sha256:" + "c" * 64)
    policy = team.image("policy", "1", artifact_type=POLICY)
    page = text(client.get(PAGE))
    assert "Helm chart</span>" in page
    assert f'title="{POLICY}"' in page
    assert re.search(r'data-copy="helm pull oci://\S+/team/podinfo --version 6.5.0"', page)
    assert re.search(r'data-copy="oras pull \S+/team/policy:1"', page)
    for image, command in ((chart, "helm pull oci://"), (policy, "oras pull ")):
        shown = text(client.get(f"{PAGE}images/{image.pk}/"))
        assert command in shown
        assert "docker pull" not in shown
    task = TaskFactory(project=team.project, target_name="podinfo", target_tag="6.5.0")
    ImportTask.objects.update(status=Status.SUCCESS, completed_at=timezone.now(), digest=chart.digest)
    for address in (LIVE, f"{PAGE}imports/{task.pk}/"):
        assert "helm pull oci://" in text(client.get(address))


def test_a_failure_stays_until_it_is_dismissed(as_: As, team: Team) -> None:
    client = as_("developer")
    task = ended_task(
        Status.FAILED, project=team.project, error="ghcr.io has no such thing.", error_code="not_found"
    )
    page = text(client.get(PAGE))
    assert "ghcr.io has no such thing." in page
    assert "Check the name and the tag." in page
    assert 'role="button"' not in page
    client.post(f"/projects/team/imports/{task.pk}/dismiss/")
    assert "ghcr.io has no such thing." not in text(client.get(PAGE))


def test_a_wait_says_what_for_and_until_when(as_: As, team: Team) -> None:
    until = timezone.now() + timedelta(minutes=10)
    TaskFactory(project=team.project, not_before=until, message="docker.io limits the rate.")
    page = text(as_("viewer").get(PAGE))
    assert "docker.io limits the rate." in page
    assert re.search(rf'Waiting until <time datetime="{re.escape(until.isoformat())}"', page)


def test_a_card_says_what_comes_next(as_: As, team: Team) -> None:
    client = as_("viewer")
    task = TaskFactory(project=team.project)
    assert "Queued: starts as soon as a slot is free" in text(client.get(PAGE))
    ImportTask.objects.filter(pk=task.pk).update(not_before=timezone.now() + timedelta(minutes=10))
    assert "Resumes automatically" in text(client.get(PAGE))
    ImportTask.objects.filter(pk=task.pk).update(status=Status.RUNNING, stage="pull")
    assert "Next: tagging and publishing" in text(client.get(PAGE))
    ImportTask.objects.filter(pk=task.pk).update(status=Status.CANCELING)
    assert "Next:" not in text(client.get(PAGE))


def test_a_rate_limit_says_when_it_goes_on_once_and_in_the_readers_zone(as_: As, team: Team) -> None:
    until = timezone.now() + timedelta(minutes=14, seconds=20)
    said = of_error(asked_to_wait("docker.io", 14 * 60 + 20))
    TaskFactory(project=team.project, not_before=until, message=english(said), message_parts=said)
    page = text(as_("viewer").get(PAGE))
    moment = re.escape(until.isoformat())
    assert re.search(
        rf'Rate limit reached on docker.io\. Resumes at <time datetime="{moment}" data-local="short">[^<]*</time> '
        rf'\(<relative-time datetime="{moment}"[^>]*>in 14 min \d+ s</relative-time>\)\.',
        page,
    )
    assert "asks to wait until" not in page and "seconds" not in page.partition("imports-live")[2][:3000]
    chinese = text(as_("viewer", language="zh-hans").get(PAGE))
    assert re.search(
        r"docker\.io 已限流，将于 <time[^>]*>[^<]*</time>（<relative-time[^>]*>14 分 \d+ 秒后<", chinese
    )


def test_a_wait_that_was_asked_to_be_longer_says_until_when_it_was(as_: As, team: Team) -> None:
    said = of_error(asked_to_wait("docker.io", 90_000))
    until = timezone.now() + timedelta(hours=6)
    TaskFactory(project=team.project, not_before=until, message=english(said), message_parts=said)
    page = text(as_("viewer").get(PAGE))
    assert "Resumes at" in page and "an import waits at most 6 hours" in page


def test_a_wait_for_a_host_names_it_in_both_languages(as_: As, team: Team) -> None:
    said = parts("%(host)s limits the rate of requests.", {"host": "docker.io<"})
    TaskFactory(
        project=team.project,
        not_before=timezone.now() + timedelta(minutes=10),
        message=english(said),
        message_parts=said,
    )
    assert "Waiting for docker.io&lt; until <time" in text(as_("viewer").get(PAGE))
    assert "正在等待 docker.io&lt;，至 <time" in text(as_("viewer", language="zh-hans").get(PAGE))


def test_running_numbers_are_bytes_rate_and_time_left(as_: As, team: Team) -> None:
    TaskFactory(
        project=team.project,
        status=Status.RUNNING,
        stage="pull",
        progress=45,
        bytes_total=100 * 1024 * 1024,
        bytes_done=50 * 1024 * 1024,
        rate=5 * 1024 * 1024,
        eta_seconds=10,
        message="Pulling the image",
    )
    page = text(as_("viewer").get(LIVE))
    for words in ("Pulling the image", "50.0 MiB of 100 MiB", "45 %", "5.0 MiB/s", "10 s left", "Running"):
        assert words in page, words
    assert re.search(r'<progress [^>]*max="100" value="45" data-progress="45"', page)


@pytest.mark.parametrize(
    ("of_project", "of_all", "said"),
    [(2_000_000, None, "limited to 1.9 MiB/s"), (None, 5_000_000, "limited to 4.8 MiB/s"),
     (9_000_000, 5_000_000, "limited to 4.8 MiB/s"), (None, None, "")],
)  # fmt: skip
def test_an_import_that_a_bound_slows_down_says_so(
    as_: As, team: Team, settings: Any, of_project: int | None, of_all: int | None, said: str
) -> None:
    settings.IMPORT_BANDWIDTH = of_all
    Project.objects.filter(pk=team.project.pk).update(bandwidth=of_project)
    TaskFactory(project=team.project, status=Status.RUNNING, stage="pull", rate=1024, bytes_total=2048)
    page = text(as_("viewer").get(LIVE))
    assert (said in page) if said else ("limited to" not in page)


def test_images_are_searched_by_name_tag_and_digest(as_: As, team: Team) -> None:
    ImageFactory(project=team.project, repository="nginx", tag="1.27")
    ImageFactory(project=team.project, repository="redis", tag="7", digest="sha256:" + "ab" * 32)
    client = as_("viewer")
    for search in ("red", "sha256:abab", "redis:7"):
        page = text(client.get(PAGE, {"search": search}))
        assert "<bdi>redis</bdi>" in page, search
        assert "<bdi>nginx</bdi>" not in page, search
    answer = htmx(client, "get", "/projects/team/images/", {"search": "red"})
    assert "<html" not in text(answer)
    assert answer["HX-Replace-Url"] == "/projects/team/?search=red"


def test_the_list_brings_the_number_of_images_along(as_: As, team: Team) -> None:
    team.image(repository="app", tag="1")
    page = as_("viewer").get(f"/projects/{team.project.name}/")
    assert text(page).count("1 image") == 1
    team.image(repository="app", tag="2")
    part = as_("viewer").get(f"/projects/{team.project.name}/images/", headers={"HX-Request": "true"})
    assert b'<span id="image-count" hx-swap-oob="true">2 images</span>' in part.content


def test_each_empty_list_says_why_it_is_empty(as_: As, team: Team) -> None:
    client = as_("developer")
    assert "No images yet" in text(client.get(PAGE))
    ImageFactory(project=team.project)
    assert "No image matches" in text(client.get(PAGE, {"search": "zzz"}))


def test_a_person_chooses_the_columns_of_images_and_they_stay(as_: As, team: Team) -> None:
    values = {"source_image": "quay.io/base/app:1", "last_pulled_at": timezone.now()}
    image = ImageFactory(project=team.project, repository="app", size=3 * 1024**2, **values)

    def heads(page: str) -> list[str]:
        head = page[page.index("<thead>") : page.index("</thead>")]
        return re.findall(r">([A-Z][^<]+)<", head)

    def cells(page: str) -> list[str]:
        return re.findall(r'data-label="([^"]+)"', page)

    client = as_("viewer")
    page = text(client.get(PAGE))
    assert heads(page) == ["Image", "Digest", "OS/ARCH", "Size", "Updated", "Actions"]
    assert "quay.io/base/app:1" not in page
    page = text(client.get(PAGE, {"columns": ["", "last_pulled_at", "size", "source", "nonsense"]}))
    assert heads(page) == ["Image", "Size", "Source", "Last pulled", "Actions"]
    assert cells(page) == ["Size", "Source", "Last pulled"] and "quay.io/base/app:1" in page
    assert re.findall(r'name="columns" value="(\w+)" checked', page) == ["size", "source", "last_pulled_at"]
    part = text(htmx(client, "get", f"{PAGE}images/"))
    assert cells(part) == ["Size", "Source", "Last pulled"], "in what is fetched later, too"
    assert cells(text(client.get(PAGE, {"columns": ""}))) == []
    assert heads(text(client.get(PAGE))) == ["Image", "Actions"] and str(image.pk) in text(client.get(PAGE))
    assert cells(text(as_("developer").get(PAGE))) == ["Digest", "OS/ARCH", "Size", "Updated"]


def test_marks_of_an_image_stand_beside_its_name_where_the_digest_is_hidden(as_: As, team: Team) -> None:
    found = {"state": "unsigned", "by": "", "digest": "sha256:" + "a" * 64}
    ImageFactory(project=team.project, signature=found)
    client = as_("viewer")
    marks = text(client.get(PAGE)).count("chip-mark")
    assert marks and text(client.get(PAGE, {"columns": "size"})).count("chip-mark") == marks


def test_a_repository_with_a_nul_is_looked_for_without_it(as_: As, team: Team) -> None:
    """PostgreSQL takes no NUL in a question."""
    ImageFactory(project=team.project, repository="nginx")
    response = as_("viewer").get(PAGE, {"repository": "ngi\x00nx"})
    assert response.context["repository"] == "nginx" and "<bdi>nginx</bdi>" in text(response)


def test_a_registry_out_of_reach_is_said(as_: As, team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_knock", lambda _url: False)
    caches["local"].clear()
    assert "The private registry is not responding" in text(as_("viewer").get(PAGE))


def test_pages_of_images_go_on_where_the_last_one_ended(as_: As, team: Team) -> None:
    now = timezone.now()
    for number in range(30):
        ImageFactory(project=team.project, repository=f"app{number:02}", updated_at=now)
    client = as_("viewer")
    first = text(client.get(PAGE))
    names = set(re.findall(r"<bdi>(app\d\d)</bdi>", first))
    older = re.search(r'href="(\?before=[^"]+)"', first)
    assert older is not None
    second = text(client.get(PAGE + older[1]))
    rest = set(re.findall(r"<bdi>(app\d\d)</bdi>", second))
    assert len(names) == 25
    assert len(rest) == 5
    assert not names & rest
    assert "Newest" in second


def test_the_page_size_is_kept(as_: As, team: Team) -> None:
    for _ in range(30):
        ImageFactory(project=team.project)
    client = as_("viewer")
    assert "Older" not in text(client.get(PAGE, {"page_size": "50"}))
    assert "Older" not in text(client.get(PAGE))


def test_names_with_markup_stay_text(as_: As, team: Team) -> None:
    ended_task(Status.FAILED, project=team.project, error="<script>alert(1)</script>", image_url="<b>x</b>")
    page = text(as_("viewer").get(PAGE))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
