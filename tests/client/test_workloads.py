"""``portal rewrite`` and ``portal cluster``: manifests point here, and a cluster says what it runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stack.sample import sample_image
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from tests.client.conftest import Terminal


@pytest.fixture
def team(admin: Terminal, registry: RegistryServer, request: pytest.FixtureRequest) -> str:
    """A project without images; its name. The source has two."""
    for image in ("one", "two"):
        registry.push(f"client-workloads/{image}", "1", sample_image())
    name = f"client-{request.node.name[5:35].replace('_', '-')}".rstrip("-")
    admin.succeed("project", "create", name)
    return name


def test_what_is_here_is_pointed_here_and_all_other_bytes_stay(
    admin: Terminal, team: str, registry: RegistryServer, portal: PortalProcess, tmp_path: Path
) -> None:
    source = f"{registry.host}/client-workloads"
    admin.succeed("import", f"{source}/one:1", "-p", team, "--name", "one", "--wait")
    file = tmp_path / "pod.yaml"
    text = f"# ours\r\ncontainers:\r\n- image: {source}/one:1  # a\r\n- image: '{source}/two:1'\r\n"
    file.write_bytes(text.encode())
    said = admin.succeed("rewrite", str(file), "-p", team, "--diff")
    assert f"-- image: {source}/one:1  # a" in said.out
    assert f"{file}: {source}/two:1 is not in the project." in said.err
    assert file.read_bytes() == text.encode()
    assert admin.succeed("rewrite", str(file), "-p", team, "-i").out == ""
    here = portal.registry_host
    assert file.read_bytes() == text.replace(f"{source}/one:1", f"{here}/{team}/one:1").encode()


def test_what_is_missing_is_imported_and_waited_for(
    admin: Terminal, team: str, registry: RegistryServer, portal: PortalProcess, tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(f"image: {registry.host}/client-workloads/two:1\n")
    said = admin.succeed("rewrite", str(file), "-p", team, "--import", "--wait")
    (line,) = said.out.splitlines()
    _, here, image = line.rpartition(f"/{team}/")
    assert here
    name, _, tag = image.partition(":")
    assert portal.verify(f"{team}/{name}", tag).digest in said.err


def test_several_files_are_not_printed_as_one(admin: Terminal, team: str, tmp_path: Path) -> None:
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    for each in files:
        each.write_text("image: nginx:1\n")
    said = admin.run("rewrite", *map(str, files), "-p", team)
    assert (said.code, said.out) == (2, "")
    assert "--in-place" in said.err
    assert admin.run("rewrite", "-", "-p", team, "-i").code == 2
    (tmp_path / "latin.yaml").write_bytes(b"image: nginx:1 # \xfc\n")
    bad = admin.run("rewrite", str(files[0]), str(tmp_path / "latin.yaml"), "-p", team, "-i")
    assert (bad.code, files[0].read_text()) == (1, "image: nginx:1\n")
    gone = admin.run("rewrite", str(tmp_path / "none.yaml"), "-p", team)
    assert (gone.code, gone.out) == (1, "")


def test_a_cluster_says_what_it_runs(admin: Terminal, team: str, registry: RegistryServer) -> None:
    image = f"{registry.host}/client-workloads/one:1"
    pod = {
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {"containers": [{"name": "a", "image": image}]},
        "status": {"phase": "Running"},
    }
    admin.succeed("cluster", "add", "-p", team, "--name", "prod")
    pods = json.dumps({"kind": "List", "items": [pod]})
    (row,) = admin.succeed("cluster", "inventory", "prod", "-p", team, "--json", typed=pods).rows
    assert (row["pods"], row["missing"]) == (1, 1)
    (begun,) = admin.succeed("cluster", "import", "prod", "-p", team, "--json").rows
    assert begun["batch"]
    assert admin.run("cluster", "inventory", "prod", "-p", team, typed="no JSON").code == 1
    admin.succeed("cluster", "remove", "prod", "-p", team, "--yes")
