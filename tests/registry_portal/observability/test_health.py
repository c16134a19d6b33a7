"""Liveness asks nobody, readiness asks the database, numbers are for loopback or with the token."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from registry_portal.observability import health
from tests.support.fresh import fresh_memory

__all__ = ["fresh_memory"]


def test_liveness_asks_no_database(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"


@pytest.mark.django_db
def test_readiness_needs_the_database_and_only_tells_of_the_others(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.REGISTRY_URL = "http://127.0.0.1:1"
    response = client.get("/readyz")
    assert response.status_code == 200
    found = response.json()
    assert found["database"] == "ok"
    assert found["redis"].startswith("away")
    assert found["registry"].startswith("away")

    def away(_connection: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "MigrationExecutor", away)
    response = client.get("/readyz")
    assert (response.status_code, response.json()["database"]) == (503, "away (DatabaseError)")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("10.0.0.7", {}, 403),
        ("10.0.0.7", {"HTTP_AUTHORIZATION": "Bearer wrong"}, 403),
        ("10.0.0.7", {"HTTP_AUTHORIZATION": "Bearer "}, 403),
        ("10.0.0.7", {"HTTP_AUTHORIZATION": "Bearer the-metrics-token"}, 200),
        # A proxy on this machine speaks for somebody else.
        ("127.0.0.1", {"HTTP_X_FORWARDED_FOR": "10.0.0.7"}, 403),
        ("127.0.0.1", {"HTTP_FORWARDED": "for=10.0.0.7"}, 403),
        (
            "127.0.0.1",
            {"HTTP_X_FORWARDED_FOR": "10.0.0.7", "HTTP_AUTHORIZATION": "Bearer the-metrics-token"},
            200,
        ),
        ("127.0.0.1", {"HTTP_X_REAL_IP": "10.0.0.7"}, 403),
        ("127.0.0.1", {"HTTP_VIA": "1.1 proxy"}, 403),
        # One that says nothing of it hands on the name that people use.
        ("127.0.0.1", {"HTTP_HOST": "portal.example.com"}, 403),
        ("127.0.0.1", {"HTTP_HOST": "127.0.0.1.example.com"}, 403),
        ("127.0.0.1", {"HTTP_HOST": "[::1]:8000"}, 200),
        ("127.0.0.1", {"HTTP_HOST": "localhost"}, 200),
        ("not an address", {}, 403),
    ],
)
def test_metrics_are_for_loopback_or_with_the_token(
    client: Client, settings: Any, peer: str, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = "the-metrics-token"
    headers = {"HTTP_HOST": "127.0.0.1:8000", **headers}
    assert client.get("/metrics", REMOTE_ADDR=peer, **headers).status_code == status  # type: ignore[arg-type]


@pytest.mark.django_db
def test_without_a_token_no_token_fits(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", REMOTE_ADDR="10.0.0.7", HTTP_AUTHORIZATION="Bearer ").status_code == 403


@pytest.mark.django_db
def test_metrics_are_prometheus_text(client: Client) -> None:
    response = client.get("/metrics", HTTP_HOST="localhost")
    assert response["Content-Type"].startswith("text/plain; version=")
    assert (
        b"# TYPE portal_imports_ended_total counter" in response.content
        or b"portal_imports_ended" in response.content
    )
