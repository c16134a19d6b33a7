"""Pulls of what is not here, through the front of `make run`, with real clients and real registries."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from stack.push import basic
from stack.sample import sample_image
from testbed.images import random_image
from testbed.portal import ADMIN, RUNNER, PortalProcess
from testbed.scripted_http import Request
from testbed.scripted_registry import Act, Reply, ScriptedRegistry, corrupt, cut, hang_up, refuse
from testbed.services import RegistryServer
from testbed.throttle import Throttle
from tests.oci.attachments import artifact as attached
from tests.support.content.artifacts import artifact
from tests.support.services.door import soon

pytestmark = pytest.mark.timeout(300)

ACCEPT = ", ".join(
    f"application/vnd.{kind}"
    for kind in (
        "oci.image.index.v1+json",
        "oci.image.manifest.v1+json",
        "docker.distribution.manifest.list.v2+json",
        "docker.distribution.manifest.v2+json",
    )
)


class House:
    """A project with first pull, and its name at the registry's door."""

    def __init__(self, portal: PortalProcess, name: str, **changes: object) -> None:
        self.portal, self.name = portal, name
        self.id = portal.project(name)
        self.change(first_pull="viewer", **changes)

    def change(self, **changes: object) -> None:
        answer = self.portal.call("PATCH", f"/projects/{self.id}", changes)
        assert answer.status_code == 200, answer.text

    def robot(self, access: str = "pull") -> str:
        body = {"name": f"{access}{time.monotonic_ns()}", "access": access}
        made = self.portal.call("POST", f"/projects/{self.id}/robots", body).json()
        return f"{made['username']}:{made['secret']}"

    def bearer(self, repository: str, creds: str | None = None, *, actions: str = "pull") -> dict[str, str]:
        name, _, secret = (creds or f"{ADMIN}:{self.portal.token}").partition(":")
        answer = requests.get(
            f"{self.portal.url}/service/token",
            params={
                "service": "registry-portal",
                "scope": f"repository:{self.name}/{repository}:{actions}",
            },
            headers=basic(name, secret),
            timeout=20,
        )
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def ask(
        self,
        repository: str,
        reference: str,
        *,
        method: str = "GET",
        creds: str | None = None,
        query: str = "",
    ) -> requests.Response:
        return requests.request(
            method,
            f"http://{self.portal.registry_host}/v2/{self.name}/{repository}/manifests/{reference}{query}",
            headers={"Accept": ACCEPT, **self.bearer(repository, creds)},
            timeout=90,
        )

    def tasks(self) -> list[dict[str, Any]]:
        return list(self.portal.call("GET", f"/projects/{self.id}/images/import").json()["results"])


def written(host: str) -> str:
    """A registry's host as a name inside a project has it."""
    return host.replace(":", "__")


def skopeo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["skopeo", *arguments], capture_output=True, text=True, timeout=90, check=False)


@pytest.fixture
def source() -> Iterator[ScriptedRegistry]:
    with ScriptedRegistry() as found:
        yield found


def test_a_pull_brings_what_is_missing_by_tag_and_by_digest(
    portal: PortalProcess, registry: RegistryServer, tmp_path: Any
) -> None:
    house = House(portal, "pull-first")
    digest = registry.push("first/app", "1", sample_image())
    name = f"{written(registry.host)}/first/app"
    creds = house.robot()
    target = f"docker://{portal.registry_host}/{house.name}/{name}"
    pulled = skopeo(
        "copy", "--all", "--src-tls-verify=false", f"--src-creds={creds}", f"{target}:1", f"dir:{tmp_path}/a"
    )
    assert pulled.returncode == 0, pulled.stderr
    assert portal.verify(f"{house.name}/{name}", "1").digest == digest
    other = registry.push("first/other", "x", random_image([5000], seed=3))
    by_digest = house.ask(f"{written(registry.host)}/first/other", other, creds=creds)
    assert by_digest.status_code == 200, by_digest.text
    rows = {row["target_tag"]: row for row in house.tasks()}
    assert set(rows) == {"1", f"digest-{other[7:19]}"}
    assert rows["1"]["requested_by"] == creds.partition(":")[0]


