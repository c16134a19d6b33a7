"""Nothing that a user types or a registry sends leads an import to an address that is not public.

Every way by which a hostile registry can name another address is tried with every kind of address, through the whole
pipeline. Plain HTTP is allowed everywhere here, so that the address alone is what is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from accounts.exceptions import FieldErrors
from imageimport.choices import Status
from imageimport.models import ImportTask
from imageimport.registries.clients import _door
from imageimport.submission import services
from imageimport.submission.requests import ImportRequest
from oci.egress import door
from projects.models import Project
from testbed.images import random_image
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry, redirect, unauthorised_once
from tests.oci.attachments import artifact
from tests.support.factories import ProjectFactory
from tests.support.networks.canary import Canary
from tests.support.networks.forbidden import FORBIDDEN_REFERENCES, FORBIDDEN_URLS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis_free")]


@dataclass(frozen=True)
class Trick:
    """One way of a registry to name another address."""

    name: str
    arrange: Callable[[ScriptedRegistry, str, str], None]
    #: Whether the image may still arrive, without what the trick was about.
    harmless: bool = False


def _manifest(evil: ScriptedRegistry, image: str, url: str) -> None:
    evil.rule("", f"/v2/{image}/manifests/", redirect(url))


def _blob(evil: ScriptedRegistry, image: str, url: str) -> None:
    evil.rule("GET", f"/v2/{image}/blobs/", redirect(url))


def _realm(evil: ScriptedRegistry, image: str, url: str) -> None:
    evil.rule("", f"/v2/{image}/", unauthorised_once(f'Bearer realm="{url}",service="s"'))


def _second_hop(evil: ScriptedRegistry, image: str, url: str) -> None:
    evil.rule("GET", f"/v2/{image}/blobs/", redirect(f"/hop/{image}"))
    evil.rule("GET", f"/hop/{image}$", redirect(url, 302))


def _referrers(evil: ScriptedRegistry, image: str, url: str) -> None:
    evil.rule("GET", f"/v2/{image}/referrers/", redirect(url))


def _next_page(evil: ScriptedRegistry, image: str, url: str) -> None:
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}
    headers = [("Content-Type", str(index["mediaType"])), ("Link", f'<{url}>; rel="next"')]
    evil.rule("GET", f"/v2/{image}/referrers/", Reply(headers=headers, body=json.dumps(index).encode()))


def _foreign(evil: ScriptedRegistry, image: str, url: str) -> None:
    repository = evil.repository(image)
    document = json.loads(repository.manifests["1"][1])
    document["layers"].append(
        {
            "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            "digest": f"sha256:{'b' * 64}",
            "size": 1000,
            "urls": [url],
        }
    )
    evil.add_manifest(image, "1", json.dumps(document).encode(), document["mediaType"])


TRICKS = (
    Trick("manifest redirect", _manifest),
    Trick("blob redirect", _blob),
    Trick("token realm", _realm),
    Trick("second hop", _second_hop),
    Trick("referrers redirect", _referrers),
    Trick("Link header", _next_page, harmless=True),
    Trick("foreign layer", _foreign, harmless=True),
)


def lead(evil: ScriptedRegistry, trick: Trick, urls: Sequence[str], project: Project) -> None:
    """Ask for one import for each URL that the trick is to lead to."""
    for number, url in enumerate(urls):
        image = f"t{number}/app"
        evil.add_image(image, "1", random_image([2048], seed=number + 1))
        trick.arrange(evil, image, url)
        request = ImportRequest(image_url=f"{evil.server_name}/{image}:1")
        services.submit(project=project, user=None, request=request)


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.name)
def test_a_registry_leads_an_import_to_no_forbidden_address(
    trick: Trick,
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    friend: Canary,
    work: Callable[[], list[ImportTask]],
) -> None:
    urls = [each.format(port=canary.port, allowed=evil.server_name) for each in FORBIDDEN_URLS]
    lead(evil, trick, urls, ProjectFactory())
    tasks = work()
    assert canary.visits == []
    assert friend.visits == []  # of a name that leads to a good and a bad address, neither is taken
    for url, task in zip(urls, tasks, strict=True):
        if not trick.harmless:
            assert task.status == Status.FAILED, url
        if task.status != Status.SUCCESS:
            assert task.error_code in {"blocked_address", "protocol_error"}, (
                url,
                task.error_code,
                task.error,
            )
            assert task.attempts == 1
    assert not [request for request in target.seen() if request.headers.get("host") != target.server_name]


@pytest.mark.parametrize("trick", TRICKS[:5], ids=lambda trick: trick.name)
@pytest.mark.parametrize("url", ["http://127.0.0.2:{port}/x", "http://allowed.example:{port}/x"])
def test_the_same_trick_does_lead_to_an_address_that_is_allowed(
    trick: Trick,
    url: str,
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    friend: Canary,
    work: Callable[[], list[ImportTask]],
) -> None:
    """So that the test above can fail."""
    evil.referrers_api = True
    lead(evil, trick, [url.format(port=friend.port)], ProjectFactory())
    work()
    assert friend.visits
    assert canary.visits == []


def test_a_reference_leads_to_no_forbidden_address(
    evil: ScriptedRegistry, target: ScriptedRegistry, canary: Canary, work: Callable[[], list[ImportTask]]
) -> None:
    project, accepted = ProjectFactory(), []
    for number, template in enumerate(FORBIDDEN_REFERENCES):
        text = template.format(port=canary.port)
        request = ImportRequest(image_url=text, target_name=f"n{number}")
        try:
            services.submit(project=project, user=None, request=request)
        except FieldErrors as refused:
            assert list(refused.errors) == ["image_url"], text
        else:
            accepted.append(text)
    assert [text.partition(":")[0] for text in accepted] == [
        "inside.example",
        "both.example",
        "mapped.example",
        "metadata.example",
    ]
    assert {task.error_code for task in work()} == {"blocked_address"}
    assert canary.visits == []


def test_a_name_that_changes_between_check_and_connect_gains_nothing(
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    friend: Canary,
    work: Callable[[], list[ImportTask]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def flip(host: str) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) % 2 else ["127.0.0.1"]

    monkeypatch.setattr(door, "system_resolver", flip)
    _door.cache_clear()
    lead(
        evil,
        TRICKS[0],
        [f"http://inside.example:{canary.port}/{number}" for number in range(3)],
        ProjectFactory(),
    )
    tasks = work()
    # The good answer is connected to, without asking again; the bad one is refused.
    assert canary.visits == []
    assert friend.visits
    assert {task.status for task in tasks} == {Status.FAILED}
    assert "blocked_address" in {task.error_code for task in tasks}


def test_an_operators_mirror_is_no_target_for_anybody_else(
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    work: Callable[[], list[ImportTask]],
    settings: Any,
) -> None:
    project = ProjectFactory()
    with ScriptedRegistry() as mirror:
        image = random_image([2048], seed=77)
        digest = mirror.add_image("secret/app", "1", image)
        settings.IMPORT_REGISTRY_MIRRORS = {"ghcr.io": (mirror.url,)}
        settings.IMPORT_MIRRORS_ONLY = ["ghcr.io"]
        with pytest.raises(FieldErrors):
            services.submit(
                project=project,
                user=None,
                request=ImportRequest(image_url=f"{mirror.server_name}/secret/app:1"),
            )
        lead(evil, TRICKS[0], [f"{mirror.url}/v2/secret/app/manifests/{digest}"], project)
        lead(
            evil,
            TRICKS[1],
            [f"{mirror.url}/v2/secret/app/blobs/{image.all_blobs()[0].digest}"],
            ProjectFactory(),
        )
        assert {task.error_code for task in work()} == {"blocked_address"}
        assert mirror.seen() == []
        services.submit(project=project, user=None, request=ImportRequest(image_url="ghcr.io/secret/app:1"))
        assert work()[-1].status == Status.SUCCESS
        assert mirror.seen()


def test_own_services_are_no_target_even_where_their_network_is_allowed(
    evil: ScriptedRegistry,
    target: ScriptedRegistry,
    canary: Canary,
    work: Callable[[], list[ImportTask]],
    settings: Any,
) -> None:
    settings.IMPORT_PRIVATE_SOURCES = ["127.0.0.0/8", "[::1]"]
    settings.OWN_ENDPOINTS = [("127.0.0.1", canary.port), ("127.0.0.1", target.port)]
    urls = [
        template.format(port=port)
        for port in (canary.port, target.port)
        for template in (
            "http://127.0.0.1:{port}/v2/",
            "http://127.0.0.3:{port}/",
            "http://inside.example:{port}/v2/",
        )
    ]
    lead(evil, TRICKS[0], urls, ProjectFactory())
    tasks = work()
    assert {task.error_code for task in tasks} == {"blocked_address"}
    assert canary.visits == []
    # What the imports ask of their own target is asked by its own client, by HEAD.
    assert {each.method for each in target.seen("", "/manifests/")} <= {"HEAD"}
    assert not target.seen("GET")


def test_a_signature_that_is_found_by_redirect_is_left_out_and_the_image_arrives(
    evil: ScriptedRegistry, target: ScriptedRegistry, canary: Canary, work: Callable[[], list[ImportTask]]
) -> None:
    evil.referrers_api = True
    image = random_image([2048], seed=9)
    evil.add_image("signed/app", "1", image)
    attached = artifact(b"an SBOM", of=image)
    evil.add_image("signed/app", "sbom", attached)
    evil.rule(
        "GET", f"/blobs/{attached.all_blobs()[-1].digest}", redirect(f"http://127.0.0.1:{canary.port}/")
    )
    services.submit(
        project=ProjectFactory(),
        user=None,
        request=ImportRequest(image_url=f"{evil.server_name}/signed/app:1"),
    )
    (task,) = work()
    assert canary.visits == []
    assert task.error_code in {"", "blocked_address"}
