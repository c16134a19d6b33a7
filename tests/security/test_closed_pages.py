"""What every answer says to browsers: nothing inline or from another site, no frames, cookies that scripts can't read.

The admin, the API's pages and its documentation are held to the same policy as our own pages.
"""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page

from stack.paths import BIN, ROOT
from testbed.portal import ADMIN, PortalProcess, seed_database
from tests.security.conftest import Siege
from tests.security.test_every_address import values_of
from tests.support.addresses import addresses
from tests.support.people import Team

#: Addresses that a registry or a monitor reads; they have the policy, too, but no page.
LOOSE = re.compile(r"unsafe|\*|https?:|blob:|strict-dynamic|'nonce")

FLOATED = ("button style", "div style")


class Inline(HTMLParser):
    """Finds what a strict policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        runs = named.get("type") in (None, "", "text/javascript", "module")
        if (tag == "script" and "src" not in named and runs) or tag == "style":
            self.found.append(f"<{tag}>")
        self.found += [f"{tag} {name}" for name in named if name.startswith("on") or name == "style"]
        for name in ("src", "href", "action", "formaction"):
            value = (named.get(name) or "").strip().lower()
            if value.startswith(("javascript:", "data:text", "vbscript:")):
                self.found.append(f"{tag} {name}={value[:20]}")
        elsewhere = (named.get("src") or "").startswith(("http:", "https:", "//"))
        if elsewhere or (tag == "link" and (named.get("href") or "").startswith(("http:", "https:", "//"))):
            self.found.append(f"{tag} from another site")


def inline(html: str) -> list[str]:
    parser = Inline()
    parser.feed(html)
    return parser.found


def test_the_search_for_inline_code_finds_it() -> None:
    bad = (
        '<script>x</script><p style="a" onclick="b"><a href="javascript:c">d</a><script src="//e/f"></script>'
    )
    assert inline(bad) == [
        "<script>",
        "p style",
        "p onclick",
        "a href=javascript:c",
        "script from another site",
    ]
    assert inline('<script type="application/json">{}</script><script src="/static/a.js"></script>') == []


@pytest.mark.django_db
def test_every_answer_is_closed() -> None:
    team = Team.make()
    values = values_of(team) | {
        "object_id": team.project.pk,
        "id": team.users["viewer"].pk,
        "app_label": "auth",
    }
    values |= {"url": "none", "content_type_id": 1}
    client = Client()
    client.force_login(team.users["superuser"])
    pages, wrong = 0, {}
    for address in addresses():
        if address.is_pattern or address.name == "view_on_site" or "(?P<" in address.route:
            continue
        path = address.path(values)
        answer = client.get(path, headers={"Accept": "text/html"})
        policy = answer.headers.get("Content-Security-Policy", "")
        assert "default-src 'none'" in policy, path
        assert not LOOSE.search(policy.replace("data:", "")), (path, policy)
        assert "frame-ancestors 'none'" in policy and "base-uri 'none'" in policy, path
        assert answer.headers["X-Frame-Options"] == "DENY", path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert answer.headers["Referrer-Policy"] == "same-origin", path
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", path
        if answer.status_code == 200 and "html" in answer.headers["Content-Type"]:
            pages += 1
            # Django REST framework floats two buttons by style attributes; blocked, they stand at the left.
            if found := [each for each in inline(answer.content.decode()) if each not in FLOATED]:
                wrong[path] = found
    assert wrong == {}
    assert pages > 60


@pytest.mark.django_db
def test_cookies_are_for_this_site_and_not_for_scripts() -> None:
    User.objects.create_user("ann", password="correct horse battery staple")
    client = Client()
    client.get("/accounts/login/")
    client.post("/accounts/login/", {"username": "ann", "password": "correct horse battery staple"})
    client.post("/preferences/theme/", {"theme": "dark"})
    session, csrf, theme = (client.cookies[name] for name in ("sessionid", "csrftoken", "portal_theme"))
    assert (session["httponly"], session["samesite"]) == (True, "Lax")
    assert (theme["httponly"], theme["samesite"]) == (True, "Lax")
    assert csrf["samesite"] == "Lax"


_SECURE = """
from django.test import Client
import json
client = Client()
plain = client.get("/accounts/login/", headers={"host": "portal.example.com"})
page = client.get("/accounts/login/", secure=True, headers={"host": "portal.example.com"})
other = client.get("/accounts/login/", secure=True, headers={"host": "evil.example.com"})
spoofed = client.get("/healthz", headers={"host": "portal.example.com"})
inside = client.get("/healthz", headers={"host": "127.0.0.1:8000"})
print(json.dumps({
    "inside": inside.status_code,
    "plain": [plain.status_code, plain.headers.get("Location")],
    "hsts": page.headers.get("Strict-Transport-Security"),
    "cookies": {name: [bool(c["secure"]), c["samesite"]] for name, c in client.cookies.items()},
    "other": other.status_code,
    "health": spoofed.status_code,
}))
"""


def test_on_tls_everything_is_tls(tmp_path: Path, tables: Path) -> None:
    portal = PortalProcess(tmp_path, {})
    seed_database(portal.data_dir, tables)
    env = {
        **portal.environment(),
        "PORTAL_TLS": "1",
        "ALLOWED_HOSTS": "portal.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://portal.example.com",
        "LOG_LEVEL": "CRITICAL",
    }
    done = subprocess.run(
        [BIN / "python", ROOT / "manage.py", "shell", "-v0", "-c", _SECURE],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert said["plain"] == [301, "https://portal.example.com/accounts/login/"]
    assert said["hsts"] == "max-age=31536000; includeSubDomains; preload"
    assert said["cookies"] and {tuple(flags) for flags in said["cookies"].values()} == {(True, "Lax")}
    assert (said["other"], said["health"]) == (400, 200)
    # Health checks, Prometheus and the registry's reports come by loopback.
    assert said["inside"] == 200


@pytest.mark.timeout(480)
def test_the_admin_and_the_api_pages_work_under_the_policy(siege: Siege, page: Page) -> None:
    """In a real browser: nothing of theirs is blocked, and the documentation shows its operations."""
    portal, complaints, missing = siege.portal, [], []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("response", lambda answer: missing.append(answer.url) if answer.status == 404 else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    portal.project("looked-at")
    page.goto(f"{portal.url}/accounts/login/?next=/admin/")
    page.get_by_label("Username").fill(ADMIN)
    page.get_by_label("Password").fill(portal.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/admin/")
    for path in ("/admin/imageimport/importtask/", "/admin/auth/user/add/", "/api/v1/projects", "/api/v1"):
        page.goto(f"{portal.url}{path}")
    page.goto(f"{portal.url}/api/docs")
    page.locator("#operations-tag-projects").click()
    page.get_by_text("/api/v1/projects", exact=True).first.wait_for()
    blocked = [text for text in complaints if "Content Security Policy" in text or "Refused" in text]
    assert not [text for text in blocked if "script-src" in text or "connect-src" in text]
    assert [url for url in missing if not url.endswith("/favicon.ico")] == []
    assert [text for text in complaints if text not in blocked and "404 (Not Found)" not in text] == []
