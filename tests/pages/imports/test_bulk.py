"""Several rows at once: chosen, sorted, exported, imported again, deleted, tried again, taken along as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.choices import Status
from imageimport.models import ImportBatch, ImportTask
from oci.errors import OciError, gettext_noop
from projects.models import Image, ImageScan, Membership, Project, ProtectedTag, Role, Scanner
from projects.retention import trash
from tests.support.factories import ended_task
from tests.support.people import DIGEST, Team, call

As = Callable[..., Client]
PAGE = "/projects/team/"
IMAGES = "/projects/team/images/bulk/"
IMPORTS = "/projects/team/imports/bulk/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def images(team: Team) -> list[Image]:
    return [
        team.image("app", "1", size=3, source_image="docker.io/library/app:1"),
        team.image("base", "2", size=1, source_image="quay.io/base:2"),
        team.image("cron", "3", size=2),
    ]


def order_of(client: Client, query: str) -> list[str]:
    page = client.get(f"{PAGE}?{query}").content.decode()
    return re.findall(r'form="images-bulk" name="image" value="[^"]+" aria-label="Select ([^":]+):', page)


def test_the_list_of_images_is_sorted_by_name_and_size_both_ways(as_: As, images: list[Image]) -> None:
    client = as_("viewer")
    assert order_of(client, "order=repository") == ["app", "base", "cron"]
    assert order_of(client, "order=-repository") == ["cron", "base", "app"]
    assert order_of(client, "order=-size") == ["app", "cron", "base"]
    assert order_of(client, "order=size") == ["base", "cron", "app"]
    assert order_of(client, "order=nonsense") == order_of(client, "")
    assert (
        'aria-sort="descending"><a href="/projects/team/?order=size&'
        in client.get(f"{PAGE}?order=-size").content.decode()
    )


def test_a_sorted_list_has_pages(as_: As, team: Team) -> None:
    for number in range(30):
        team.image("app", str(number), size=number)
    client = as_("viewer")
    first = client.get(f"{PAGE}?order=size").content.decode()
    assert "before=25" in first and ">Next<" in first
    second = client.get(f"{PAGE}?order=size&before=25").content.decode()
    assert second.count('form="images-bulk" name="image"') == 5 and "before=30" not in second


def test_chosen_images_are_exported_together(as_: As, images: list[Image]) -> None:
    answer = as_("viewer").post(IMAGES, {"do": "export", "image": [images[0].pk, images[2].pk]})
    page = answer.content.decode()
    assert answer.status_code == 200 and 'action="/projects/team/bundles/new/"' in page
    assert re.search(r">\s*app:1\s+cron:3\s*</textarea>", page)


def test_chosen_images_are_imported_again_from_where_they_came(as_: As, images: list[Image]) -> None:
    client = as_("developer")
    answer = client.post(IMAGES, {"do": "again", "image": [image.pk for image in images]})
    batch = ImportBatch.objects.get()
    assert answer.headers["Location"] == f"/projects/team/batches/{batch.pk}/"
    found = batch.tasks.order_by("batch_index").values_list("source_image", "target_name", "target_tag")
    assert list(found) == [("docker.io/library/app:1", "app", "1"), ("quay.io/base:2", "base", "2")]
    assert "cron:3: This image was pushed" in client.get(answer.headers["Location"]).content.decode()


def test_images_that_were_pushed_have_no_source_and_that_is_said(as_: As, images: list[Image]) -> None:
    client = as_("developer")
    answer = client.post(IMAGES, {"do": "again", "image": [images[2].pk]}, follow=True)
    assert "knows no source" in answer.content.decode()
    assert not ImportTask.objects.exists()


def test_chosen_images_are_copied_to_a_project_and_get_a_tag(
    as_: As, team: Team, images: list[Image], settings: Any
) -> None:
    other = Team.make("other")
    Membership.objects.create(project=other.project, user=team.users["viewer"], role=Role.DEVELOPER)
    Membership.objects.create(
        project=Team.make("closed").project, user=team.users["viewer"], role=Role.VIEWER
    )
    chosen = {"do": "copy", "image": [images[0].pk, images[2].pk]}
    client = as_("viewer")
    page = client.post(IMAGES, chosen).content.decode()
    assert "Copy 2 images" in page and re.findall(r'<option value="([^"]*)"', page) == ["other"]
    for project in ("team", "closed", "nonsense"):
        assert client.post(IMAGES, {**chosen, "project": project, "tag": "x"}).status_code == 422
    assert not ImportTask.objects.exists()
    answer = client.post(IMAGES, {**chosen, "project": "other", "tag": "stable"})
    batch = ImportBatch.objects.get()
    assert answer.headers["Location"] == f"/projects/other/batches/{batch.pk}/"
    found = batch.tasks.order_by("batch_index").values_list("source_image", "target_image", "overwrite")
    host = settings.REGISTRY_PUBLIC_HOST
    assert list(found) == [
        (f"{host}/team/app:1@{DIGEST}", f"{host}/other/app:stable", False),
        (f"{host}/team/cron:3@{DIGEST}", f"{host}/other/cron:stable", False),
    ]
    assert other.project.audit_events.get().action == "batch.created"


def test_one_image_is_copied_from_its_own_page(as_: As, images: list[Image]) -> None:
    client = as_("developer")
    page = client.get(f"/projects/team/images/{images[0].pk}/").content.decode()
    assert re.search(
        rf'action="{IMAGES}">.*?name="image" value="{images[0].pk}">.*?name="do" value="copy"',
        page,
        re.DOTALL,
    )
    assert "Copy 1 image" in client.post(IMAGES, {"do": "copy", "image": images[0].pk}).content.decode()


def test_who_may_import_nowhere_is_told_so(as_: As, images: list[Image]) -> None:
    page = as_("viewer").post(IMAGES, {"do": "copy", "image": [images[0].pk]}).content.decode()
    assert "can't import into any project" in page and 'name="project"' not in page


def test_a_copy_that_changes_nothing_and_two_images_of_one_tag_are_refused(
    as_: As, team: Team, images: list[Image]
) -> None:
    client = as_("developer")
    chosen = {"do": "copy", "image": [images[0].pk], "project": "team"}
    for tag in ("", "1"):
        answer = client.post(IMAGES, {**chosen, "tag": tag})
        assert answer.status_code == 422 and "Enter a new tag" in answer.content.decode()
    assert "A tag can have at most" in client.post(IMAGES, {**chosen, "tag": "no tag"}).content.decode()
    second = team.image("app", "2", digest="sha256:" + "b" * 64)
    both = {**chosen, "image": [images[0].pk, second.pk], "tag": "stable"}
    assert "app:stable: Same target" in client.post(IMAGES, both).content.decode()
    assert not ImportTask.objects.exists()


def test_chosen_images_are_scanned_and_what_can_not_be_is_said(
    as_: As, team: Team, images: list[Image]
) -> None:
    chosen = {"do": "scan", "image": [images[0].pk, images[1].pk]}
    client = as_("developer")
    page = client.post(IMAGES, chosen, follow=True).content.decode()
    assert page.count("No scanner is set up") == 1 and not ImageScan.objects.exists()
    Scanner.objects.create(name="trivy", url="https://scanner.example")
    Image.objects.filter(pk=images[0].pk).update(media_type="application/vnd.oci.image.manifest.v1+json")
    Image.objects.filter(pk=images[1].pk).update(artifact_type="application/vnd.cncf.helm.config.v1+json")
    page = client.post(IMAGES, chosen, follow=True).content.decode()
    assert list(ImageScan.objects.values_list("repository", "state")) == [("app", "queued")]
    assert "1 image will be scanned." in page and "base:2: This is not a container image" in page


def test_deletion_asks_for_the_projects_name_and_tells_what_stays(
    as_: As, team: Team, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    real = trash.throw_away

    def throw_away(*, image: Image, **values: Any) -> None:
        if image.repository == "base":
            real(image=image, **values)
        gone.append(str(image))

    monkeypatch.setattr(trash, "throw_away", throw_away)
    ProtectedTag.objects.create(project=team.project, pattern="base:*")
    client = as_("maintainer")
    chosen = {"do": "delete", "image": [image.pk for image in images]}
    asked = client.post(IMAGES, chosen).content.decode()
    assert "Delete 3 images?" in asked and not gone
    assert client.post(IMAGES, {**chosen, "confirm": "wrong"}).status_code == 422 and not gone
    answer = client.post(IMAGES, {**chosen, "confirm": "team"}, follow=True).content.decode()
    assert gone == ["app:1", "cron:3"]
    assert "2 images were deleted." in answer and "base:2: " in answer


def test_a_registry_that_is_away_is_asked_for_one_tag_only(
    as_: As, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def away(*, image: Image, **_: Any) -> None:
        asked.append(str(image))
        raise OciError("unreachable", gettext_noop("The host %(host)s was not found."), host="r.example")

    monkeypatch.setattr(trash, "throw_away", away)
    chosen = {"do": "delete", "confirm": "team", "image": [image.pk for image in images]}
    page = as_("maintainer").post(IMAGES, chosen, follow=True).content.decode()
    assert asked == ["app:1"]
    assert page.count("r.example") == 3


def test_each_action_takes_its_role_and_rows_of_the_project(as_: As, team: Team, images: list[Image]) -> None:
    chosen = [images[0].pk]
    assert as_("viewer").post(IMAGES, {"do": "again", "image": chosen}).status_code == 403
    assert as_("viewer").post(IMAGES, {"do": "scan", "image": chosen}).status_code == 403
    assert as_("developer").post(IMAGES, {"do": "delete", "image": chosen}).status_code == 403
    foreign = Team.make("other").image("hidden-one", "1", source_image="docker.io/library/a:1")
    page = as_("owner").post(IMAGES, {"do": "export", "image": [foreign.pk, "nonsense"]}, follow=True)
    assert "Select at least one row." in page.content.decode() and "hidden-one" not in page.content.decode()


def test_a_reader_is_offered_what_they_may_do(as_: As, images: list[Image]) -> None:
    def offered(caller: str) -> list[str]:
        return re.findall(r'name="do" value="(\w+)"', as_(caller).get(PAGE).content.decode())

    Project.objects.filter(name="team").update(visibility=Project.Visibility.PUBLIC)
    assert offered("stranger") == [], "who only reads an open project makes no bundles of it"
    page = as_("stranger").get(PAGE).content.decode()
    assert "images-bulk" not in page and "data-bulk-all" not in page, "no boxes where nothing can be done"
    assert 'images?format=csv"' in page
    answer = as_("stranger").post(IMAGES, {"do": "export", "image": [images[0].pk]})
    assert answer.status_code == 403
    assert offered("viewer") == ["export", "copy"]
    assert offered("developer") == ["export", "copy", "again", "scan"]
    assert offered("maintainer") == ["export", "copy", "again", "scan", "delete"]


def test_chosen_failures_are_tried_again_and_what_can_not_be_is_said(as_: As, team: Team) -> None:
    one = ended_task(Status.FAILED, project=team.project, image_url="nginx:1", target_name="a")
    lost = ended_task(
        Status.FAILED, project=team.project, image_url="nginx:2", target_name="b", credentials_erased=True
    )
    done = ended_task(Status.SUCCESS, project=team.project, image_url="nginx:3", target_name="c")
    client = as_("developer")
    answer = client.post(IMPORTS, {"task": [one.pk, lost.pk, done.pk]}, follow=True).content.decode()
    assert (
        ImportTask.objects.filter(retry_of__isnull=False).values_list("retry_of", flat=True).get() == one.pk
    )
    assert "1 import has started." in answer and "credentials of this import were erased" in answer
    nothing = client.post(IMPORTS, {"task": [done.pk]}, follow=True).content.decode()
    assert "Select at least one failed or canceled import." in nothing
    assert as_("viewer").post(IMPORTS, {"task": [one.pk]}).status_code == 403


def test_the_history_has_a_box_for_what_can_be_tried_again(as_: As, team: Team) -> None:
    failed = ended_task(Status.FAILED, project=team.project)
    ended_task(Status.SUCCESS, project=team.project)
    page = as_("developer").get("/projects/team/imports/").content.decode()
    assert re.findall(r'form="imports-bulk" name="task" value="([^"]+)"', page) == [str(failed.pk)]
    assert "imports-bulk" not in as_("viewer").get("/projects/team/imports/").content.decode()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_lists_are_csv_in_which_no_cell_is_a_formula(team: Team) -> None:
    team.image("app", "1", source_image="=HYPERLINK(1)", updated_at=timezone.now())
    team.image("app", "2", source_image="docker.io/library/app:2")
    base = f"/projects/{team.project.pk}/images"
    answer = call("GET", f"{base}?format=csv&search=app", headers=team.bearer("viewer"))
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="team-images.csv"'
    rows = rows_of(answer.content.decode())
    assert {row["tag"]: row["source_image"] for row in rows} == {
        "1": "'=HYPERLINK(1)",
        "2": "docker.io/library/app:2",
    }
    for text in ("+1", "-1", "@x", "\tx"):
        ended_task(Status.FAILED, project=team.project, error=text, error_code="internal_error")
    answer = call("GET", f"{base}/import?format=csv&status=failed", headers=team.bearer("viewer"))
    rows = rows_of(answer.content.decode())
    assert len(rows) == 4 and all(row["error"].startswith("'") for row in rows)
    assert call("GET", f"{base}?format=csv", headers=team.bearer("stranger")).status_code == 404


def test_the_csv_of_images_has_what_scanners_found_and_nothing_where_nothing_is_known(team: Team) -> None:
    image = team.image("app", "1")
    other = team.image("base", "2", digest="sha256:" + "b" * 64)
    ImageScan.objects.create(
        project=team.project, repository="app", digest=image.digest, state="done", critical=2, low=1,
        scanned_at=timezone.now(), next_at=None,
    )  # fmt: skip
    ImageScan.objects.create(project=team.project, repository="base", digest=other.digest, state="failed")
    answer = call("GET", f"/projects/{team.project.pk}/images?format=csv", headers=team.bearer("viewer"))
    rows = {row["repository"]: row for row in rows_of(answer.content.decode())}
    names = ("scan", "critical", "high", "low")
    assert [rows["app"][name] for name in names] == ["done", "2", "0", "1"] and rows["app"]["scanned_at"]
    assert [rows["base"][name] for name in names] == ["failed", "", "", ""]


def test_the_pages_link_to_the_csv_of_what_they_show(as_: As, team: Team, images: list[Image]) -> None:
    base = f"/api/v1/projects/{team.project.pk}/images"
    page = as_("viewer").get(f"{PAGE}?search=app").content.decode()
    assert f'href="{base}?format=csv&amp;search=app"' in page
    ended_task(Status.FAILED, project=team.project)
    history = as_("viewer").get("/projects/team/imports/?status=failed").content.decode()
    assert f'href="{base}/import?format=csv&amp;status=failed"' in history
