"""The pages of bundles: chosen, sized, made, downloaded by the commands that they show, deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from imageimport.choices import Status
from imageimport.models import Bundle, Schedule
from tests.imageimport.bundles.conftest import Giving, giving, new_team, own
from tests.support.factories import BatchFactory, ended_task

pytestmark = pytest.mark.django_db

__all__ = ["giving", "new_team", "own"]
SignedIn = Callable[[str], Client]


@pytest.fixture
def signed_in(giving: Giving) -> SignedIn:
    def made(role: str) -> Client:
        client = Client(headers={"accept-language": "en"})
        client.force_login(giving.team.users[role])
        return client

    return made


def at(giving: Giving, rest: str = "") -> str:
    return f"/projects/{giving.team.project.name}/bundles/{rest}"


def text(page: bytes) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.decode())))


def test_the_size_is_seen_before_a_bundle_is_made(giving: Giving, signed_in: SignedIn) -> None:
    client = signed_in("viewer")
    asked = {"images": "six:*\nmulti", "include_referrers": "on"}
    seen = client.post(at(giving, "new/"), {**asked, "do": "plan"})
    assert seen.status_code == 200
    assert "six:2" in text(seen.content) and "multi:1" in text(seen.content)
    assert "What the bundle would contain Images 3" in text(seen.content)
    assert not Bundle.objects.exists()
    made = client.post(at(giving, "new/"), {**asked, "do": "create", "name": "for the ship"})
    bundle = Bundle.objects.get()
    assert made.headers["Location"] == at(giving, f"{bundle.pk}/")
    assert (bundle.name, [each["image"] for each in bundle.images]) == (
        "for the ship", ["six:1", "six:2", "multi:1"],
    )  # fmt: skip


def test_an_earlier_bundle_and_a_receipt_leave_out_what_they_have(
    giving: Giving, signed_in: SignedIn
) -> None:
    client = signed_in("viewer")
    first = giving.make("six:1").json()
    client.post(at(giving, "new/"), {"images": "six:2", "known_bundle": first["id"], "do": "create"})
    known = [blob.digest for blob in giving.images["six:1"].all_blobs()]
    receipt = SimpleUploadedFile("receipt.json", json.dumps({"digests": known}).encode())
    client.post(at(giving, "new/"), {"images": "six:2", "receipt": receipt, "do": "create"})
    by_bundle, by_receipt = Bundle.objects.exclude(pk=first["id"]).order_by("created_at")
    assert by_bundle.omitted_bytes == by_receipt.omitted_bytes > 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"images": "nothing:1"}, "nothing:1"),
        ({"images": ""}, "This field is required."),
        ({"volume_bytes": "large"}, "Enter an amount such as 4GB or 700MiB."),
        ({"volume_bytes": "1KiB"}, "A volume this small has no room for its index."),
        ({"volume_bytes": "999999999TB"}, "A volume can have at most"),
        ({"receipt": SimpleUploadedFile("r.json", b"[]")}, "This is not a receipt."),
        ({"receipt": SimpleUploadedFile("r.json", b"[" * 100_000)}, "This is not a receipt."),
        ({"platforms": "amd64"}, "amd64"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    giving: Giving, signed_in: SignedIn, wrong: dict[str, str], said: str
) -> None:
    answer = signed_in("viewer").post(at(giving, "new/"), {"images": "six:1", "do": "create", **wrong})
    assert answer.status_code == 422
    assert said in text(answer.content)
    assert not Bundle.objects.exists()


def test_export_begins_with_the_images_of_where_one_comes_from(giving: Giving, signed_in: SignedIn) -> None:
    client, project = signed_in("viewer"), giving.team.project
    schedule = Schedule.objects.create(project=project, image_url="quay.io/a/b", cron="0 3 * * *")
    batch = BatchFactory(project=project)
    ended_task(Status.SUCCESS, project=project, target_name="six", target_tag="2", batch=batch, batch_index=0)
    ended_task(Status.FAILED, project=project, target_name="six", target_tag="1", batch=batch, batch_index=1)
    ended_task(Status.SUCCESS, project=project, target_name="gone", target_tag="1", schedule=schedule)
    ended_task(Status.SUCCESS, project=project, target_name="chart", target_tag="6.5.0", schedule=schedule)
    image = project.images.get(repository="multi")
    for path, query, names in (
        (f"images/{image.pk}/", f"image={image.pk}", "multi:1"),
        (f"batches/{batch.pk}/", f"batch={batch.pk}", "six:2"),
        (f"schedules/{schedule.pk}/", f"schedule={schedule.pk}", "chart:6.5.0"),
        ("", "", ""),
    ):
        page = client.get(f"/projects/{project.name}/{path}").content.decode()
        link = at(giving, f"new/?{query}" if query else "new/")
        assert f'href="{link}"' in page, path
        form = client.get(link).content.decode()
        area = re.search(r"<textarea[^>]*>\s*(.*?)</textarea>", form, re.DOTALL)
        assert area is not None and area[1] == names


def test_a_bundles_page_has_the_commands_for_each_of_its_files(giving: Giving, signed_in: SignedIn) -> None:
    made = giving.make("six:1", "multi:1").json()
    page = unescape(signed_in("viewer").get(at(giving, f"{made['id']}/")).content.decode())
    name = made["volumes"][0]["file_name"]
    assert (
        f"curl -f -C - --retry 10 -H \"Authorization: Bearer $PORTAL_TOKEN\" -o '{name}' '{made['volumes'][0]['url']}'"
        in page
    )
    assert f"for file in '{name}'; do tar -xf" in page
    assert f"skopeo copy --all 'oci-archive:{name}:six:1' 'docker://registry.example.com/six:1'" in page
    delta = giving.make("six:2", known=made["id"]).json()
    assert "skopeo" not in signed_in("viewer").get(at(giving, f"{delta['id']}/")).content.decode()


def test_only_who_made_it_and_maintainers_see_the_button_that_deletes(
    giving: Giving, signed_in: SignedIn
) -> None:
    made = giving.make("six:1", caller="viewer").json()
    for role, sees in (("viewer", True), ("developer", False), ("maintainer", True)):
        page = signed_in(role).get(at(giving, f"{made['id']}/")).content.decode()
        assert ("delete-bundle" in page) == sees
    assert signed_in("developer").post(at(giving, f"{made['id']}/delete/")).status_code == 403
    answer = signed_in("viewer").post(at(giving, f"{made['id']}/delete/"))
    assert answer.headers["Location"] == at(giving)
    assert not Bundle.objects.exists()


def test_who_only_reads_an_open_project_makes_no_bundle_there(giving: Giving, signed_in: SignedIn) -> None:
    project = giving.team.project
    project.visibility = project.Visibility.INTERNAL
    project.save()
    client = signed_in("stranger")
    for path in ("", at(giving).removeprefix(f"/projects/{project.name}/")):
        page = client.get(f"/projects/{project.name}/{path}")
        assert page.status_code == 200
        assert at(giving, "new/") not in page.content.decode()
    for answer in (client.get(at(giving, "new/")), client.post(at(giving, "new/"), {"images": "six:1"})):
        assert answer.status_code == 403
    assert giving.make("six:1", caller="stranger").status_code == 403
    assert not Bundle.objects.exists()
