"""One import: its page, and what can be done with it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from imageimport.choices import Outcome, Status
from imageimport.messages import DONE, english, parts
from imageimport.models import ImportAttempt, ImportLayer, ImportTask
from oci.copy.late_mirror import LATE
from tests.pages.conftest import htmx
from tests.support.factories import TaskFactory, ended_task
from tests.support.people import Team

As = Callable[..., Client]


def address(task: ImportTask, rest: str = "") -> str:
    return f"/projects/team/imports/{task.pk}/{rest}"


def test_layers_and_attempts_are_shown_in_words(as_: As, team: Team) -> None:
    task = TaskFactory(project=team.project, status=Status.RUNNING, stage="pull", progress=40)
    for position, state in enumerate(("waiting", "exists", "mounted", "copying", "done", "failed")):
        ImportLayer.objects.create(
            task=task,
            position=position,
            digest=f"sha256:{position:064}",
            size=100,
            bytes_done=43,
            state=state,
        )
    now = timezone.now()
    ImportAttempt.objects.create(
        task=task, attempt=1, fence=1, outcome=Outcome.LOST, started_at=now, ended_at=now, error="Gone."
    )
    ImportAttempt.objects.create(task=task, attempt=2, fence=2, started_at=now)
    page = as_("viewer").get(address(task)).content.decode()
    for words in (
        "Waiting",
        "Already here",
        "Mounted",
        "Copying",
        "43 B of 100 B",
        "Attempt 1",
        "Worker lost",
        "Gone.",
    ):
        assert words in page, words
    assert 'aria-current="step"' in page
    assert 'hx-trigger="every 2s"' in page


def test_what_is_no_layer_of_files_is_called_what_it_is(as_: As, team: Team) -> None:
    task = TaskFactory(project=team.project, status=Status.RUNNING, stage="pull", progress=40)
    kinds = (
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.dev.cosign.simplesigning.v1+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        "application/vnd.in-toto+json",
        "application/spdx+json",
        "",
        "application/vnd.oci.empty.v1+json",
    )
    for position, media_type in enumerate(kinds):
        digest = f"sha256:{position:064}"
        ImportLayer.objects.create(task=task, position=position, digest=digest, size=1, media_type=media_type)
    page = as_("viewer").get(address(task)).content.decode()
    groups = page.split('<tr class="group">')[1:]
    heads = [re.findall(r'<th scope="rowgroup" colspan="4">([\w ]+?) <span', group) for group in groups]
    assert heads == [["Layers"], ["Configuration"], ["Signatures and SBOMs"]]
    rows = [re.findall(r"<tr>\s*<td>(.*?)</td>", group, re.DOTALL) for group in groups]
    told = [[re.findall(r'<span class="fine quiet">(\w+)</span>', row) for row in found] for found in rows]
    assert told[0] == [[], [], []]
    assert told[1] == [["Configuration"]] * 2
    assert told[2] == [["Signature"], ["Signature"], ["Attestation"], ["SBOM"]]


def groups_of(page: str) -> dict[str, list[str]]:
    """Headings of the table of layers, with the last characters of the digests below each."""
    table = page.partition('<table class="rows layers">')[2].partition("</table>")[0]
    return {
        re.sub(r"<[^>]+>", "", group).partition("·")[0].rsplit(maxsplit=4)[0].strip(): re.findall(
            r'title="sha256:0+(\d)"', group
        )
        for group in table.split('<tr class="group">')[1:]
    }


def test_layers_of_several_platforms_stand_below_their_platforms(as_: As, team: Team) -> None:
    task = TaskFactory(project=team.project, status=Status.RUNNING, stage="pull", progress=40)
    config, sbom = "application/vnd.oci.image.config.v1+json", "application/spdx+json"
    blobs = [
        ("linux/amd64", config, 1024),
        ("linux/amd64", "", 2048),
        ("", "", 4096),
        ("linux/arm64/v8", config, 8192),
        ("linux/arm64/v8", sbom, 16384),
    ]
    for position, (platform, media_type, size) in enumerate(blobs, 1):
        digest = f"sha256:{position:064}"
        ImportLayer.objects.create(
            task=task, position=position, digest=digest, size=size, platform=platform, media_type=media_type
        )
    page = as_("viewer").get(address(task)).content.decode()
    assert groups_of(page) == {
        "linux/amd64": ["1", "2"],
        "linux/arm64/v8": ["4"],
        "Several platforms": ["3"],
        "Signatures and SBOMs": ["5"],
    }
    assert re.findall(r"0 of \d done · ([\d.]+ KiB)", page) == ["3.0 KiB", "8.0 KiB", "4.0 KiB", "16.0 KiB"]
    ImportLayer.objects.filter(platform="linux/arm64/v8").update(platform="")
    page = as_("viewer").get(address(task)).content.decode()
    assert list(groups_of(page)) == ["Layers", "Configuration", "Signatures and SBOMs"]


def test_each_group_of_blobs_says_how_far_it_is(as_: As, team: Team) -> None:
    task = TaskFactory(
        project=team.project, status=Status.RUNNING, stage="pull", progress=40, bytes_total=3 * 1024
    )
    config = "application/vnd.oci.image.config.v1+json"
    for position, (state, media_type) in enumerate((("done", ""), ("copying", ""), ("exists", config))):
        digest = f"sha256:{position:064}"
        ImportLayer.objects.create(
            task=task, position=position, digest=digest, size=1024, state=state, media_type=media_type
        )
    page = as_("viewer").get(address(task)).content.decode()
    assert re.findall(r"(\d) of (\d) done · ([\d.]+ KiB)", page) == [
        ("1", "2", "2.0 KiB"),
        ("1", "1", "1.0 KiB"),
    ]
    assert "3.0 KiB in total" in page


def test_the_timeline_says_what_happened_and_how_fast_it_was(as_: As, team: Team) -> None:
    start = timezone.now() - dt.timedelta(minutes=10)
    task = ended_task(
        Status.SUCCESS,
        project=team.project,
        requested_by=team.users["developer"],
        created_at=start,
        started_at=start + dt.timedelta(seconds=30),
        bytes_total=10 * 1024**2,
        bytes_done=10 * 1024**2,
        bytes_reused=4 * 1024**2,
    )
    for number, (begins, ends, outcome) in enumerate(
        ((30, 60, Outcome.LOST), (180, 183, Outcome.SUCCESS)), 1
    ):
        ImportAttempt.objects.create(
            task=task,
            attempt=number,
            fence=number,
            outcome=outcome,
            started_at=start + dt.timedelta(seconds=begins),
            ended_at=start + dt.timedelta(seconds=ends),
        )
    page = as_("viewer").get(address(task)).content.decode()
    told = " ".join(re.sub(r"<[^>]+>", " ", page.partition('id="timeline-title"')[2]).split())
    words = (
        team.users["developer"].username, "Attempt 1", "Worker lost", "after waiting 30 s", "took 30 s",
        "Attempt 2", "Success", "after waiting 2 min", "took 3 s", "Ended",
    )  # fmt: skip
    places = [told.find(word) for word in words]
    assert -1 not in places and places == sorted(places), list(zip(words, places, strict=True))
    assert "6.0 MiB" in told
    assert "2.0 MiB/s on average" in told


def test_a_layer_says_over_how_many_connections_it_comes(as_: As, team: Team) -> None:
    task = TaskFactory(project=team.project, status=Status.RUNNING, stage="pull", progress=40)
    for position, count in enumerate((8, 1)):
        digest = f"sha256:{position:064}"
        ImportLayer.objects.create(
            task=task, position=position, digest=digest, size=100, state="copying", connections=count
        )
    page = as_("viewer").get(address(task)).content.decode()
    assert "over 8 connections" in page
    assert "over 1 connection" not in page
    page = as_("viewer").get(address(task), headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "8 个连接" in page


def test_an_ended_import_does_not_poll_and_says_its_digest(as_: As, team: Team) -> None:
    task = ended_task(Status.SUCCESS, project=team.project, digest="sha256:" + "c" * 64)
    page = as_("viewer").get(address(task)).content.decode()
    assert "every 2s" not in page
    assert task.digest in page
    assert f"docker pull {task.target_image}" in page


def test_the_last_poll_announces_the_end(as_: As, team: Team) -> None:
    task = ended_task(Status.FAILED, project=team.project, target_name="app", target_tag="1")
    page = htmx(as_("viewer"), "get", address(task, "live/")).content.decode()
    assert 'data-announce="The import of app:1 failed."' in page
    assert "every 2s" not in page


def test_cancel_asks_on_a_page_of_its_own_without_scripts(as_: As, team: Team) -> None:
    task = TaskFactory(project=team.project)
    client = as_("developer")
    assert "Cancel import?" in client.get(address(task, "cancel/")).content.decode()
    task.refresh_from_db()
    assert task.status == Status.PENDING
    assert client.post(address(task, "cancel/"))["Location"] == address(task)
    task.refresh_from_db()
    assert task.status == Status.CANCELED


def test_cancel_on_the_project_page_answers_with_what_runs(as_: As, team: Team) -> None:
    task = TaskFactory(project=team.project)
    answer = htmx(as_("developer"), "post", address(task, "cancel/"), hx_target="imports-live")
    assert 'id="imports-live"' in answer.content.decode()


def test_what_can_not_be_canceled_any_more_is_said(as_: As, team: Team) -> None:
    task = ended_task(Status.SUCCESS, project=team.project)
    page = htmx(as_("developer"), "post", address(task, "cancel/"), hx_target="import-live").content.decode()
    assert "already finished" in page


def test_retry_makes_a_new_import_and_leads_to_it(as_: As, team: Team) -> None:
    task = ended_task(Status.FAILED, project=team.project)
    answer = as_("developer").post(address(task, "retry/"))
    new = ImportTask.objects.exclude(pk=task.pk).get()
    assert answer["Location"] == address(new)
    assert new.retry_of == task
    assert f'href="{address(new)}"' in as_("viewer").get(address(task)).content.decode()


def test_retry_asks_for_erased_credentials_and_shows_no_password(as_: As, team: Team) -> None:
    task = ended_task(Status.FAILED, project=team.project, credentials_erased=True)
    client = as_("developer")
    assert "Enter them again." in client.get(address(task, "retry/")).content.decode()
    answer = client.post(address(task, "retry/"), {"username": "someone", "password": ""})
    assert answer.status_code == 422
    answer = client.post(address(task, "retry/"), {"username": "someone", "password": "hunter22-canary"})
    new = ImportTask.objects.exclude(pk=task.pk).get()
    assert new.password.reveal() == "hunter22-canary"
    assert "hunter22" not in client.get(address(new)).content.decode()


def test_sentences_are_in_the_readers_language(as_: As, team: Team) -> None:
    task = ended_task(
        Status.FAILED,
        project=team.project,
        error="The host r.example was not found.",
        error_parts=parts("The host %(host)s was not found.", {"host": "r.example"}),
        error_code="unreachable",
    )
    page = as_("viewer", language="zh-hans").get(address(task)).content.decode()
    assert "找不到主机 r.example。" in page
    assert "was not found" not in page
    assert "可能是本服务器无法访问外网" in page


def test_what_a_success_says_beside_is_on_its_page_in_both_languages(as_: As, team: Team) -> None:
    late = parts(LATE, {"mirror": "m.example", "host": "ghcr.io", "tag": "1", "digest": "sha256:new"})
    task = ended_task(Status.SUCCESS, project=team.project, message=english(late), message_parts=late)
    page = as_("viewer").get(address(task)).content.decode()
    assert "m.example, which served this image, may be behind" in page
    assert "m.example 可能尚未更新" in as_("viewer", language="zh-hans").get(address(task)).content.decode()
    plain = ended_task(Status.SUCCESS, project=team.project, message="Done", message_parts=parts(DONE))
    assert 'class="warned' not in as_("viewer").get(address(plain)).content.decode()