def test_what_belongs_to_an_image_and_artifacts_come_too(
    portal: PortalProcess, source: ScriptedRegistry
) -> None:
    house = House(portal, "pull-attached")
    image, kept = random_image([3000], seed=41), artifact()
    source.add_image("ns/signed", "1", image)
    source.add_image("ns/signed", f"sha256-{image.digest[7:]}.sig", random_image([10], seed=42))
    source.add_image("ns/policy", "1", kept)
    bill = attached(b"bill of materials", of=image)
    source.referrers_api = True
    source.add_image("ns/signed", bill.digest, bill)
    name = written(source.server_name)
    for method in ("HEAD", "GET"):
        found = house.ask(f"{name}/ns/signed", "1", method=method)
        assert (found.status_code, found.headers["Docker-Content-Digest"]) == (200, image.digest)
    assert house.ask(f"{name}/ns/signed", f"sha256-{image.digest[7:]}.sig").status_code == 200
    # Distribution lists what is attached under a tag: OCI's distribution specification, "Referrers Tag Schema".
    listed = house.ask(f"{name}/ns/signed", f"sha256-{image.digest[7:]}").json()["manifests"]
    assert [each["digest"] for each in listed] == [bill.digest]
    assert house.ask(f"{name}/ns/signed", bill.digest).headers["Docker-Content-Digest"] == bill.digest
    assert house.ask(f"{name}/ns/policy", "1").headers["Docker-Content-Digest"] == kept.digest
    assert len(house.tasks()) == 2


def test_fifty_pulls_at_once_read_each_layer_once_and_all_succeed(
    portal: PortalProcess, source: ScriptedRegistry
) -> None:
    house = House(portal, "pull-fifty")
    image = random_image([300_000, 200_000], seed=43)
    source.add_image("ns/app", "1", image)
    name = f"{written(source.server_name)}/ns/app"
    token = house.bearer(name, house.robot())
    url = f"http://{portal.registry_host}/v2/{house.name}/{name}/manifests/1"

    def pull(_number: int) -> requests.Response:
        return requests.get(url, headers={"Accept": ACCEPT, **token}, timeout=90)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(pull, range(50)))
    assert [each.text for each in answers if each.status_code != 200] == []
    assert {each.headers["Docker-Content-Digest"] for each in answers} == {image.digest}
    read = Counter(each.path for each in source.seen() if each.method == "GET" and "/blobs/" in each.path)
    assert set(read.values()) == {1}
    assert len(house.tasks()) == 1
    before = len(source.seen())
    assert pull(0).status_code == 200
    assert len(source.seen()) == before


def test_a_source_with_wrong_bytes_leaves_nothing_and_the_client_gets_none(
    portal: PortalProcess, source: ScriptedRegistry
) -> None:
    house = House(portal, "pull-wrong")
    name = f"{written(source.server_name)}/ns/wrong"
    page = Reply(200, body=b"<html>" + b"x" * 4000)
    faults: dict[str, Act | Reply] = {"short": cut(100), "changed": corrupt(50), "page": page}
    for number, (tag, fault) in enumerate(faults.items()):
        image = random_image([4000], seed=50 + number)
        source.add_image("ns/wrong", tag, image)
        layer = image.blobs[-1]
        source.rule("GET", f"/blobs/{layer.digest}", fault)
        with suppress(requests.ReadTimeout):
            found = requests.get(
                f"http://{portal.registry_host}/v2/{house.name}/{name}/manifests/{tag}",
                headers={"Accept": ACCEPT, **house.bearer(name)},
                timeout=4,
            )
            assert found.status_code in (403, 503), (tag, found.text)
        url = f"http://{portal.registry_host}/v2/{house.name}/{name}/blobs/{layer.digest}"
        assert requests.get(url, headers=house.bearer(name), timeout=20).status_code == 404
        assert soon(lambda: len(house.tasks()) > number, seconds=60)  # noqa: B023 - looked at here and now
        assert house.tasks()[0]["target_tag"] == tag
        portal.call("POST", f"/projects/{house.id}/images/import/{house.tasks()[0]['id']}/cancel")
    rows = portal.call("GET", f"/projects/{house.id}/images").json()["results"]
    assert rows == []


def test_after_its_time_a_tag_is_asked_for_by_one_head_and_what_can_not_come_is_tried_once(
    portal: PortalProcess, source: ScriptedRegistry
) -> None:
    house = House(portal, "pull-moved", first_pull_fresh_seconds=0)
    name = f"{written(source.server_name)}/ns/app"
    came, moved, lost = (random_image([3000], seed=80 + number) for number in range(3))

    def pulled() -> str:
        found = house.ask(name, "1")
        assert found.status_code == 200, found.text
        return found.headers["Docker-Content-Digest"]

    source.add_image("ns/app", "1", came)
    assert pulled() == came.digest
    before = len(source.seen())
    assert pulled() == came.digest
    assert [each.method for each in source.seen()[before:]] == ["HEAD"]
    source.add_image("ns/app", "1", moved)
    assert pulled() == moved.digest
    # The pull that began the import recognises it when it has failed.
    source.add_image("ns/app", "1", lost)
    source.rule("GET", "/manifests/", Reply(404))
    assert pulled() == moved.digest
    assert [each["status"] for each in house.tasks()] == ["failed", "success", "success"]
    # Nor does a source that is away take away what is here.
    source.rule("", "/v2/", hang_up())
    assert pulled() == moved.digest


