"""Documents that are fine one by one, and too much together."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from oci import limits
from oci.errors import OciError
from oci.memory import MemoryBudget, cost_of
from oci.registry.repository import Repository
from oci.spec.manifest import parse_manifest
from oci.spec.strict_json import BadJsonError, load
from stack.sample import OCI_INDEX, OCI_MANIFEST, Blob, Image
from testbed.images import random_image
from testbed.scripted_http import Reply, Request
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.attachments import EMPTY, artifact, cosign_tag, index
from tests.oci.copying import client, copier, run

IMAGE = random_image([4_096], seed=95)


def large(number: int, size: int = 1_000_000, **more: Any) -> Image:
    """An artifact whose manifest has about ``size`` bytes."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY.descriptor(),
        "layers": [],
        "annotations": {"number": str(number), "text": "x" * size},
        **more,
    }
    return Image(Blob(OCI_MANIFEST, json.dumps(document).encode()), (EMPTY,))


def refused(made: Any) -> str:
    with pytest.raises(OciError) as caught:
        run(made)
    return caught.value.code


def test_many_small_documents_weigh_little() -> None:
    children: list[tuple[Image, dict[str, Any]]] = [
        (random_image([2_048], seed=300 + number), {}) for number in range(60)
    ]
    whole = sum(cost_of(child.manifest.data) for child, _ in children)
    assert whole + cost_of(index(children).manifest.data) < limits.DOCUMENTS_COST / 10


def test_what_is_held_has_an_end() -> None:
    documents = MemoryBudget(100)
    documents.reserve(60)
    documents.check(100, is_kept=False)
    documents.check(40, is_kept=True)
    with pytest.raises(OciError) as caught:
        documents.reserve(41)
    assert caught.value.code == "limit_exceeded"
    for cost, is_kept in ((41, True), (101, False)):
        with pytest.raises(OciError) as caught:
            documents.check(cost, is_kept=is_kept)
        assert caught.value.code == "limit_exceeded"
    documents.reserve(40)


