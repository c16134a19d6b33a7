"""Rules and requests on their pages, without scripts."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from imageimport.choices import Action, Status
from imageimport.models import ApprovalRequest, ImportTask, PolicyRule, TrustAnchor
from imageimport.policy import selectors, services
from projects.models import AuditEvent, Project
from projects.services import create_robot
from tests.support.factories import ProjectFactory, TaskFactory
from tests.support.people import DIGEST, Team

pytestmark = pytest.mark.django_db
BASE = "/projects/team"
FORM = {"name": "No latest", "action": "refuse", "sources": "docker.io/*\n\nghcr.io/*", "tags": "latest"}


@pytest.fixture
def team() -> Team:
    return Team.make()


def client_of(team: Team, caller: str = "maintainer") -> Client:
    client = Client()
    client.force_login(team.users[caller])
    return client


def submit(client: Client, image: str, **more: Any) -> Any:
    return client.post(f"{BASE}/import/", {"mode": "one", "image_url": image, **more}, follow=True)


def test_a_rule_is_made_changed_and_deleted(team: Team) -> None:
    client = client_of(team)
    made = client.post(f"{BASE}/rules/new/", {**FORM, "max_bytes": "2GB", "enabled": "on"}, follow=True)
    assert "The rule No latest was saved." in made.content.decode()
    rule = PolicyRule.objects.get()
    assert (rule.sources, rule.tags, rule.requires) == (
        ["docker.io/*", "ghcr.io/*"],
        ["latest"],
        {"max_bytes": 2_000_000_000},
    )
    page = client.get(f"{BASE}/rules/{rule.pk}/edit/").content.decode()
    assert "docker.io/*" in page and "2000000000" in page
    client.post(f"{BASE}/rules/{rule.pk}/edit/", {**FORM, "name": "Other", "enabled": "on"})
    rule.refresh_from_db()
    assert (rule.name, rule.requires, rule.position) == ("Other", {}, 1)
    client.post(f"{BASE}/rules/{rule.pk}/delete/")
    assert not PolicyRule.objects.exists()
    assert [*AuditEvent.objects.order_by("at").values_list("action", flat=True)] == [
        "rule.created",
        "rule.changed",
        "rule.deleted",
    ]


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("action", "deny"),
        ("sources", {"a": 1}),
        ("requires", ["max_bytes"]),
        ("requires", {"signed_by": 5}),
        ("requires", {"max_severity": "terrible"}),
    ],
)
def test_a_rule_that_can_not_be_read_is_not_opened_by_its_form(team: Team, field: str, content: Any) -> None:
    """What the form shows is sent back with another name, as a browser does."""
    shown = {"name": "R", "action": "allow", field: content}
    rule = PolicyRule.objects.create(project=team.project, **shown)
    client = client_of(team)
    page = client.get(f"{BASE}/rules/{rule.pk}/edit/").content.decode()
    sent = {"name": "Other", "action": rule.action, "sources": str(content) if field == "sources" else ""}
    sent |= {"enabled": "on", "position": "1"}
    for name, value in (content if field == "requires" and isinstance(content, dict) else {}).items():
        assert f'value="{value}"' in page
        sent[name] = str(value)
    assert f'value="{rule.action}" selected' in page
    answer = client.post(f"{BASE}/rules/{rule.pk}/edit/", sent)
    assert "read this" in answer.content.decode() or "Choose allow" in answer.content.decode()
    rule.refresh_from_db()
    assert (rule.name, getattr(rule, field)) == ("R", content)


def test_the_form_changes_only_what_was_changed_in_it(team: Team) -> None:
    requires = {"max_bytes": 10, "max_layers": 5, "platforms": ["linux/amd64"]}
    rule = PolicyRule.objects.create(project=team.project, name="R", action="allow", requires=requires)
    sent = {"name": "R", "action": "allow", "max_bytes": "10", "platforms": "linux/amd64", "enabled": "on"}
    client_of(team).post(f"{BASE}/rules/{rule.pk}/edit/", {**sent, "message": "Why?"})
    assert AuditEvent.objects.get(action="rule.changed").detail["changed"] == ["message"]
    client_of(team).post(f"{BASE}/rules/{rule.pk}/edit/", {**sent, "message": "Why?", "max_bytes": "20"})
    rule.refresh_from_db()
    assert rule.requires == {**requires, "max_bytes": 20}


def test_a_trial_says_what_is_not_known_and_where_it_ends(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tag in ("1", "2"):
        TaskFactory(project=team.project, source_image=f"docker.io/a/b:{tag}", target_tag=tag)
    monkeypatch.setattr(selectors, "MAX_IMPORTS", 1)
    sent = {"name": "R", "action": "allow", "min_age_days": "3", "enabled": "on", "try": "1"}
    page = client_of(team).post(f"{BASE}/rules/new/", sent).content.decode()
    assert "Not known: a rule requires" in page
    assert "These are the newest 1." in page


@pytest.mark.parametrize("of_installation", [False, True])
def test_rules_are_moved_up_and_down_by_buttons(team: Team, of_installation: bool) -> None:
    client = client_of(team, "superuser" if of_installation else "maintainer")
    project = None if of_installation else team.project
    base = "/rules/" if of_installation else f"{BASE}/rules/"
    for name in ("first", "second", "third"):
        services.create(project=project, user=None, name=name, action=Action.ALLOW)

    def names() -> list[str]:
        return [rule.name for rule in selectors.rules_of(project)]

    def press(name: str, to: str) -> str:
        """The button as it stands in the page."""
        page = client.get(base).content.decode()
        rule = PolicyRule.objects.get(name=name)
        row = page[page.index(f'id="rule-{rule.pk}"') :]
        (button,) = re.findall(rf'<button[^>]*value="{to}"[^>]*>', row[: row.index("</tr>")])
        answer = client.post(f"{base}{rule.pk}/move/", {"to": to}, follow=True)
        said = "is now at position" in answer.content.decode()
        assert said is not (" disabled" in button)
        return str(answer.redirect_chain[-1][0])

    assert press("third", "up").startswith(f"{base}#rule-")
    assert names() == ["first", "third", "second"]
    press("first", "up")
    press("second", "down")
    assert names() == ["first", "third", "second"]
    press("first", "down")
    assert names() == ["third", "first", "second"]
    assert [rule.position for rule in selectors.rules_of(project)] == [1, 2, 3]
    moves = AuditEvent.objects.filter(action="rule.moved").order_by("at")
    assert [(event.subject, event.detail["position"]) for event in moves] == [("third", 2), ("first", 2)]


def test_a_single_rule_has_no_button_to_move_it(team: Team) -> None:
    client = client_of(team)
    client.post(f"{BASE}/rules/new/", {**FORM, "enabled": "on"})
    assert "/move/" not in client.get(f"{BASE}/rules/").content.decode()


def test_a_rule_asks_for_the_signers_that_are_chosen_and_says_which(team: Team) -> None:
    page = client_of(team).get(f"{BASE}/rules/new/").content.decode()
    assert "To require a signature, add a trusted signer first." in page
    other = ProjectFactory()
    mine, all_projects, theirs = (
        TrustAnchor.objects.create(project=owner, name=name, kind="key")
        for owner, name in ((team.project, "release"), (None, "company"), (other, "stranger"))
    )
    client = client_of(team)
    page = client.get(f"{BASE}/rules/new/").content.decode()
    assert "release" in page and "company" in page and "stranger" not in page
    refused = client.post(f"{BASE}/rules/new/", {**FORM, "signed_by": [str(theirs.pk)]})
    assert refused.status_code == 422 and not PolicyRule.objects.exists()
    chosen = [str(mine.pk), str(all_projects.pk)]
    client.post(f"{BASE}/rules/new/", {**FORM, "signed_by": chosen})
    rule = PolicyRule.objects.get()
    assert rule.requires == {"signed_by": chosen}
    assert "signed by release or company" in client.get(f"{BASE}/rules/").content.decode()


def test_a_deleted_signer_is_asked_for_until_it_is_left_out(team: Team) -> None:
    gone = "0197a000-0000-7000-8000-000000000000"
    rule = PolicyRule.objects.create(
        project=team.project, name="R", action="allow", requires={"signed_by": [gone]}
    )
    client, address = client_of(team), f"{BASE}/rules/{rule.pk}/edit/"
    assert "signed by a deleted signer" in client.get(f"{BASE}/rules/").content.decode()
    page = client.get(address).content.decode()
    assert re.search(rf'value="{gone}"[^>]* checked', page) and "a deleted signer" in page
    client.post(address, {**FORM, "min_age_days": "3", "signed_by": [gone]})
    rule.refresh_from_db()
    assert rule.requires == {"signed_by": [gone], "min_age_days": 3}
    client.post(address, {**FORM, "min_age_days": "3"})
    rule.refresh_from_db()
    assert rule.requires == {"min_age_days": 3}


def test_a_rule_is_tried_before_it_is_saved(team: Team) -> None:
    developer = client_of(team, "developer")
    submit(developer, "nginx:latest")
    submit(developer, "nginx:1")
    page = client_of(team).post(f"{BASE}/rules/new/", {**FORM, "enabled": "on", "try": "1"})
    text = page.content.decode()
    assert page.status_code == 200 and "Would be refused" in text
    assert "docker.io/library/nginx:latest" in text and "library/nginx:1<" not in text
    assert not PolicyRule.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("max_bytes", "much"),
        ("platforms", "no platform"),
        ("sources", "a b"),
        ("position", "0"),
    ],
)
def test_what_is_wrong_stands_at_the_form(team: Team, field: str, value: str) -> None:
    for extra in ({}, {"try": "1"}):
        answer = client_of(team).post(f"{BASE}/rules/new/", {**FORM, field: value, **extra})
        assert answer.status_code == 422 and 'class="errors"' in answer.content.decode()
    assert not PolicyRule.objects.exists()


def test_rules_of_the_installation_have_a_page_and_stand_before_a_projects_own(team: Team) -> None:
    client = client_of(team, "superuser")
    client.post("/rules/new/", {**FORM, "enabled": "on"})
    assert PolicyRule.objects.get().project is None
    assert "No latest" in client.get("/rules/").content.decode()
    page = client_of(team).get(f"{BASE}/rules/").content.decode()
    assert "No latest" in page and "Rules of the installation" in page


def test_a_refused_image_says_which_rule_at_the_form(team: Team) -> None:
    PolicyRule.objects.create(project=team.project, name="No hub", action="refuse", message="Use ours.")
    answer = submit(client_of(team, "developer"), "nginx")
    assert answer.status_code == 422
    assert "No hub" in answer.content.decode() and "Use ours." in answer.content.decode()


def test_a_request_is_seen_with_its_reason_and_approved_from_the_page(team: Team) -> None:
    PolicyRule.objects.create(project=team.project, name="Ask", action="approve", message="Why?")
    developer, maintainer = client_of(team, "developer"), client_of(team)
    page = submit(developer, "nginx:1").content.decode()
    assert "Requested" in page and "Ask" in page and "Why?" in page and "Approve" not in page
    task = ImportTask.objects.get()
    unseen = maintainer.get(f"{BASE}/imports/{task.pk}/").content.decode()
    assert "disabled" in unseen.partition(f"approve-{task.pk}")[2][:200]
    ImportTask.objects.update(source_digest=DIGEST)
    assert DIGEST in maintainer.get(f"{BASE}/requests/").content.decode()
    stale = maintainer.post(f"{BASE}/imports/{task.pk}/approve/", {"digest": "sha256:x"}, follow=True)
    assert "changed since you looked at it" in stale.content.decode()
    done = maintainer.post(f"{BASE}/imports/{task.pk}/approve/", {"digest": DIGEST}, follow=True)
    assert "was approved" in done.content.decode()
    task.refresh_from_db()
    assert task.status == Status.PENDING
    assert str(task.pk) not in maintainer.get(f"{BASE}/requests/").content.decode()


def test_a_rejection_shows_its_reason_to_who_asked(team: Team) -> None:
    PolicyRule.objects.create(project=team.project, name="Ask", action="approve")
    submit(client_of(team, "developer"), "nginx:1")
    task = ImportTask.objects.get()
    assert client_of(team).get(f"{BASE}/imports/{task.pk}/reject/").status_code == 200
    client_of(team).post(f"{BASE}/imports/{task.pk}/reject/", {"reason": "We have a newer one."})
    page = client_of(team, "developer").get(f"{BASE}/imports/{task.pk}/").content.decode()
    assert "We have a newer one." in page and "team-maintainer" in page
    assert "We have a newer one." in client_of(team).get(f"{BASE}/imports/").content.decode()


def test_with_four_eyes_ones_own_request_has_no_button(team: Team) -> None:
    Project.objects.update(four_eyes=True, default_action="approve")
    submit(client_of(team), "nginx:1")
    task = ImportTask.objects.get()
    assert f"approve-{task.pk}" not in client_of(team).get(f"{BASE}/imports/{task.pk}/").content.decode()
    assert f"approve-{task.pk}" in client_of(team, "owner").get(f"{BASE}/imports/{task.pk}/").content.decode()


def test_with_four_eyes_what_ones_own_robot_asked_for_has_no_button_either(team: Team) -> None:
    Project.objects.update(four_eyes=True)
    maintainer = team.users["maintainer"]
    robot, _secret = create_robot(project=team.project, by=maintainer, name="ci")
    task = TaskFactory(
        project=team.project,
        status=Status.REQUESTED,
        requested_by=None,
        robot=robot.login,
        source_digest=DIGEST,
    )
    ApprovalRequest.objects.create(task=task, expires_at=timezone.now() + dt.timedelta(days=1))
    for where in (f"imports/{task.pk}", "requests"):
        assert f"approve-{task.pk}" not in client_of(team).get(f"{BASE}/{where}/").content.decode()
        assert f"approve-{task.pk}" in client_of(team, "owner").get(f"{BASE}/{where}/").content.decode()


def test_viewers_who_may_ask_get_a_form_without_what_is_not_theirs(team: Team) -> None:
    viewer = client_of(team, "viewer")
    assert viewer.get(f"{BASE}/import/").status_code == 403
    Project.objects.update(requests_from="viewer", default_action="approve")
    assert "Request an image" in viewer.get(f"{BASE}/").content.decode()
    form = viewer.get(f"{BASE}/import/").content.decode()
    assert 'name="image_url"' in form and 'name="credential"' not in form and 'value="many"' not in form
    submit(viewer, "nginx:1")
    assert ImportTask.objects.get().status == Status.REQUESTED
    viewer.post(f"{BASE}/import/", {"mode": "many", "images": "redis:7", "image_url": ""})
    assert ImportTask.objects.count() == 1
    Project.objects.update(default_action="allow")
    assert "only request images that need approval" in submit(viewer, "redis:7").content.decode()
    assert viewer.post(f"{BASE}/import/plan/", {"image_url": "nginx"}).status_code == 403


def test_owners_and_maintainers_set_what_is_theirs(team: Team) -> None:
    values = {"requests_from": "viewer", "request_days": "3", "default_action": "refuse", "four_eyes": "on"}
    client_of(team).post(f"{BASE}/settings/policy/", values)
    team.project.refresh_from_db()
    assert (team.project.request_days, team.project.default_action, team.project.four_eyes) == (
        3,
        "allow",
        False,
    )
    client_of(team, "owner").post(f"{BASE}/settings/policy/", values)
    team.project.refresh_from_db()
    assert (team.project.default_action, team.project.four_eyes) == ("refuse", True)