def test_a_client_that_leaves_does_not_end_the_import(
    portal: PortalProcess, source: ScriptedRegistry
) -> None:
    house = House(portal, "pull-left")
    source.add_image("ns/slow", "1", random_image([4000], seed=61))
    left = threading.Event()

    def slow(_request: Request, proceed: Callable[[], Reply]) -> Reply:
        left.wait(60)
        return proceed()

    source.rule("GET", "/blobs/", slow)
    name = f"{written(source.server_name)}/ns/slow"
    headers = {"Accept": ACCEPT, **house.bearer(name)}
    url = f"http://{portal.registry_host}/v2/{house.name}/{name}/manifests/1"
    host, _, port = portal.registry_host.rpartition(":")
    with closing(HTTPConnection(host, int(port))) as client:
        client.request("GET", urlsplit(url).path, headers=headers)
        assert soon(house.tasks, seconds=60)
    left.set()
    (task,) = house.tasks()
    assert portal.wait(house.id, task["id"])["status"] == "success"
    assert requests.get(url, headers=headers, timeout=20).status_code == 200


def test_a_pull_that_waits_too_long_is_told_how_far_it_is_and_a_later_one_succeeds(
    make_portal: Any, source: ScriptedRegistry
) -> None:
    house = House(make_portal(FIRST_PULL_WAIT_SECONDS="1"), "pull-long")
    name = written(source.server_name)

    def until(reference: str, words: str = "") -> requests.Response:
        """Pull until an answer has these words; without any, until the image is here."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            found = house.ask(f"{name}/ns/app", reference)
            if found.status_code == 200:
                assert not words
                return found
            assert found.status_code == 503, found.text
            assert int(found.headers["Retry-After"]) > 0
            if words and re.search(words, found.json()["errors"][0]["message"]):
                return found
        raise AssertionError(f"the last answer: {found.text}")

    large, other = random_image([1_000_000], seed=62), random_image([3000], seed=63)
    source.add_image("ns/app", "large", large)
    slow = Throttle(20_000)
    source.rule("GET", f"/blobs/{large.blobs[-1].digest}", slow)
    until("large", r"ns/app:large is being imported: \d+% done, about \d+ seconds? left")
    slow.release()
    assert until("large").headers["Docker-Content-Digest"] == large.digest
    # Nor is a source that is away taken for one that has no such image.
    source.add_image("ns/app", "other", other)
    away = source.rule("", "/v2/", refuse(503, "UNAVAILABLE"))
    until("other", r"% done\. The import is waiting and continues by itself: .*503")
    source.rules.remove(away)
    assert until("other").headers["Docker-Content-Digest"] == other.digest
    assert {row["target_tag"] for row in house.tasks()} == {"large", "other"}


def test_errors_come_through_the_front_as_registries_say_them(
    portal: PortalProcess, source: ScriptedRegistry
) -> None:
    house = House(portal, "pull-errors")
    name = written(source.server_name)
    get, head = (house.ask(f"{name}/ns/none", "1", method=each) for each in ("GET", "HEAD"))
    assert (get.status_code, head.status_code) == (404, 404)
    assert get.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"
    assert "ns/none:1" in get.json()["errors"][0]["message"]
    denied = house.ask("10.1.2.3/a/b", "1")
    assert (denied.status_code, denied.json()["errors"][0]["code"]) == (403, "DENIED")
    # ?ns= is not looked at.
    plain = house.ask("library/x", "1", query="?ns=169.254.169.254")
    assert (plain.status_code, plain.json()["errors"][0]["code"]) == (404, "MANIFEST_UNKNOWN")
    stranger = requests.get(
        f"http://{portal.registry_host}/v2/{house.name}/{name}/ns/none/manifests/1", timeout=20
    )
    assert stranger.status_code == 401
    heard = len(source.seen())
    house.change(first_pull="off")
    assert house.ask(f"{name}/ns/other", "1").status_code == 404
    assert len(source.seen()) == heard


def test_without_nginx_the_portal_comes_up_and_its_registry_serves(make_portal: Any) -> None:
    hidden = 'mount --bind /dev/null $(command -v nginx) && exec "$@"'
    portal = make_portal(command=("unshare", "--mount", "sh", "-c", hidden, "sh", *RUNNER))
    assert portal.services["first_pull_missing"] == "no_nginx"
    assert "there is no nginx here" in portal.output()
    assert portal.services["registry_url"] == f"http://{portal.registry_host}"
    assert requests.get(f"http://{portal.registry_host}/v2/", timeout=20).status_code == 401
