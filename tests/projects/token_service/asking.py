"""Asking the token service, as clients do."""

from __future__ import annotations

import base64
from typing import Any

from django.test import Client


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def get(*scopes: str, headers: dict[str, str] | None = None, **query: str) -> Any:
    return Client().get("/service/token", {"scope": list(scopes), **query}, headers=headers or {})


def post(**form: str) -> Any:
    return Client(enforce_csrf_checks=True).post("/service/token", form)
