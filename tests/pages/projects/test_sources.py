"""The page of the sources: shown to superusers, a rule made, changed, tried out and taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from imageimport.models import SourceRule
from imageimport.registries import sources
from imageimport.sources import services, trying
from imageimport.sources.trying import Tried
from oci.egress.proxies import parse_rules
from tests.pages.conftest import htmx

pytestmark = pytest.mark.django_db
As = Callable[..., Client]
FIELDS = {"pattern": "quay.io", "proxy": "http://user@proxy.example:3128", "proxy_password": "secret-p"}


@pytest.mark.parametrize("caller", ["viewer", "owner"])
def test_nobody_else_sees_it_or_a_way_to_it(as_: As, caller: str) -> None:
    client = as_(caller)
    assert client.get("/sources/").status_code == 403
    assert b"/sources/" not in client.get("/").content


def test_a_superuser_finds_it_in_the_menu(as_: As) -> None:
    assert b'href="/sources/"' in as_("superuser").get("/").content


def test_a_rule_is_made_with_its_mirrors_changed_and_taken_away(as_: As) -> None:
    client = as_("superuser")
    mirror = {"mirror_0_url": "https://m.example/quay.io", "mirror_0_username": "robot"}
    answer = client.post("/sources/new/", {**FIELDS, **mirror, "mirror_0_password": "secret-m"}, follow=True)
    page = answer.content.decode()
    assert "The rule for quay.io was saved." in page
    assert "http://user@proxy.example:3128" in page
    assert "https://m.example/quay.io" in page
    assert "Running imports keep using it until their current attempt ends." in page
    rule = SourceRule.objects.get()
    form = client.get(f"/sources/{rule.pk}/edit/").content.decode()
    assert 'value="https://m.example/quay.io"' in form
    assert "secret-" not in page + form
    changed = {**FIELDS, **mirror, "proxy_password": "", "private": "on", "position": "4"}
    assert client.post(f"/sources/{rule.pk}/edit/", changed).status_code == 302
    rule.refresh_from_db()
    assert (rule.position, rule.private, rule.proxy_password.reveal()) == (4, True, "secret-p")
    assert rule.mirrors.get().password.reveal() == "secret-m"
    assert client.post(f"/sources/{rule.pk}/delete/").status_code == 302
    assert not SourceRule.objects.exists()


def test_what_is_wrong_stands_under_its_field(as_: As) -> None:
    answer = htmx(as_("superuser"), "post", "/sources/new/", {**FIELDS, "proxy": "proxy.example"})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Enter http://host:port" in page
    assert "secret-p" not in page
    assert not SourceRule.objects.exists()


def test_rules_of_the_environment_are_shown_and_can_not_be_changed(as_: As, settings: Any) -> None:
    settings.IMPORT_PROXIES = parse_rules("ghcr.io=http://u:secret-9@p.example:3128", {})
    client = as_("superuser")
    page = client.get("/sources/").content.decode()
    assert "set in the environment" in page
    assert "http://u@p.example:3128" in page
    assert "secret-9" not in page
    assert "/edit/" not in page
    (rule,) = (each for each in sources.environment_rules() if each.proxy)
    for path in ("edit", "delete"):
        answer = client.post(f"/sources/{rule.id}/{path}/", follow=True)
        assert "can only be changed there" in answer.content.decode()


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (Tried(True, "p.example:3128", 0.5, "sha256:abc"), "Reached via p.example:3128 in 0.50 s."),
        (Tried(True, "", 0.5, "sha256:abc"), "Reached directly in 0.50 s."),
        (Tried(False, "p.example:3128", 1.0, "", "proxy_error", "The proxy is away."), "The proxy is away."),
    ],
)
def test_a_test_says_what_happened_beside_its_rule_or_on_the_page(
    as_: As, monkeypatch: pytest.MonkeyPatch, tried: Tried, said: str
) -> None:
    monkeypatch.setattr(trying, "try_out", lambda **_: tried)
    rule = services.create(user=None, pattern="ghcr.io")
    client = as_("superuser")
    path = f"/sources/{rule.pk}/test/"
    assert said in htmx(client, "post", path, {"image_url": "ghcr.io/a/b"}).content.decode()
    assert said in client.post(path, {"image_url": "ghcr.io/a/b"}, follow=True).content.decode()
    assert "Enter an image." in htmx(client, "post", path, {"image_url": ""}).content.decode()
