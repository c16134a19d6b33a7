"""nginx before a registry, with the portal away: what is here is served as ever, and the registry judges who reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from stack.config import Registry, RunConfig
from stack.push import basic, push_image
from stack.services import embedded, front_server
from stack.services.front_server import FrontPlan, Upstreams, configuration, front_service
from stack.services.ports import free_port
from stack.services.spec import ServiceSpec
from testbed.images import random_image
from testbed.scripted_http import Reply, Request, ScriptedServer
from testbed.services import RegistryServer, start_on_free_port

IMAGE = random_image([70_000], seed=77)
NAME = "team/docker.io/library/app"
ACCEPT = {"Accept": IMAGE.manifest.media_type}
LAYER = max(IMAGE.blobs, key=lambda blob: blob.size)


@contextmanager
def front_before(
    registry: RegistryServer, directory: Path, portal: str, *, files: Path | None = None
) -> Iterator[str]:
    """The URL of a front before the registry, in a directory whose name nginx has to be told with care.

    :param files: where it looks for the registry's; None: where they are.
    """
    directory = directory / 'the "front"; of $team'
    directory.mkdir()
    storage = directory.parent / 'its "layers"; here'
    storage.symlink_to(files or registry.plan.directory / "data")

    def make(port: int) -> ServiceSpec:
        upstreams = Upstreams(registry.host, portal)
        plan = FrontPlan(directory=directory, port=port, upstreams=upstreams, storage=str(storage))
        return front_service(plan)

    running, port = start_on_free_port(make, directory / "front.log")
    with running:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def front(basic_registry: RegistryServer, tmp_path: Path) -> Iterator[str]:
    """The URL of a front before the shared registry with sign-in, with the portal away."""
    with front_before(basic_registry, tmp_path, f"127.0.0.1:{free_port()}") as url:
        yield url


def test_what_is_here_is_pushed_listed_and_pulled_through_the_front(
    front: str, basic_registry: RegistryServer
) -> None:
    # Of this test alone: it looks at the whole list of tags.
    name = "team/docker.io/library/listed"
    account = basic(*basic_registry.account)
    digest = push_image(front, name, "1", IMAGE, headers=account)
    for reference in ("1", digest):
        for method in ("GET", "HEAD"):
            found = requests.request(
                method, f"{front}/v2/{name}/manifests/{reference}", headers={**account, **ACCEPT}, timeout=20
            )
            assert (found.status_code, found.headers["Docker-Content-Digest"]) == (200, digest)
    assert requests.get(f"{front}/v2/{name}/tags/list", headers=account, timeout=20).json()["tags"] == ["1"]
    assert basic_registry.verify(name, "1").digest == digest


def test_a_layer_of_another_repository_is_mounted_through_the_front(
    front: str, basic_registry: RegistryServer
) -> None:
    account = basic(*basic_registry.account)
    push_image(front, NAME, "1", IMAGE, headers=account)
    url = f"{front}/v2/team/ghcr.io/mounted/{LAYER.digest[7:15]}/blobs"
    query = {"mount": LAYER.digest, "from": NAME}
    mounted = requests.post(f"{url}/uploads/", params=query, headers=account, timeout=20)
    assert (mounted.status_code, mounted.headers["Docker-Content-Digest"]) == (201, LAYER.digest)
    assert requests.get(f"{url}/{LAYER.digest}", headers=account, timeout=20).content == LAYER.data


def test_what_is_missing_is_unavailable_while_the_portal_is_away_and_other_names_are_unknown(
    front: str, basic_registry: RegistryServer
) -> None:
    account = basic(*basic_registry.account)
    missing = requests.get(f"{front}/v2/team/ghcr.io/a/b/manifests/1", headers=account, timeout=20)
    assert (missing.status_code, missing.json()["errors"][0]["code"]) == (503, "UNAVAILABLE")
    assert missing.headers["Retry-After"] == "10"
    other = requests.get(f"{front}/v2/team/app/manifests/1", headers=account, timeout=20)
    assert (other.status_code, other.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    # What goes in or out for good is the registry's own business.
    gone = requests.delete(f"{front}/v2/team/ghcr.io/a/b/manifests/1", headers=account, timeout=20)
    assert gone.status_code in (400, 404, 405)
    assert "UNAVAILABLE" not in gone.text


def test_a_layer_is_sent_to_those_only_whom_the_registry_lets_read_it(
    front: str, basic_registry: RegistryServer
) -> None:
    account = basic(*basic_registry.account)
    push_image(front, NAME, "1", IMAGE, headers=account)
    url = f"{front}/v2/{NAME}/blobs/{LAYER.digest}"
    for headers in ({}, basic("someone", "else")):
        refused = requests.get(url, headers=headers, timeout=20)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].count("realm=") == 1
        assert LAYER.data not in refused.content
    sent = requests.get(url, headers=account, timeout=20)
    assert (sent.status_code, sent.content) == (200, LAYER.data)
    assert sent.headers["Docker-Content-Digest"] == LAYER.digest
    part = requests.get(url, headers={**account, "Range": "bytes=10-19"}, timeout=20)
    assert (part.status_code, part.content) == (206, LAYER.data[10:20])
    # The file is there, and no layer of this repository.
    elsewhere = requests.get(url.replace(NAME, "team/other"), headers=account, timeout=20)
    assert (elsewhere.status_code, elsewhere.json()["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize("missing", ["folder", "file", "right"])
def test_a_layer_that_is_not_at_hand_comes_from_the_registry(
    basic_registry: RegistryServer, tmp_path: Path, missing: str
) -> None:
    account, files = basic(*basic_registry.account), tmp_path / "files"
    place = files / basic_registry.blob_path(LAYER.digest).relative_to(basic_registry.plan.directory / "data")
    if missing != "folder":
        place.parent.mkdir(parents=True)
    if missing == "right":  # Not even root reads that.
        place.symlink_to(place)
    with front_before(basic_registry, tmp_path, f"127.0.0.1:{free_port()}", files=files) as url:
        push_image(url, NAME, "1", IMAGE, headers=account)
        sent = requests.get(f"{url}/v2/{NAME}/blobs/{LAYER.digest}", headers=account, timeout=20)
        assert (sent.status_code, sent.content) == (200, LAYER.data)
        assert sent.headers["Docker-Content-Digest"] == LAYER.digest
        assert requests.get(f"{url}/v2/{NAME}/blobs/{LAYER.digest}", timeout=20).status_code == 401


def test_a_stale_tag_that_the_registry_has_lost_is_asked_for_as_missing(
    basic_registry: RegistryServer, tmp_path: Path
) -> None:
    """A row of the portal's is no manifest: what it thinks is here may be gone."""
    account = basic(*basic_registry.account)
    body = b'{"errors":[{"code":"UNAVAILABLE","message":"It comes."}]}'

    def portal(request: Request) -> Reply:
        ask = request.path.removeprefix("/service/first-pull/").partition("/")[0]
        if ask == "fresh":
            return Reply(403)
        if ask == "stale":
            return Reply(200, [("X-Accel-Redirect", "@registry-or-missing")])
        return Reply(503, [("Content-Type", "application/json")], body)

    with (
        ScriptedServer(portal) as scripted,
        front_before(basic_registry, tmp_path, scripted.server_name) as url,
    ):
        digest = push_image(url, NAME, "here", IMAGE, headers=account)
        here = requests.get(f"{url}/v2/{NAME}/manifests/here", headers={**account, **ACCEPT}, timeout=20)
        assert (here.status_code, here.headers["Docker-Content-Digest"]) == (200, digest)
        lost = requests.get(f"{url}/v2/{NAME}/manifests/lost", headers={**account, **ACCEPT}, timeout=20)
        assert (lost.status_code, lost.content) == (503, body)
        asked = [each.path for each in scripted.requests if each.path.endswith("/lost")]
    assert asked == [
        f"/service/first-pull/{ask}/v2/{NAME}/manifests/lost" for ask in ("fresh", "stale", "missing")
    ]


