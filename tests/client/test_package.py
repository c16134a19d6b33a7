"""The client as a package: installed into an environment of its own, completed by shells, in both languages."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from portal_client.applying.document import read_document
from portal_client.main import COMMANDS
from portal_client.zh import SENTENCES
from stack.paths import BIN, ROOT
from tests.client.conftest import Terminal

CLIENT = ROOT / "client" / "portal_client"


def test_it_installs_into_an_environment_of_its_own_with_few_packages(installed: Path) -> None:
    said = subprocess.run([installed / "portal", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == "portal, version 0.1.0\n"
    python = (installed / "portal").resolve().with_name("python")
    listed = subprocess.run(
        [str(BIN / "uv"), "pip", "list", "--quiet", "--python", python, "--format", "freeze"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "django" not in listed.lower()
    assert len(listed.splitlines()) <= 15, listed


def test_the_installed_program_says_what_is_missing_and_ends_with_one(
    installed: Path, tmp_path: Path
) -> None:
    said = subprocess.run(
        [installed / "portal", "list"],
        env={"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (1, "")
    assert "portal login URL" in said.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_completion(terminal: Terminal, shell: str) -> None:
    assert "_PORTAL_COMPLETE" in terminal.succeed("completion", shell).out


def test_words_are_completed(terminal: Terminal) -> None:
    said = terminal.program(_PORTAL_COMPLETE="bash_complete", COMP_WORDS="portal sch", COMP_CWORD="1")
    assert said.out.strip() == "plain,schedule"


def test_every_sentence_of_the_client_has_chinese_and_keeps_its_places() -> None:
    marked: set[str] = set()
    for path in CLIENT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                (sentence,) = node.args
                assert isinstance(sentence, ast.Constant), ast.dump(node)
                marked.add(str(sentence.value))
    assert len(marked) > 100
    assert marked - SENTENCES.keys() == set()
    assert SENTENCES.keys() - marked == set()
    place = re.compile(r"%\((\w+)\)[sd]")
    for english, chinese in SENTENCES.items():
        assert sorted(place.findall(english)) == sorted(place.findall(chinese)), english


def test_a_chinese_terminal_reads_chinese(terminal: Terminal) -> None:
    said = terminal.program("list", LANG="zh_CN.UTF-8")
    assert said.code == 1
    assert "portal login" in said.err
    assert re.search(r"[\u4e00-\u9fff]", said.err)


@pytest.mark.parametrize(
    ("schema", "name"), [("gitlab-ci", "gitlab.yml"), ("github-workflows", "github-actions.yml")]
)
def test_the_jobs_for_ci_are_what_their_systems_take(schema: str, name: str) -> None:
    judged = subprocess.run(
        [
            str(BIN / "check-jsonschema"),
            "--builtin-schema",
            f"vendor.{schema}",
            ROOT / "deploy" / "ci" / name,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout


@pytest.mark.parametrize("name", ["client.md", "client.zh-CN.md"])
def test_the_guides_file_is_one_that_apply_takes(name: str, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / name).read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    (project,) = read_document(yaml.safe_load(example), tmp_path).projects
    assert project.sections.keys() == {
        "members", "credentials", "trust", "rules", "protected_tags", "retention", "schedules", "webhooks",
    }  # fmt: skip
    assert len(project.images) == 2


def test_no_text_promises_a_command_that_there_is_not() -> None:
    texts = [*CLIENT.rglob("*.py"), ROOT / "docs" / "client.md"]
    promised = {
        name for path in texts for name in re.findall(r"`portal ([a-z-]+)", path.read_text(encoding="utf-8"))
    }
    assert "login" in promised
    assert promised - {str(command.name) for command in COMMANDS} == set()


def test_the_guide_names_every_command() -> None:
    guide = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`portal ([\w-]+)", guide))
    assert {str(command.name) for command in COMMANDS} <= named


def _scripts(name: str) -> Iterator[tuple[str, str]]:
    """Each line that a job runs, with the names of the tokens that the job takes."""
    found = yaml.safe_load((ROOT / "deploy" / "ci" / name).read_text(encoding="utf-8"))
    for job in (found.get("jobs") or found).values():
        for step in job.get("steps", ()):
            yield step.get("run", ""), str(step.get("env", ""))
        lines = [*job.get("before_script", ()), *job.get("script", ())]
        for line in lines:
            yield line, " ".join(lines) if "script" in job else ""


@pytest.mark.parametrize("name", ["gitlab.yml", "github-actions.yml"])
def test_the_jobs_for_ci_install_nothing_by_a_name_that_anyone_could_register(name: str) -> None:
    text = (ROOT / "deploy" / "ci" / name).read_text(encoding="utf-8")
    assert re.findall(r"^ +PORTAL_CLIENT: (?!\$\{\{ vars\.)", text, re.MULTILINE) == []
    installing = [line for line, _tokens in _scripts(name) if "install" in line]
    assert installing
    for line in installing:
        said = subprocess.run(["sh", "-c", line], env={}, capture_output=True, text=True, check=False)
        assert said.returncode != 0
        assert "Set PORTAL_CLIENT" in said.stderr


@pytest.mark.parametrize("name", ["gitlab.yml", "github-actions.yml"])
def test_each_job_for_ci_takes_the_smallest_token_that_does_its_work(name: str) -> None:
    taken = {}
    for line, tokens in _scripts(name):
        for part, scope in (("portal import", "import"), ("--dry-run", "read"), ("apply", "admin")):
            if "bin/portal " in line and part in line:
                taken[scope] = re.findall(r"PORTAL_(?:READ_|ADMIN_)TOKEN", tokens)
                break
    assert taken == {"import": [], "read": ["PORTAL_READ_TOKEN"], "admin": ["PORTAL_ADMIN_TOKEN"]}


def test_gitlabs_jobs_run_where_their_token_is() -> None:
    """Protected variables aren't there for a merge request."""
    jobs = yaml.safe_load((ROOT / "deploy" / "ci" / "gitlab.yml").read_text(encoding="utf-8"))
    on_merge_requests = [name for name, job in jobs.items() if "merge_request_event" in str(job.get("rules"))]
    assert on_merge_requests == [".portal-plan"]
    assert all(job.get("rules") for name, job in jobs.items() if name != ".portal")


@pytest.mark.parametrize("name", ["gitlab.yml", "github-actions.yml"])
def test_the_jobs_for_ci_call_commands_that_there_are(terminal: Terminal, name: str) -> None:
    text = (ROOT / "deploy" / "ci" / name).read_text(encoding="utf-8")
    assert isinstance(yaml.safe_load(text), dict)
    calls = re.findall(r"(?:run: |bin/)portal (\w+) (.*)", text)
    assert len(calls) >= 2
    for command, rest in calls:
        offered = terminal.succeed(command, "--help").out
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in offered, (command, option)
