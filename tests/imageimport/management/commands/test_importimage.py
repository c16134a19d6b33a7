"""``manage.py importimage`` against a running portal, and how its progress looks."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from imageimport.models import ImportTask
from testbed.images import random_image
from testbed.portal import PortalProcess
from testbed.services import RegistryServer
from tests.support.factories import ProjectFactory


@pytest.fixture
def project(portal: PortalProcess) -> str:
    portal.project("terminal")
    return "terminal"


def test_it_imports_and_says_what_came(portal: PortalProcess, registry: RegistryServer, project: str) -> None:
    digest = registry.push("terminal/one", "1", random_image([200_000, 1000], seed=1))
    done = portal.manage(
        "importimage", f"{registry.host}/terminal/one:1", "--project", project, "--name", "one"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2].startswith("100 %  Done")
    assert f"Imported {portal.registry_host}/{project}/one:1. Digest {digest}," in done.stdout
    assert "\x1b" not in done.stdout, "no colours and no cursor where nobody watches"
    assert portal.verify(f"{project}/one", "1").digest == digest


def test_a_failure_is_exit_1_with_the_error_on_stderr(
    portal: PortalProcess, registry: RegistryServer, project: str
) -> None:
    done = portal.manage("importimage", f"{registry.host}/terminal/no-such:1", "--project", project)
    assert done.returncode == 1
    assert "not_found" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Bad!!", "--project", "terminal"], "not a valid image name"),
        (["10.0.0.1/x", "--project", "terminal"], "10.0.0.1"),
        (["nginx", "--project", "no-such"], "The project no-such doesn't exist."),
        (["nginx", "--project", "terminal", "--credential", "none"], "no credential named none"),
        (["nginx", "--project", "terminal", "--user", "nobody"], "The user nobody doesn't exist."),
        (["nginx", "--project", "terminal", "--username", "me"], "--password-stdin"),
        (["nginx", "--project", "terminal", "--password-stdin"], "--username"),
        (["nginx", "--project", "terminal", "--platform", "linux"], "linux"),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(arguments: list[str], sentence: str) -> None:
    ProjectFactory(name="terminal")
    with pytest.raises(CommandError) as refused:
        call_command("importimage", *arguments)
    assert sentence in str(refused.value)
    assert not ImportTask.objects.exists()


@pytest.mark.django_db
def test_an_empty_standard_input_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    ProjectFactory(name="terminal")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    with pytest.raises(CommandError, match="no password"):
        call_command("importimage", "nginx", "--project", "terminal", "--username", "me", "--password-stdin")


@pytest.mark.django_db(transaction=True)
def test_an_interrupt_cancels_the_import(monkeypatch: pytest.MonkeyPatch) -> None:
    ProjectFactory(name="terminal")

    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("imageimport.management.terminal.time.sleep", interrupted)
    with pytest.raises(SystemExit) as left:
        call_command(
            "importimage", "nginx", "--project", "terminal", stdout=io.StringIO(), stderr=io.StringIO()
        )
    assert left.value.code == 130
    assert ImportTask.objects.get().status == "canceled"


def test_json_is_the_ended_import_alone(
    portal: PortalProcess, registry: RegistryServer, project: str
) -> None:
    registry.push("terminal/two", "1", random_image([1000], seed=2))
    image = f"{registry.host}/terminal/two:1"
    done = portal.manage("importimage", image, "--project", project, "--tag", "t2", "--json")
    task = json.loads(done.stdout)
    assert (task["status"], task["target_tag"], task["error"]) == ("success", "t2", "")
    assert {layer["state"] for layer in task["layers"]} <= {"done", "exists", "mounted"}
    assert "%" in done.stderr
    failed = portal.manage("importimage", f"{registry.host}/terminal/none:1", "--project", project, "--json")
    assert (failed.returncode, json.loads(failed.stdout)["error_code"]) == (1, "not_found")
    refused = portal.manage("importimage", "Bad!!", "--project", project, "--json")
    assert (refused.returncode, json.loads(refused.stdout)["code"]) == (1, "invalid")


def test_the_password_comes_from_standard_input_and_goes_nowhere_else(
    portal: PortalProcess, basic_registry: RegistryServer, project: str
) -> None:
    username, password = basic_registry.account
    digest = basic_registry.push("terminal/private", "1", random_image([1000], seed=3))
    arguments = ["importimage", f"{basic_registry.host}/terminal/private:1", "--project", project]
    done = portal.manage(*arguments, "--username", username, "--password-stdin", input=f"{password}\n")
    assert done.returncode == 0, done.stderr
    assert digest in done.stdout
    wrong = portal.manage(*arguments, "--username", username, "--password-stdin", input="wrong-canary\n")
    assert wrong.returncode == 1
    assert "unauthorized" in wrong.stderr
    assert "canary" not in wrong.stdout + wrong.stderr


def test_without_overwrite_another_image_stays(
    portal: PortalProcess, registry: RegistryServer, project: str
) -> None:
    first = registry.push("terminal/three", "1", random_image([1000], seed=4))
    registry.push("terminal/three", "2", random_image([1000], seed=5))
    target = ["--project", project, "--name", "three", "--tag", "x", "--no-overwrite"]
    assert portal.manage("importimage", f"{registry.host}/terminal/three:1", *target).returncode == 0
    refused = portal.manage("importimage", f"{registry.host}/terminal/three:2", *target)
    assert refused.returncode == 1
    assert "tag_exists" in refused.stderr
    assert portal.verify(f"{project}/three", "x").digest == first
