"""``manage.py exportbundle``: one file that is whole or not there, continued where it stopped, and exit codes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from imageimport.bundles import local_file
from oci.errors import OciError
from projects.models import AuditEvent, Project
from testbed.scripted_registry import ScriptedRegistry, corrupt, cut
from tests.imageimport.bundles.conftest import Giving, giving, new_team, own
from tests.imageimport.bundles.exporting import export, names_of
from tests.support.content.bundles import SIX, Layout

pytestmark = pytest.mark.django_db

__all__ = ["giving", "new_team", "own"]


def test_the_file_has_all_images_and_skopeo_copies_them_byte_by_byte(giving: Giving, tmp_path: Path) -> None:
    goal = tmp_path / "all.tar"
    assert "9 images" in export(goal, *names_of(giving))
    assert [each.name for each in tmp_path.iterdir()] == ["all.tar"]
    listed = subprocess.run(["tar", "tf", goal], check=True, capture_output=True, text=True).stdout.split()
    assert len(set(listed)) == len(listed)
    # Docker's own media types are none of an OCI layout's for skopeo 1.9.
    readable = {name: image for name, image in giving.images.items() if name != "docker:1"}
    for number, (name, image) in enumerate(readable.items()):
        target = f"{giving.own.host}/{giving.team.project.name}/copied{number}:1"
        copied = subprocess.run(
            ["skopeo", "copy", "--all", "--preserve-digests", "--dest-tls-verify=false",
             f"oci-archive:{goal}:{name}", f"docker://{target}"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert copied.returncode == 0, (name, copied.stderr)
        found = giving.own.verify(f"{giving.team.project.name}/copied{number}", "1")
        assert found.digest == image.digest


def test_what_leaves_by_the_command_line_is_in_the_audit_log_of_its_project(
    giving: Giving, tmp_path: Path
) -> None:
    export(tmp_path / "a.tar", *names_of(giving)[:2])
    event = AuditEvent.objects.get(action="bundle.exported")
    assert (event.project, event.actor) == (giving.team.project, None)
    assert event.detail == {"file": "a.tar", "images": list(giving.images)[:2]}


def test_a_platform_and_a_receipt_leave_the_rest_out(giving: Giving, tmp_path: Path) -> None:
    project = giving.team.project.name
    export(tmp_path / "arm.tar", f"{project}/multi:1", platform=["linux/arm64"])
    found = Layout.of((tmp_path / "arm.tar").read_bytes())
    assert len(json.loads(found.blobs[found.named["multi:1"]])["manifests"]) == 1
    receipt = tmp_path / "receipt.json"
    receipt.write_text(json.dumps({"digests": [blob.digest for blob in giving.images["six:1"].all_blobs()]}))
    export(tmp_path / "rest.tar", f"{project}/six:2", known=receipt)
    rest = Layout.of((tmp_path / "rest.tar").read_bytes())
    assert len(rest.blobs) == 3


@pytest.mark.parametrize(
    ("names", "options", "said"),
    [
        (["nowhere/app:1"], {}, "doesn't exist"),
        (["{project}/six"], {}, "name:tag"),
        (["{project}/six:9"], {}, "six:9"),
        (["{project}/multi:1"], {"platform": ["windows/amd64"]}, "windows/amd64"),
        (["{project}/six:1"], {"known": Path("/nowhere.json")}, "nowhere.json"),
    ],
)
def test_wrong_arguments_end_with_two_and_no_file(
    giving: Giving, tmp_path: Path, names: list[str], options: dict[str, Any], said: str
) -> None:
    project = giving.team.project.name
    with pytest.raises(CommandError) as refused:
        export(tmp_path / "a.tar", *(name.format(project=project) for name in names), **options)
    assert refused.value.returncode == 2
    assert said in str(refused.value)
    assert not any(tmp_path.iterdir())


def test_a_receipt_of_nothing_but_brackets_is_none(giving: Giving, tmp_path: Path) -> None:
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(b"[" * 100_000)
    with pytest.raises(CommandError, match="is not a receipt") as refused:
        export(tmp_path / "a.tar", names_of(giving)[0], known=receipt)
    assert refused.value.returncode == 2


@pytest.mark.parametrize("act", [corrupt(2000), cut(2000)], ids=["spoilt", "cut"])
def test_a_registry_that_fails_ends_with_one_and_leaves_no_file_of_that_name(
    tmp_path: Path, settings: Any, act: Any
) -> None:
    with ScriptedRegistry() as registry:
        settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
        Project.objects.create(name="team")
        registry.add_image("team/app", "1", SIX)
        layer = max(SIX.all_blobs(), key=lambda blob: len(blob.data))
        registry.rule("GET", f"blobs/{layer.digest}", act)
        with pytest.raises(CommandError) as failed:
            export(tmp_path / "a.tar", "team/app:1")
    assert failed.value.returncode == 1
    assert [each.name for each in tmp_path.iterdir()] == ["a.tar.part"]


def test_no_error_of_the_engine_passes_without_a_sentence(
    giving: Giving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> int:
        raise OciError("unreachable", "%(host)s is away.", host="registry")

    monkeypatch.setattr(local_file, "write", away)
    with pytest.raises(CommandError, match="unreachable: registry is away"):
        export(tmp_path / "a.tar", names_of(giving)[0])
