"""How many requests an import costs the source, and how large they get at the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from imageimport.models import BlobOrigin, ImportTask
from projects.models import Project
from stack.sample import Image, image_of, index_of
from testbed.images import random_image, random_layer
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import artifact, cosign_tag
from tests.support.factories import ProjectFactory, TaskFactory

pytestmark = pytest.mark.django_db(transaction=True)

Work = Callable[[], list[ImportTask]]


def ask_for(source: ScriptedRegistry, project: Project, **values: Any) -> ImportTask:
    name = f"{source.server_name}/library/app"
    return TaskFactory(
        project=project,
        image_url=f"{name}:v1",
        source_registry=source.server_name,
        source_image=f"{name}:v1",
        target_name="app",
        target_tag="v1",
        **values,
    )


# --- requests to the source --------------------------------------------------------------------------------


def signed_index() -> tuple[Image, list[Image]]:
    """Ten platforms of one layer each; the index and each image have a signature."""
    platforms = [
        f"linux/{each}" for each in ("amd64", "arm64", "386", "ppc64le", "s390x", "riscv64", "mips64le")
    ]
    platforms += ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"]
    children = [random_image([2_048], seed=200 + n, platform=each) for n, each in enumerate(platforms)]
    return index_of(children), children


def counted(source: ScriptedRegistry) -> Counter[str]:
    """Requests since the last look, by method and kind."""
    kinds = ("/blobs/", "/referrers/", "/manifests/")
    found = Counter(
        f"{each.method} {next((kind for kind in kinds if kind in each.path), each.path)}"
        for each in source.seen()
    )
    source.requests.clear()
    return found


@pytest.mark.parametrize(("referrers_api", "most"), [(True, 99), (False, 102)])
def test_a_signed_index_of_ten_platforms_costs_the_source_no_more_than_this(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, referrers_api: bool, most: int
) -> None:
    """Of eleven manifests: each once, three of cosign's tags, its referrers; each signature; 32 small blobs; and one
    tag that may stand in for the referrers API, while it is unknown whether there is one. A GET of a manifest counts as
    a pull at Docker Hub, a HEAD does not: for a repository that has held nothing yet the index is asked for at once,
    else by HEAD what the tag names.
    """
    source.referrers_api = referrers_api
    index, children = signed_index()
    source.add_image("library/app", "v1", index)
    for each in (index, *children):
        source.add_image("library/app", cosign_tag(each, ".sig"), artifact(b"signed " + each.digest.encode()))
    project = ProjectFactory()
    ask_for(source, project)
    assert [task.status for task in work()] == ["success"]
    assert not source.seen("HEAD", "/manifests/v1")
    first = counted(source)
    assert first["GET /manifests/"] == 22
    assert first["GET /blobs/"] == 32
    assert first.total() <= most
    ask_for(source, project)
    assert [task.status for task in work()] == ["success", "success"]
    again = counted(source)
    print(f"requests to the source: {first.total()} at first, {again.total()} for a repetition")
    assert again["GET /manifests/"] == again["GET /blobs/"] == 0, "a repetition is no pull"
    assert again.total() <= first.total() - 21 - 32


# --- how large requests get --------------------------------------------------------------------------------


def test_layers_that_could_be_mounted_from_two_hundred_repositories_make_no_request_large(
    source: ScriptedRegistry, target: ScriptedRegistry, work: Work, settings: Any
) -> None:
    """A token for all of them would be a header that proxies refuse."""
    settings.REGISTRY_AUTH = "token"
    layers = [random_layer(512, seed=300 + number) for number in range(50)]
    source.add_image("library/app", "v1", image_of(layers))
    project = ProjectFactory()
    for number in range(200):
        repository = f"another-team-with-a-long-name/an-image-with-a-long-name-{number}"
        blob = layers[number % len(layers)].blob
        target.add_blob(repository, blob.data)
        BlobOrigin.objects.create(
            digest=blob.digest,
            source_registry=source.server_name,
            repository=repository,
            size=len(blob.data),
        )
    ask_for(source, project)
    assert [task.status for task in work()] == ["success"]
    mounted = {each.asked("from") for each in target.seen("POST") if each.asked("mount")}
    assert len(mounted) == len(layers)
    heads = [
        len(f"{each.method} {each.path}?{each.query}")
        + sum(map(len, (*each.headers, *each.headers.values())))
        for each in target.seen()
    ]
    assert max(heads) < 8 * 1024
    assert all(each.authorization for each in target.seen("POST"))
