"""A chart of a Helm repository, read as a registry's repository is."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from oci.charts.source import ChartSource, Known
from oci.egress.door import Door, EgressPolicy
from oci.errors import OciError
from oci.http.transport import Timeouts
from oci.reference.parser import parse_reference
from oci.registry.auth.credentials import Credential, Identity
from oci.registry.client import RegistryClient
from oci.registry.listing import TagFacts
from oci.registry.options import ClientOptions, Throttling
from oci.registry.retry import RetryBudget, RetryPolicy
from oci.spec.digest import digest_of
from testbed.scripted_http import Reply, Request, ScriptedServer
from tests.support.content.charts import ChartServer

ACCOUNT = ("ada", "chart-secret")


@pytest.fixture
def server() -> Iterator[ChartServer]:
    with ChartServer() as server:
        yield server


def chart_client(
    server: ChartServer,
    *,
    account: tuple[str, str] | None = None,
    others: tuple[str, ...] = (),
    options: ClientOptions | None = None,
) -> RegistryClient:
    """Of the server, and allowed to reach ``others``."""
    hosts = (server.server_name, *others)
    door = Door(EgressPolicy(private_sources=hosts, insecure_sources=hosts))
    registry = parse_reference(f"{server.image}podinfo:6.5.0").registry
    identity = Identity(Credential(registry, *account)) if account else None
    options = options or ClientOptions()
    quick = replace(options.retries, budget=RetryBudget(first=0.01, most=0.01))
    return RegistryClient(registry, door, identity=identity, options=replace(options, retries=quick))


def open_chart(
    server: ChartServer,
    text: str = "podinfo:6.5.0",
    *,
    known: Known | None = None,
    client: RegistryClient | None = None,
    alive: Callable[[], None] = lambda: None,
) -> ChartSource:
    reference = parse_reference(server.image + text)
    return ChartSource(client or chart_client(server), reference, known=known or Known(), alive=alive)


def test_a_version_is_a_manifest_with_its_file_and_both_are_fetched_once(server: ChartServer) -> None:
    data = server.add()
    source = open_chart(server)
    source.ping()
    head = source.head_manifest("6.5.0")
    assert head is not None and head.digest is not None
    manifest = source.get_manifest(head.digest)
    assert (manifest.digest, len(manifest.body)) == (head.digest, head.size)
    (layer,) = manifest.layers
    assert (layer.digest, source.head_blob(layer.digest)) == (digest_of(data), len(data))
    stream, view = source.open_blob(layer.digest, 10), bytearray(len(data))
    assert bytes(view[: stream.readinto(memoryview(view))]) == data[10:]
    assert manifest.config is not None
    assert json.loads(source.read_blob(manifest.config.digest, manifest.config.size))["name"] == "podinfo"
    assert [each.path for each in server.requests] == ["/charts/index.yaml", "/charts/podinfo-6.5.0.tgz"]


def test_versions_are_tags_and_a_plus_is_an_underscore(server: ChartServer) -> None:
    for version in ("6.4.0", "6.5.0+build.1"):
        server.add(version=version)
    source = open_chart(server, "podinfo:6.5.0+build.1")
    facts: dict[str, TagFacts] = {}
    assert list(source.list_tags(facts)) == ["6.5.0_build.1", "6.4.0"]
    created = dt.datetime(2024, 5, 1, 10, tzinfo=dt.UTC)
    assert facts["6.4.0"] == TagFacts(updated_at=created)
    assert (
        json.loads(source.get_manifest("6.5.0_build.1").body)["annotations"][
            "org.opencontainers.image.version"
        ]
        == "6.5.0+build.1"
    )


def test_what_is_not_there_is_not_found(server: ChartServer) -> None:
    server.add()
    source = open_chart(server)
    assert source.head_manifest("1.0.0") is None
    with pytest.raises(OciError, match=r"podinfo:1\.0\.0 doesn't exist") as failed:
        source.get_manifest("1.0.0")
    assert failed.value.code == "not_found"
    with pytest.raises(OciError, match="no chart named other") as failed:
        open_chart(server, "other:1.0.0").ping()
    assert failed.value.code == "not_found"


def test_a_digest_is_there_as_long_as_its_version_has_it(server: ChartServer) -> None:
    server.add()
    digest = open_chart(server).get_manifest("6.5.0").digest
    pinned = f"podinfo:6.5.0@{digest}"
    assert open_chart(server, pinned).get_manifest(digest).digest == digest
    server.entries.clear()
    server.add(description="made once more")
    assert open_chart(server, pinned).head_manifest(digest) is None


def test_a_chart_that_was_read_before_is_compared_without_its_file(server: ChartServer) -> None:
    server.add()
    known = Known()
    digest = open_chart(server, known=known).get_manifest("6.5.0").digest
    again = open_chart(server, known=known)
    head = again.head_manifest("6.5.0")
    assert head is not None and head.digest == digest
    assert len(server.fetched()) == 1
    assert again.get_manifest(digest).digest == digest
    assert len(server.fetched()) == 2


def test_of_many_versions_one_file_is_held_at_a_time(server: ChartServer) -> None:
    files = [server.add(version=f"1.{number}.0") for number in range(3)]
    source = open_chart(server)
    assert all(source.head_manifest(tag) for tag in source.list_tags())
    assert [source.head_blob(digest_of(data)) for data in files] == [len(files[0]), None, None]
    assert all(source.head_manifest(tag) for tag in source.list_tags())
    assert len(server.fetched()) == 3


def test_only_so_many_are_remembered(server: ChartServer) -> None:
    known = Known(most=1)
    for version in ("1.0.0", "2.0.0"):
        server.add(version=version)
        assert open_chart(server, f"podinfo:{version}", known=known).head_manifest(version)
    assert open_chart(server, known=known).head_manifest("1.0.0")
    assert len(server.fetched()) == 3


def test_the_account_is_shown_at_once_to_its_own_host_and_to_no_other(server: ChartServer) -> None:
    with ScriptedServer(lambda _request: Reply(body=server.files["/charts/podinfo-6.5.0.tgz"])) as other:
        server.account = ACCOUNT
        server.add(url=f"{other.url}/podinfo-6.5.0.tgz")
        client = chart_client(server, account=ACCOUNT, others=(f"127.0.0.1:{other.port}",))
        source = open_chart(server, client=client)
        assert source.get_manifest("6.5.0")
        assert [each.path for each in server.requests] == ["/charts/index.yaml"]
        assert [each.authorization for each in other.requests] == [""]


def test_a_wrong_password_and_a_missing_one_are_told_apart(server: ChartServer) -> None:
    server.account = ACCOUNT
    with pytest.raises(OciError, match="rejected the username or password") as failed:
        open_chart(server, client=chart_client(server, account=("ada", "wrong"))).ping()
    assert failed.value.code == "unauthorized"
    with pytest.raises(OciError, match="needs credentials") as failed:
        open_chart(server).ping()
    assert failed.value.code == "unauthorized"


def test_other_bytes_than_the_index_says_are_refused(server: ChartServer) -> None:
    server.add()
    server.files["/charts/podinfo-6.5.0.tgz"] = b"something else"
    with pytest.raises(OciError) as failed:
        open_chart(server).get_manifest("6.5.0")
    assert failed.value.code == "digest_mismatch"
    server.entries["podinfo"][0].pop("digest")
    with pytest.raises(OciError, match="is no chart") as failed:
        open_chart(server).get_manifest("6.5.0")
    assert failed.value.code == "protocol_error"


def test_a_file_at_a_forbidden_address_is_not_fetched(server: ChartServer) -> None:
    with ScriptedServer(lambda _request: Reply(body=b"secret")) as inner:
        server.add(url=f"{inner.url}/latest/meta-data")
        with pytest.raises(OciError) as failed:
            open_chart(server).get_manifest("6.5.0")
        assert failed.value.code == "blocked_address"
        assert inner.requests == []


def test_index_and_file_are_bounded(server: ChartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add()
    monkeypatch.setattr("oci.charts.source.CHART_BYTES", 10)
    with pytest.raises(OciError) as failed:
        open_chart(server).get_manifest("6.5.0")
    assert failed.value.code == "limit_exceeded"
    monkeypatch.setattr("oci.charts.source.CHART_INDEX_BYTES", 10)
    with pytest.raises(OciError) as failed:
        open_chart(server).ping()
    assert failed.value.code == "limit_exceeded"


class Hours:
    """A :class:`oci.registry.pace.Pace`, and a caller that is told of each piece, whose waits take an hour each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0
        clock = time.monotonic
        monkeypatch.setattr("time.monotonic", lambda: clock() + self.passed)

    def take(self, wanted: int) -> int:
        self.wait()
        return min(wanted, 100)

    def give_back(self, count: int) -> None:
        """Nothing was counted."""

    def wait(self) -> None:
        self.passed += 3600