def test_layers_in_a_folder_that_nginx_would_read_as_a_variable_go_through_the_registry(
    tmp_path: Path,
) -> None:
    plan = FrontPlan(tmp_path, 5000, Upstreams("127.0.0.1:1", "127.0.0.1:2"), storage="/data/$team")
    assert "alias" not in configuration(plan)
    assert "alias" in configuration(replace(plan, storage="/data/team"))


def test_the_fronts_own_addresses_are_not_for_clients(front: str) -> None:
    for path in ("/registry/v2/", "/first-pull-fresh", "/registry-has"):
        assert requests.get(f"{front}{path}", timeout=20).status_code in (403, 404)


def test_without_nginx_or_tokens_there_is_no_front_and_a_word_for_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert embedded.why_no_front(RunConfig(tmp_path)) == ""
    assert embedded.why_no_front(RunConfig(tmp_path, registry=Registry(auth="none"))) == "registry_auth"
    monkeypatch.setattr(front_server, "find", lambda *_names: None)
    assert embedded.why_no_front(RunConfig(tmp_path)) == "no_nginx"
    # One that was built without what it takes.
    monkeypatch.setattr(front_server, "find", lambda *_names: "/bin/true")
    assert embedded.why_no_front(RunConfig(tmp_path)) == "no_nginx"
