"""Trusted signers in a project's settings and for the installation; the verdict in lists, on images and imports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from imageimport.models import TrustAnchor
from tests.pages.conftest import htmx
from tests.support.content.signing import Key
from tests.support.factories import ImageFactory, TaskFactory
from tests.support.people import Team

pytestmark = pytest.mark.django_db
As = Callable[..., Client]
PEM = Key().pem
SETTINGS = "/projects/team/settings/"
FIELDS = {
    "name": "release",
    "kind": "key",
    "public_key": PEM,
    "sources": "docker.io/library/*\n\nghcr.io/*\n",
}
VERIFIED: dict[str, Any] = {
    "state": "verified",
    "by": "release",
    "at": "2026-11-27T08:04:28+00:00",
    "digest": "sha256:" + "a" * 64,
    "reason": None,
    "anchors": [],
    "at_target": True,
}


@pytest.mark.parametrize(
    ("caller", "new", "back"),
    [("maintainer", SETTINGS + "trust/new/", SETTINGS), ("superuser", "/trust/new/", "/trust/")],
)
def test_a_signer_is_added_shown_and_deleted(as_: As, team: Team, caller: str, new: str, back: str) -> None:
    client = as_(caller)
    assert f'href="{new}"' in client.get(back).content.decode()
    page = client.post(new, FIELDS, follow=True).content.decode()
    assert "release is now a trusted signer." in page
    assert "docker.io/library/*" in page
    anchor = TrustAnchor.objects.get()
    assert anchor.sources == ["docker.io/library/*", "ghcr.io/*"]
    assert (anchor.project is None) is (caller == "superuser")
    away = f"{back}trust/{anchor.pk}/delete/" if anchor.project else f"/trust/{anchor.pk}/delete/"
    assert f'action="{away}"' in page
    page = client.post(away, follow=True).content.decode()
    assert "release is no longer a trusted signer." in page
    assert not TrustAnchor.objects.exists()


def test_an_identity_is_shown_with_its_issuer(as_: As, team: Team) -> None:
    issuer, identity = "https://token.actions.example.com", "https://github.example.com/acme/app"
    fields = {"name": "ci", "kind": "keyless", "issuer": issuer, "identity": identity}
    page = (
        as_("owner").post(SETTINGS + "trust/new/", fields, follow=True).content.decode().replace("<wbr>", "")
    )
    assert issuer in page
    assert identity in page


def test_what_is_wrong_stands_under_its_field(as_: As, team: Team) -> None:
    answer = htmx(as_("owner"), "post", SETTINGS + "trust/new/", {**FIELDS, "public_key": "a key"})
    assert answer.status_code == 422
    assert "Enter one public key in PEM format" in answer.content.decode()
    assert not TrustAnchor.objects.exists()


@pytest.mark.parametrize("caller", ["viewer", "owner"])
def test_nobody_else_sees_the_installations_or_a_way_to_them(as_: As, caller: str) -> None:
    client = as_(caller)
    assert client.get("/trust/").status_code == 403
    assert b'href="/trust/"' not in client.get("/").content


def test_a_superuser_finds_them_in_the_menu(as_: As) -> None:
    assert b'href="/trust/"' in as_("superuser").get("/").content


@pytest.mark.parametrize(
    ("language", "words", "detail"),
    [
        ("en", "Signature verified", "Signed 2026-11-27 08:04 UTC."),
        ("zh-hans", "签名有效", "签名时间：2026-11-27 08:04 UTC。"),
    ],
)
def test_lists_images_and_imports_show_the_verdict(
    as_: As, team: Team, language: str, words: str, detail: str
) -> None:
    image = ImageFactory(project=team.project, signature=VERIFIED)
    task = TaskFactory(project=team.project, signature=VERIFIED)
    client = as_("viewer")
    client.cookies["django_language"] = language
    assert words in client.get("/projects/team/").content.decode()
    for path in (f"images/{image.pk}/", f"imports/{task.pk}/"):
        page = client.get(f"/projects/team/{path}").content.decode()
        assert words in page
        assert "release" in page
        assert detail in page


def test_where_nobody_asked_pages_claim_nothing(as_: As, team: Team) -> None:
    image = ImageFactory(project=team.project)
    client = as_("viewer")
    client.cookies["django_language"] = "en"
    assert "Signature" not in client.get("/projects/team/").content.decode()
    assert "not checked" in client.get(f"/projects/team/images/{image.pk}/").content.decode()