def test_children_that_are_too_much_together(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", index([(large(number), {}) for number in range(12)]))
    assert refused(copier(source, target)) == "limit_exceeded"
    assert target.seen("PUT", "/manifests/") == []


def test_a_manifest_of_four_mebibytes_is_fine(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    image = large(1, limits.MANIFEST_BYTES - 1000)
    source.add_image("library/app", "v1", image)
    documents = MemoryBudget()
    shared = {"documents": documents}
    made = copier(source, target, source_options=shared, target_options=shared, documents=documents)
    assert run(made).image.digest == image.digest


def test_configurations_that_are_too_much_together(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Children whose entries name no platform are looked into."""

    def child(number: int) -> Image:
        text = json.dumps({"os": "linux", "architecture": "amd64", "number": number, "text": "x" * 1_000_000})
        config = Blob("application/vnd.oci.image.config.v1+json", text.encode())
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.descriptor(),
            "layers": [],
        }
        return Image(Blob(OCI_MANIFEST, json.dumps(document).encode()), (config,))

    source.add_image("library/app", "v1", index([(child(number), {}) for number in range(12)]))
    assert refused(copier(source, target, platforms=["linux/amd64"])) == "limit_exceeded"


@pytest.mark.parametrize("by_tag", [True, False])
def test_an_image_comes_without_attachments_that_are_too_much(
    source: ScriptedRegistry, target: ScriptedRegistry, by_tag: bool
) -> None:
    source.add_image("library/app", "v1", IMAGE)
    source.referrers_api = not by_tag
    if by_tag:
        entries: list[tuple[Image, dict[str, Any]]] = [(large(number), {}) for number in range(12)]
        source.add_image("library/app", cosign_tag(IMAGE, ".att"), index(entries))
    else:
        for number in range(12):
            subject = large(number, subject=IMAGE.manifest.descriptor())
            source.add_image("library/app", subject.digest, subject)
    origin = Repository(client(source), "library/app")
    assert run(copier(origin, target)).image.digest == IMAGE.digest
    assert any("was not imported" in template for template, _params in origin.notes)


def test_pages_of_referrers_that_never_end(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    source.add_image("library/app", "v1", IMAGE)

    def page(request: Request, _proceed: object) -> Reply:
        number = int(request.asked("page") or "0") + 1
        entry = artifact(b"%d" % number).manifest.descriptor() | {"annotations": {"a": "x" * 1_000_000}}
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()
        link = ("Link", f'<{request.path}?page={number}>; rel="next"')
        return Reply(headers=[("Content-Type", OCI_INDEX), link], body=body)

    source.rule("GET", "/referrers/", page)
    assert run(copier(source, target)).image.digest == IMAGE.digest
    assert len(source.seen("GET", "/referrers/")) < 10


def test_names_that_are_too_much_together(source: ScriptedRegistry) -> None:
    def page(request: Request, _proceed: object) -> Reply:
        number = int(request.asked("last") or "0") + 1
        names = [f"{number}-{place}-".ljust(250, "x") for place in range(2_000)]
        link = ("Link", f'</v2/library/app/tags/list?last={number}>; rel="next"')
        return Reply(headers=[link], body=json.dumps({"tags": names}).encode())

    source.rule("GET", "/tags/list", page)
    with pytest.raises(OciError) as caught:
        list(Repository(client(source), "library/app").list_tags())
    assert caught.value.code == "limit_exceeded"
    assert len(source.seen("GET", "/tags/list")) < 10


@pytest.mark.parametrize("wide", ["\U0001f600".encode(), b"\\ud83d\\ude00", "ä".encode()])
def test_one_wide_character_in_a_large_text_is_refused(wide: bytes) -> None:
    """It would make each of the others take four bytes."""
    text = b'{"a":"' + wide + b"x" * limits.JSON_WIDE_BYTES + b'"}'
    with pytest.raises(BadJsonError) as caught:
        load(text)
    assert caught.value.too_large
    assert load(text.replace(b"x", b"", limits.JSON_WIDE_BYTES // 2))


def test_large_documents_are_read_one_at_a_time(source: ScriptedRegistry, target: ScriptedRegistry) -> None:
    """The second is not even taken in while the first is under way."""
    images = [large(number, 400_000) for number in range(2)]
    for number, image in enumerate(images):
        source.add_image("library/app", str(number), image)
    reader = client(source)
    found: list[str] = []
    threads = [
        threading.Thread(
            target=lambda n=n: found.append(Repository(reader, "library/app").get_manifest(str(n)).digest)
        )
        for n in range(2)
    ]
    with reader.session.documents.reading(is_kept=False) as came:
        came(limits.LARGE_DOCUMENT_BYTES + 1)
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(source.seen("GET", "/manifests/")) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        threads[0].join(0.3)
        assert found == []
        small = random_image([10], seed=3)
        source.add_image("library/app", "small", small)
        assert Repository(reader, "library/app").get_manifest("small").digest == small.digest
    for thread in threads:
        thread.join(60)
    assert sorted(found) == sorted(image.digest for image in images)


def test_indexes_that_name_each_other_a_million_times_cost_no_time(
    source: ScriptedRegistry, target: ScriptedRegistry
) -> None:
    """Three small indexes, each of which names the next a thousand times: a billion ways to one image."""
    source.add_image("library/app", IMAGE.digest, IMAGE)
    entry = IMAGE.manifest.descriptor()
    for _ in range(3):
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] * 1000}
        body = json.dumps(document).encode()
        digest = source.add_manifest("library/app", "v1", body, OCI_INDEX)
        entry = {"mediaType": OCI_INDEX, "digest": digest, "size": len(body)}
    result = run(copier(source, target, platforms=["linux/amd64"]))
    assert result.source_digest == digest


def test_a_layer_of_many_descriptions_is_weighed_before_it_is_read() -> None:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": EMPTY.descriptor(),
        "layers": [],
        "annotations": {f"k{number}": "v" * 60 for number in range(45_000)},
    }
    body = json.dumps(document).encode()
    assert parse_manifest(body, OCI_MANIFEST, expected_digest=None).cost > limits.DOCUMENTS_COST
