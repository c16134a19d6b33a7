"""Images as files by the client: out of one project, over a line that breaks, into another."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from stack.sample import sample_image
from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from testbed.tcp_proxy import TcpProxy
from tests.client.conftest import Terminal
from tests.support.content.bundles import CHANGED, SIX, Layout

MIB = 1024 * 1024


@pytest.fixture
def giver(admin: Terminal, registry: RegistryServer, request: pytest.FixtureRequest) -> str:
    """A project with two images; its name."""
    name = f"gives-{abs(hash(request.node.name)) % 10**8}"
    registry.push("client-bundles/multi", "1", sample_image())
    registry.push("client-bundles/large", "1", random_image([3 * MIB, 2 * MIB], seed=91))
    admin.succeed("project", "create", name)
    images = [f"{registry.host}/client-bundles/{image}:1" for image in ("multi", "large")]
    for image, short in zip(images, ("multi", "large"), strict=True):
        admin.succeed("import", image, "-p", name, "--name", short, "--wait")
    return name


def test_images_go_out_and_into_another_project(
    admin: Terminal, giver: str, portal: PortalProcess, tmp_path: Path
) -> None:
    made = admin.succeed("bundle", "create", "multi:1", "large:1", "-p", giver, "-o", str(tmp_path), "--json")
    (bundle,) = made.rows
    (file,) = tmp_path.glob("*.tar")
    assert file.stat().st_size == bundle["size"]
    taker = giver.replace("gives", "takes")
    admin.succeed("project", "create", taker)
    admin.succeed("bundle", "import", str(file), "-p", taker, "--prefix", "far", "--wait")
    for image in ("multi", "large"):
        here = portal.verify(f"{giver}/{image}", "1").digest
        assert portal.verify(f"{taker}/far/{image}", "1").digest == here
    assert bundle["id"] in admin.succeed("bundle", "list", "-p", giver).out
    admin.succeed("bundle", "remove", bundle["id"], "-p", giver, "--yes")
    assert admin.succeed("bundle", "list", "-p", giver, "--json").rows == []


def test_a_receipt_of_the_other_side_leaves_out_what_it_has(
    admin: Terminal, giver: str, tmp_path: Path
) -> None:
    receipt = tmp_path / "receipt.json"
    admin.succeed("bundle", "receipt", "-p", giver, "-o", str(receipt))
    assert json.loads(receipt.read_text())["project"] == giver
    out = tmp_path / "out"
    out.mkdir()
    admin.succeed("bundle", "create", "large:1", "-p", giver, "--known", str(receipt), "-o", str(out))
    (file,) = out.glob("*.tar")
    assert len(Layout.of(file.read_bytes()).blobs) == 1


def test_a_line_that_breaks_again_and_again_costs_no_byte_twice(
    admin: Terminal, giver: str, portal: PortalProcess, tmp_path: Path
) -> None:
    made = admin.succeed("bundle", "create", "large:1", "-p", giver, "--volume-size", "4MiB", "--json").rows[
        0
    ]
    where = urlsplit(portal.url)
    with TcpProxy((where.hostname or "", where.port or 80)) as line:
        line.cut_after(MIB, times=3)
        admin.succeed(
            "bundle",
            "download",
            made["id"],
            "-p",
            giver,
            "-o",
            str(tmp_path),
            PORTAL_URL=f"http://{line.address}",
        )
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".tar") == [
        volume["file_name"] for volume in made["volumes"]
    ]
    for volume in made["volumes"]:
        Layout.of((tmp_path / volume["file_name"]).read_bytes())


def test_what_was_damaged_before_the_line_broke_is_fetched_again(
    admin: Terminal, giver: str, tmp_path: Path
) -> None:
    (made,) = admin.succeed("bundle", "create", "large:1", "-p", giver, "-o", str(tmp_path), "--json").rows
    (goal,) = tmp_path.glob("*.tar")
    content = goal.read_bytes()
    goal.unlink()
    came = bytearray(content[: 4 * MIB])
    came[2 * MIB] ^= 1
    goal.with_name(goal.name + ".part").write_bytes(came)
    admin.succeed("bundle", "download", made["id"], "-p", giver, "-o", str(tmp_path))
    assert goal.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [goal.name]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("create", "nothing:1"), 1, "nothing:1"),
        (("create", "multi:1", "--volume-size", "big"), 2, "4GB"),
        (("import", "/nowhere.tar"), 2, "nowhere.tar"),
    ],
)
def test_what_is_wrong_is_said(
    admin: Terminal, giver: str, words: tuple[str, ...], code: int, said: str
) -> None:
    refused = admin.run("bundle", *words, "-p", giver)
    assert refused.code == code
    assert said in refused.err


def test_what_changed_goes_into_a_project_that_has_the_rest_and_into_no_other(
    admin: Terminal, registry: RegistryServer, portal: PortalProcess, tmp_path: Path
) -> None:
    for project in ("delta-gives", "delta-takes", "delta-lacks"):
        admin.succeed("project", "create", project)
    for tag, image in (("1", SIX), ("2", CHANGED)):
        registry.push("client-bundles/six", tag, image)
        source = f"{registry.host}/client-bundles/six:{tag}"
        admin.succeed("import", source, "-p", "delta-gives", "--name", "six", "--wait")
    first, second, receipt = tmp_path / "1", tmp_path / "2", tmp_path / "receipt.json"
    for folder in (first, second):
        folder.mkdir()
    admin.succeed("bundle", "create", "six:1", "-p", "delta-gives", "-o", str(first))
    admin.succeed("bundle", "import", *map(str, first.glob("*.tar")), "-p", "delta-takes", "--wait")
    admin.succeed("bundle", "receipt", "-p", "delta-takes", "-o", str(receipt))
    admin.succeed(
        "bundle", "create", "six:2", "-p", "delta-gives", "--known", str(receipt), "-o", str(second)
    )
    (rest,) = second.glob("*.tar")
    assert len(Layout.of(rest.read_bytes()).blobs) == 3
    refused = admin.run("bundle", "import", str(rest), "-p", "delta-lacks", "--wait", "--json")
    assert (refused.code, json.loads(refused.err)["code"]) == (1, "bundle_incomplete")
    admin.succeed("bundle", "import", str(rest), "-p", "delta-takes", "--wait")
    assert portal.verify("delta-takes/six", "2").digest == CHANGED.digest


def test_two_commands_do_not_download_into_one_file(admin: Terminal, giver: str, tmp_path: Path) -> None:
    (made,) = admin.succeed("bundle", "create", "multi:1", "-p", giver, "--json").rows
    part = tmp_path / (made["volumes"][0]["file_name"] + ".part")
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused = admin.run("bundle", "download", made["id"], "-p", giver, "-o", str(tmp_path))
    assert refused.code == 1
    assert "Another command is downloading this file." in refused.err
    admin.succeed("bundle", "download", made["id"], "-p", giver, "-o", str(tmp_path))
    Layout.of((tmp_path / made["volumes"][0]["file_name"]).read_bytes())
