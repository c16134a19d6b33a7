"""Every address that the site answers, found in its URL configuration."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

_ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """One route. ``verbs``: of a viewset, what it answers; empty where the view itself decides."""

    route: str
    name: str
    verbs: frozenset[str]
    csrf_exempt: bool
    view: Any

    def path(self, values: Mapping[str, object]) -> str:
        """The address with ``values`` for its arguments; see :meth:`arguments`."""
        return "/" + _ARGUMENT.sub(lambda found: str(values[found[1]]), self.route)

    @property
    def arguments(self) -> list[str]:
        return _ARGUMENT.findall(self.route)

    @property
    def tried(self) -> frozenset[str]:
        """Verbs to knock with: all that it answers, and one that frameworks answer by themselves."""
        return (self.verbs or frozenset({"GET", "POST"})) | {"OPTIONS"}

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("admin/")

    @property
    def is_api(self) -> bool:
        return self.route.startswith("api/v1")

    @property
    def is_of_a_project(self) -> bool:
        return "<uuid:project_id>" in self.route or "projects/<str:name>" in self.route

    @property
    def is_pattern(self) -> bool:
        """No one address but whatever no other took: the API's own 404."""
        return not self.name and "api(?:" in self.route

    def __str__(self) -> str:
        return f"/{self.route}"


def addresses() -> list[Address]:
    """All of them, in the order in which they are tried."""
    return list(_walk(get_resolver(), ""))


def _walk(resolver: URLResolver, before: str) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            view = pattern.callback
            verbs = frozenset(verb.upper() for verb in getattr(view, "actions", None) or ())
            exempt = bool(getattr(view, "csrf_exempt", False))
            yield Address(route, pattern.name or "", verbs, exempt, view)
        else:
            yield from _walk(pattern, route)