def test_a_chart_may_take_as_long_as_its_pace_says(
    server: ChartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, hours = server.add(), Hours(monkeypatch)
    options = ClientOptions(throttling=Throttling(pace=hours), retries=RetryPolicy(tries=1))
    source = open_chart(server, client=chart_client(server, options=options))
    assert source.get_manifest("6.5.0").layers[0].digest == digest_of(data)
    assert hours.passed > 5 * 3600


def test_a_chart_may_take_as_long_as_those_who_are_told_of_it(
    server: ChartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, hours = server.add(), Hours(monkeypatch)
    options = ClientOptions(retries=RetryPolicy(tries=1))
    source = open_chart(server, client=chart_client(server, options=options), alive=hours.wait)
    assert source.get_manifest("6.5.0").layers[0].digest == digest_of(data)
    assert hours.passed >= 2 * 3600


@pytest.mark.parametrize("of", ["index", "file"])
def test_what_drips_ends_after_the_stall_time_of_the_client(
    server: ChartServer, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    server.add()
    handle = server.handle

    def slowly(request: Request) -> Reply:
        reply = handle(request)
        drips = request.path.endswith("index.yaml") == (of == "index")
        return replace(reply, body=reply.body + b"\n" * 1000, drip=1, drip_seconds=0.1) if drips else reply

    monkeypatch.setattr(server, "handle", slowly)
    options = ClientOptions(timeouts=Timeouts(stall_seconds=1), retries=RetryPolicy(tries=1))
    started = time.monotonic()
    with pytest.raises(OciError) as failed:
        open_chart(server, client=chart_client(server, options=options)).get_manifest("6.5.0")
    assert failed.value.code == "stalled"
    assert time.monotonic() - started < 45


@pytest.mark.parametrize("index", [b"<html>", b"", b"a: &a [1]\nentries: *a\n", b"\xff\xff"])
def test_an_index_that_can_not_be_read_is_said_so(server: ChartServer, index: bytes) -> None:
    server.index = index
    with pytest.raises(OciError, match=r"index\.yaml can't be read") as failed:
        open_chart(server).ping()
    assert failed.value.code == "protocol_error"


def test_a_chart_that_is_kept_in_a_registry_says_where(server: ChartServer) -> None:
    server.add(url="oci://registry.example.com/charts/podinfo:6.5.0")
    with pytest.raises(OciError, match=r"oci://registry\.example\.com/charts/podinfo:6\.5\.0"):
        open_chart(server).get_manifest("6.5.0")
