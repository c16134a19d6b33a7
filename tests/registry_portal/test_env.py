"""Secrets come from the environment or from files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from registry_portal.env import BASE_DIR, secret, secret_url


def test_a_secret_of_a_file_is_taken_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("$ecret,{x}\n")
    monkeypatch.setenv("SOME_PASSWORD_FILE", str(file))
    monkeypatch.setenv("SOME_PASSWORD", "another")

    assert secret("SOME_PASSWORD") == "$ecret,{x}"


def test_a_secret_of_the_environment_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "$ecret")
    monkeypatch.setenv("ecret", "another")

    assert secret("SOME_PASSWORD") == "$ecret"


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD_FILE", str(tmp_path / "none"))

    with pytest.raises(
        ImproperlyConfigured, match=r"SOME_PASSWORD_FILE names .*none, which can't be read: No such"
    ):
        secret("SOME_PASSWORD")


@pytest.mark.parametrize(
    "url",
    [
        "postgres://portal:pa[canary]ss@db/portal",
        "postgres://portal:pa[canary@db/portal",
        "postgres://portal:canary/ss@db/portal",
        "redis://:canary#ss@redis:6379/0",
        "redis+sentinel://:pa]canary@[::1]:26379,b/main",
        "smtp+tls://me:canary?ss@mail.example.com:587",
    ],
)
def test_a_password_that_divides_its_url_is_refused_by_every_python_and_not_repeated(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newer releases say of ``[canary]`` that ``canary`` is no address; older ones take it."""
    monkeypatch.setenv("SOME_URL", url)
    with pytest.raises(ImproperlyConfigured, match=r"SOME_URL can't be read\. In its .* %5B") as refused:
        secret_url("SOME_URL")
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "sqlite:////srv/a[b]/p@q.sqlite3",
        "sqlite://:memory:",
        "postgres://portal:%5Bcanary%2F@db:5432/portal?application_name=a@b",
        "postgres://portal:x@[2001:db8::1]:5432,db/portal",
        "postgres://portal:x@/portal?host=/run/postgresql",
        "redis://127.0.0.1:6379/0",
        "redis+sentinel://:x@[::1]:26379,b:26379/main/1",
        "smtp+tls://me@example.com:x@mail.example.com:587",
    ],
)
def test_other_urls_stay_as_they_are(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_URL", url)
    assert secret_url("SOME_URL") == url


def test_the_urls_that_have_a_password_are_read_so() -> None:
    """Each in the settings, and where backups hand one to PostgreSQL's programs."""
    text = "".join(
        (BASE_DIR / place).read_text(encoding="utf-8")
        for place in ("registry_portal/settings.py", "stack/pgpass.py")
    )
    assert sorted(set(re.findall(r'secret_url\("(\w+)"\)', text))) == [
        "DATABASE_URL",
        "EMAIL_URL",
        "REDIS_URL",
    ]
    assert not re.findall(r'\bsecret\("\w*(?:URL|PROXY)"', text)
