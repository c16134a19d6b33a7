"""What holds for all of a batch fills in, and each bad entry is named before anything is made."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from accounts.exceptions import FieldErrors
from imageimport.batches import services as batches
from imageimport.models import ImportBatch, ImportTask
from imageimport.submission.requests import ImportRequest
from projects.models import Project
from tests.imageimport.batches.making import make
from tests.support.factories import CredentialFactory, ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_bad_entry_and_nothing_is_made_each_with_its_reason(team: tuple[User, Project]) -> None:
    busy = TaskFactory(project=team[1], target_name="busy")
    with pytest.raises(batches.BatchErrors) as refused:
        make(team, "nginx", "Bad!!", "redis", "10.0.0.1/x", "busy", ImportRequest("a", target_name="redis"))
    assert sorted(refused.value.by_index) == [1, 3, 5]
    assert list(ImportTask.objects.all()) == [busy]
    assert not ImportBatch.objects.exists()
    assert len(refused.value.errors["images"]) == 3


def test_a_target_that_is_being_written_is_named(team: tuple[User, Project]) -> None:
    TaskFactory(project=team[1], target_name="nginx")
    TaskFactory(project=ProjectFactory(), target_name="redis")
    with pytest.raises(batches.BatchErrors) as refused:
        make(team, "redis", "nginx")
    assert list(refused.value.by_index) == [1]


def test_the_same_import_twice_is_one_and_another_source_for_its_target_an_error(
    team: tuple[User, Project],
) -> None:
    assert make(team, "nginx", "redis", "docker.io/library/nginx:latest").tasks.count() == 2
    with pytest.raises(batches.BatchErrors) as refused:
        make(team, "quay.io/a/b", "ghcr.io/a/b")
    assert "entry 1" in refused.value.by_index[1][0]


def test_what_holds_for_all_fills_in_where_an_entry_says_nothing(team: tuple[User, Project]) -> None:
    saved = CredentialFactory(project=team[1], registry="ghcr.io")
    own = ImportRequest(
        "ghcr.io/a/own", username="me", password="mine", platforms=["linux/arm64"], transport="registry"
    )
    common = ImportRequest("", credential=saved, platforms=["linux/amd64"], overwrite=False)
    piped = "docker pull --platform linux/s390x ghcr.io/a/piped"
    batch = make(team, "ghcr.io/a/one", "quay.io/a/two", own, piped, common=common)
    one, two, mine, read = batch.tasks.order_by("batch_index")
    assert (one.credential, one.platforms, one.overwrite) == (saved, ["linux/amd64"], False)
    assert (two.credential, two.has_credentials) == (None, False), (
        "a credential goes to its own registry only"
    )
    assert (mine.credential, mine.password.reveal(), mine.platforms) == (None, "mine", ["linux/arm64"])
    assert read.platforms == ["linux/s390x"]


def test_a_password_for_all_is_not_shown_to_several_registries(team: tuple[User, Project]) -> None:
    common = ImportRequest("", username="me", password="hunter22")
    with pytest.raises(FieldErrors) as refused:
        make(team, "ghcr.io/a/b", "quay.io/a/c", common=common)
    assert list(refused.value.errors) == ["password"]
    batch = make(team, "ghcr.io/a/b", "ghcr.io/a/c", common=common)
    assert {task.password.reveal() for task in batch.tasks.all()} == {"hunter22"}


def test_a_saved_credential_that_fits_no_entry_is_an_error(team: tuple[User, Project]) -> None:
    saved = CredentialFactory(project=team[1], registry="ghcr.io")
    with pytest.raises(FieldErrors) as refused:
        make(team, "quay.io/a/c", common=ImportRequest("", credential=saved))
    assert list(refused.value.errors) == ["credential"]
