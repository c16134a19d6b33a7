"""From an import to its image and back; how an image is pulled, and what a pull needs first."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.test import Client

from imageimport.announcer import first_sentence
from imageimport.choices import Status
from imageimport.messages import english, parts
from imageimport.models import ImportTask
from projects.commands import login_command, pull_ways
from projects.models import Image
from tests.support.factories import ImageFactory, TaskFactory, ended_task
from tests.support.people import Team

As = Callable[..., Client]
PAGE = "/projects/team/"
DIGEST = "sha256:" + "d" * 64
pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    return str(answer.content.decode())


@pytest.fixture
def pair(team: Team) -> tuple[ImportTask, Image]:
    """An import, and the image that it brought."""
    task = ended_task(Status.SUCCESS, project=team.project, target_name="app", target_tag="1", digest=DIGEST)
    return task, ImageFactory(project=team.project, repository="app", tag="1", digest=DIGEST)


def test_an_import_leads_to_its_image_from_card_page_and_history(
    as_: As, pair: tuple[ImportTask, Image]
) -> None:
    task, image = pair
    client, link = as_("viewer"), f'href="/projects/team/images/{pair[1].pk}/"'
    for path in ("imports/live/", f"imports/{task.pk}/", "imports/"):
        page = text(client.get(PAGE + path))
        assert link in page, path
        assert "Show the image" in page, path
    page = text(client.get(f"{PAGE}imports/{task.pk}/"))
    assert re.search(rf"<a {link}[^>]*>{re.escape(task.target_image)}</a>", page)
    image.delete()
    assert "Show the image" not in text(client.get(f"{PAGE}imports/{task.pk}/"))


def test_an_image_leads_to_the_import_that_brought_it(as_: As, pair: tuple[ImportTask, Image]) -> None:
    task, image = pair
    client = as_("viewer")
    later = ended_task(
        Status.SUCCESS, project=image.project, target_name="app", target_tag="1", digest="sha256:0"
    )
    facts = text(client.get(f"{PAGE}images/{image.pk}/")).partition('class="pairs facts-list"')[2]
    assert f'href="{PAGE}imports/{task.pk}/"' in facts.partition("</dl>")[0]
    assert str(later.pk) not in facts.partition("</dl>")[0]
    Image.objects.update(digest="sha256:" + "e" * 64)  # pushed over it
    facts = text(client.get(f"{PAGE}images/{image.pk}/")).partition('class="pairs facts-list"')[2]
    assert "imports/" not in facts.partition("</dl>")[0]


@pytest.mark.parametrize(
    ("auth", "visibility", "needs"),
    [
        ("token", "private", True),
        ("token", "public", False),
        ("basic", "public", True),
        ("none", "private", False),
    ],
)
def test_a_pull_that_needs_a_sign_in_says_so(
    as_: As,
    team: Team,
    pair: tuple[ImportTask, Image],
    settings: Any,
    auth: str,
    visibility: str,
    needs: bool,
) -> None:
    settings.REGISTRY_AUTH = auth
    team.project.visibility = visibility
    team.project.save()
    assert bool(login_command(team.project)) is needs
    line = f"docker login {settings.REGISTRY_PUBLIC_HOST}"
    client = as_("viewer")
    for path in ("imports/live/", f"imports/{pair[0].pk}/", f"images/{pair[1].pk}/"):
        page = text(client.get(PAGE + path))
        assert (f'data-copy="{line}"' in page) is needs, path
        assert ("To pull from this project, sign in" in page) is needs, path
    pod = yaml.safe_load(pull_ways(pair[1])[-1].text)["spec"]
    assert ("imagePullSecrets" in pod) is needs


def test_an_image_is_pulled_by_digest_by_platform_in_compose_and_in_a_pod(
    as_: As, team: Team, settings: Any
) -> None:
    settings.REGISTRY_PUBLIC_HOST = "registry.example.com:5000"
    settings.REGISTRY_AUTH = "token"
    children = [
        {"platform": name, "digest": DIGEST, "size": 1}
        for name in ("linux/amd64", "linux/arm64", "unknown/unknown")
    ]
    image = ImageFactory(
        project=team.project, repository="owner/my_app.x", tag="1", digest=DIGEST, children=children
    )
    name = "registry.example.com:5000/team/owner/my_app.x"
    digest, amd, arm, compose, pod = (way.text for way in pull_ways(image, "podman"))
    assert digest == f"podman pull {name}@{DIGEST}"
    assert amd == f"podman pull --platform linux/amd64 {name}:1"
    assert arm == f"podman pull --platform linux/arm64 {name}:1"
    assert yaml.safe_load(compose) == {"services": {"my-app-x": {"image": f"{name}:1"}}}
    assert yaml.safe_load(pod)["spec"] == {
        "imagePullSecrets": [{"name": "team-pull"}],
        "containers": [{"name": "my-app-x", "image": f"{name}:1"}],
    }
    page = text(as_("viewer").get(f"{PAGE}images/{image.pk}/"))
    assert f"{name}@{DIGEST}" in page
    assert "Copy: Kubernetes pod" in page


def test_the_end_of_a_failure_is_announced_with_the_first_sentence_of_its_reason(as_: As, team: Team) -> None:
    said = parts("%(host)s has no %(what)s. Check the name.", {"host": "docker.io", "what": "library/x:1.0"})
    task = ended_task(
        Status.FAILED,
        project=team.project,
        target_name="x",
        target_tag="1.0",
        error=english(said),
        error_parts=said,
    )
    wanted = 'data-announce="The import of x:1.0 failed. docker.io has no library/x:1.0."'
    client = as_("viewer")
    assert wanted in text(client.get(f"{PAGE}imports/{task.pk}/live/"))
    assert wanted in text(client.get(f"{PAGE}imports/live/", {"active": task.pk.hex}))


@pytest.mark.parametrize(
    ("whole", "first"),
    [
        ("docker.io has no a:1.0. Check it.", "docker.io has no a:1.0."),
        ("没有 r.example。请检查。", "没有 r.example。"),
        ("No stop at all", "No stop at all"),
        ("", ""),
    ],
)
def test_a_sentence_ends_at_its_full_stop(whole: str, first: str) -> None:
    assert first_sentence(whole) == first


def test_the_title_of_an_imports_page_says_how_far_it_is_and_no_other_pages(as_: As, team: Team) -> None:
    mib = 1024 * 1024
    values = {"stage": "pull", "bytes_total": 100 * mib, "bytes_done": 50 * mib, "progress": 45}
    task = TaskFactory(
        project=team.project, status=Status.RUNNING, target_name="nginx", target_tag="1", **values
    )
    client = as_("viewer")
    page = text(client.get(f"{PAGE}imports/{task.pk}/"))
    percent = re.search(r"<title>\s*(\d+ %) · nginx:1 ·", page)
    assert percent is not None
    live = text(client.get(f"{PAGE}imports/{task.pk}/live/"))
    assert f'data-page-title="{percent[1]} · nginx:1 · Registry Portal"' in live
    assert "%" not in re.findall(r"<title>([^<]*)", text(client.get(PAGE)))[0]
    ImportTask.objects.update(status=Status.SUCCESS)
    assert "%" not in re.findall(r"<title>([^<]*)", text(client.get(f"{PAGE}imports/{task.pk}/")))[0]


def test_why_the_last_attempt_failed_is_said_once(as_: As, team: Team) -> None:
    task = ended_task(Status.FAILED, project=team.project, error="Gone.")
    task.history.create(attempt=1, fence=1, outcome="failed", error="Gone.")
    client, path = as_("viewer"), f"{PAGE}imports/{task.pk}/"
    assert text(client.get(path)).count("Gone.") == 1
    task.history.create(attempt=2, fence=2, outcome="failed", error="Gone.")
    page = text(client.get(path))
    assert page.index("Attempt 1") < page.index("Attempt 2")
    assert page.count("Gone.") == 2, "of the first attempt and of the import"
