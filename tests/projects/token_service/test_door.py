"""The registry's own door, with real clients: roles × actions × visibility."""

from __future__ import annotations

import subprocess
import uuid

import pytest

from projects.models import AuditEvent, Image, Project
from projects.services import create_robot
from stack.reader import Reader
from testbed.images import random_image
from tests.support.people import PASSWORD, Team, bearer
from tests.support.services.door import Door, run, soon

pytestmark = pytest.mark.django_db(transaction=True)

MAY = {
    "anonymous": set(),
    "stranger": set(),
    "viewer": {"pull"},
    "developer": {"pull", "push"},
    "maintainer": {"pull", "push", "delete"},
    "owner": {"pull", "push", "delete"},
    "superuser": {"pull", "push", "delete"},
}


def new_team(visibility: str = Project.Visibility.PRIVATE) -> Team:
    """A project of a name that the shared registry has never seen."""
    return Team.make(f"t{uuid.uuid4().hex[:12]}", visibility=visibility)


def account(team: Team, caller: str) -> tuple[str, str] | None:
    return None if caller == "anonymous" else (team.users[caller].get_username(), PASSWORD)


@pytest.mark.parametrize("visibility", ["private", "internal", "public"])
@pytest.mark.parametrize("caller", MAY)
def test_the_registry_lets_each_do_what_his_role_may(door: Door, caller: str, visibility: str) -> None:
    team = new_team(visibility)
    repository = f"{team.project.name}/app"
    door.put(repository, "1")
    everyone = visibility == "public" or (visibility == "internal" and caller != "anonymous")
    may = MAY[caller] | ({"pull"} if everyone else set())
    pair = account(team, caller)
    creds = ":".join(pair) if pair else ""

    pulled = door.skopeo("inspect", door.reference(repository, "1"), creds=creds)
    assert (pulled.returncode == 0) == ("pull" in may), pulled.stderr

    answer = door.token(f"repository:{repository}:pull,push,delete", auth=pair)
    assert answer.status_code == 200
    token = answer.json()["token"]
    upload = door.registry.url + f"/v2/{repository}/blobs/uploads/"
    import requests

    started = requests.post(upload, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    assert started.status_code == (202 if "push" in may else 401)
    gone = door.manifest("DELETE", repository, "sha256:" + "0" * 64, token=token)
    assert gone.status_code == (404 if "delete" in may else 401)


def test_a_developer_pushes_with_skopeo_and_others_do_not(door: Door) -> None:
    team = new_team()
    source = new_team("public")
    door.put(f"{source.project.name}/app", "1")
    here = door.reference(f"{source.project.name}/app", "1")
    there = door.reference(f"{team.project.name}/copied", "1")
    for caller, works in (("developer", True), ("viewer", False), ("stranger", False)):
        creds = f"{team.users[caller].get_username()}:{PASSWORD}"
        options = [
            "--src-no-creds",
            f"--dest-creds={creds}",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
        ]
        done = run("skopeo", "copy", "--all", *options, here, there)
        assert (done.returncode == 0) == works, (caller, done.stderr)
    row = soon(lambda: Image.objects.filter(project=team.project, repository="copied", tag="1").first())
    assert row is not None
    assert row.platforms == ["linux/amd64", "linux/arm64"]
    assert row.size > 0


def test_a_push_into_a_full_project_fails_and_pulls_go_on(door: Door) -> None:
    team = new_team()
    name = f"{team.project.name}/app"
    door.put(name, "1")
    assert soon(lambda: Image.objects.filter(project=team.project).exists())
    Project.objects.filter(pk=team.project.pk).update(quota_bytes=10)
    creds = f"{team.users['developer'].get_username()}:{PASSWORD}"
    options = [
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        f"--src-creds={creds}",
        f"--dest-creds={creds}",
    ]
    done = run("skopeo", "copy", "--all", *options, door.reference(name, "1"), door.reference(name, "2"))
    assert done.returncode != 0
    assert "403" in done.stderr
    assert door.skopeo("inspect", door.reference(name, "1"), creds=creds).returncode == 0


def test_docker_says_why_a_full_project_takes_no_push(door: Door, docker_engine, tmp_path) -> None:  # type: ignore[no-untyped-def]
    team = new_team()
    local = f"{door.host}/{team.project.name}/app:1"
    door.put(f"{team.project.name}/app", "1", random_image([20_000], seed=8))
    assert soon(lambda: Image.objects.filter(project=team.project).exists())
    Project.objects.filter(pk=team.project.pk).update(quota_bytes=10)
    config = tmp_path / "docker"
    name = team.users["developer"].get_username()
    docker_engine.docker("login", "-u", name, "-p", PASSWORD, door.host, config=config)
    docker_engine.docker("pull", local, config=config)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        docker_engine.docker("push", local, config=config)
    assert "may hold 10 bytes, and holds" in refused.value.output
    docker_engine.docker("rmi", local)


@pytest.mark.parametrize(("access", "may"), [("pull", {"pull"}), ("push", {"pull", "push"})])
def test_a_robot_does_what_it_is_for_in_its_own_project(door: Door, access: str, may: set[str]) -> None:
    team, other = new_team(), new_team()
    robot, secret = create_robot(project=team.project, by=team.users["owner"], name="ci", access=access)
    asked = [f"repository:{each.project.name}/app:pull,push,delete" for each in (team, other)]
    answer = door.token(*asked, auth=(robot.login, secret))
    assert answer.status_code == 200
    assert (
        answer.json()["scope"]
        == f"repository:{team.project.name}/app:{','.join(a for a in ('pull', 'push') if a in may)}"
    )
    robot.refresh_from_db()
    assert robot.last_used_at is not None
    robot.delete()
    assert door.token(*asked, auth=(robot.login, secret)).status_code == 401


def test_an_api_token_opens_the_door_as_far_as_its_scope_goes(door: Door) -> None:
    team = new_team()
    name = team.users["maintainer"].get_username()
    for scope, actions in (("read", "pull"), ("import", "pull,push"), ("admin", "pull,push,delete")):
        text = bearer(team.users["maintainer"], scope=scope)["Authorization"].partition(" ")[2]
        answer = door.token(f"repository:{team.project.name}/app:pull,push,delete", auth=(name, text))
        assert answer.json()["scope"] == f"repository:{team.project.name}/app:{actions}"
    stranger = team.users["stranger"].get_username()
    assert door.token(auth=(stranger, text)).status_code == 401


def test_docker_logs_in_pushes_pulls_and_is_seen_on_the_page(door: Door, docker_engine, tmp_path) -> None:  # type: ignore[no-untyped-def]
    team = new_team()
    name = team.users["developer"].get_username()
    local = f"{door.host}/{team.project.name}/built:v1"
    layer = random_image([20_000], seed=7)
    door.put(f"{team.project.name}/base", "1", layer)
    config = tmp_path / "docker"
    docker_engine.docker("login", "-u", name, "-p", PASSWORD, door.host, config=config)
    docker_engine.docker("pull", f"{door.host}/{team.project.name}/base:1", config=config)
    docker_engine.docker("tag", f"{door.host}/{team.project.name}/base:1", local)
    docker_engine.docker("push", local, config=config)
    row = soon(lambda: Image.objects.filter(project=team.project, repository="built", tag="v1").first())
    assert row is not None
    assert row.platforms == ["linux/amd64"]
    docker_engine.docker("rmi", local, f"{door.host}/{team.project.name}/base:1")
    docker_engine.docker("pull", local, config=config)
    assert soon(lambda: Image.objects.filter(pk=row.pk, pull_count=1).exists())
    viewer = tmp_path / "viewer"
    docker_engine.docker(
        "login", "-u", team.users["viewer"].get_username(), "-p", PASSWORD, door.host, config=viewer
    )
    with pytest.raises(Exception, match="status 1"):
        docker_engine.docker("push", local, config=viewer)
    docker_engine.docker("rmi", local)


def test_the_token_tells_nobody_whether_a_project_exists(door: Door) -> None:
    team = new_team()
    stranger = account(team, "stranger")
    known = door.token(f"repository:{team.project.name}/app:pull", auth=stranger)
    unknown = door.token("repository:nowhere/app:pull", auth=stranger)
    assert known.status_code == unknown.status_code == 200
    assert known.json()["scope"] == unknown.json()["scope"] == ""


def test_the_catalog_is_for_superusers(door: Door) -> None:
    team = new_team()
    for caller, status in (("superuser", 200), ("owner", 401), ("anonymous", 401)):
        token = door.token("registry:catalog:*", auth=account(team, caller)).json()["token"]
        import requests

        answer = requests.get(
            f"{door.registry.url}/v2/_catalog", headers={"Authorization": f"Bearer {token}"}, timeout=20
        )
        assert answer.status_code == status


def test_an_independent_reader_reads_with_a_portal_account(door: Door) -> None:
    team = new_team()
    digest = door.put(f"{team.project.name}/app", "1")
    name, password = account(team, "viewer") or ("", "")
    assert (
        Reader(door.registry.url, username=name, password=password)
        .verify(f"{team.project.name}/app", "1")
        .digest
        == digest
    )


def test_grants_and_refusals_are_written_down_once(door: Door) -> None:
    team = new_team()
    for _ in range(3):
        door.token(f"repository:{team.project.name}/app:pull,push", auth=account(team, "viewer"))
    events = AuditEvent.objects.filter(project=team.project)
    assert sorted(events.values_list("action", "subject")) == [
        ("registry.granted", f"repository:{team.project.name}/app:pull"),
        ("registry.refused", f"repository:{team.project.name}/app:push"),
    ]
    assert {event.address for event in events} == {"127.0.0.1"}
    assert {event.actor for event in events} == {team.users["viewer"]}
