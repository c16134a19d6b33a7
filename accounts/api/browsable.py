"""The API in a browser: the portal's own page around every answer, with ways up, down and to the sign-in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.utils.breadcrumbs import get_breadcrumbs

#: The name of the view of addresses that are none.
NO_SUCH_ADDRESS: Final = "Not found"
#: Answers after which there is nothing here to send a form to.
_NOTHING_HERE: Final = frozenset({401, 404})
#: What a row is called, the first that it has.
_NAMES: Final = (
    "name",
    "username",
    "target_image",
    "repository",
    "image_url",
    "url",
    "login",
    "action",
    "id",
)


class Browsable(BrowsableAPIRenderer):
    """DRF's, with the template ``rest_framework/api.html`` of ours and these words more: ``below`` and ``rows``, pairs
    of name and address; no form where there is nothing to send it to."""

    filter_template = "rest_framework/api_filters.html"

    #: What DRF gives with the answer: ``view``, ``request``, ``response``.
    renderer_context: Mapping[str, Any]

    def get_context(
        self, data: Any, accepted_media_type: str | None, renderer_context: Any
    ) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(data, accepted_media_type, renderer_context)
        request, response = renderer_context["request"], renderer_context["response"]
        here = response.status_code < 400
        return {
            **context,
            "below": list(_below(request)) if here else [],
            "rows": list(_rows(request, data)) if here else [],
            "forms": _forms(context) if context["display_edit_forms"] else [],
            # The API speaks the browser's language: a switch would change nothing here.
            "other_languages": (),
        }

    def show_form_for_method(self, view: Any, method: str, request: Request, obj: Any) -> bool:
        if self.renderer_context["response"].status_code in _NOTHING_HERE:
            return False
        return bool(super().show_form_for_method(view, method, request, obj))

    def get_description(self, view: Any, status_code: int) -> str:
        return "" if status_code in _NOTHING_HERE else super().get_description(view, status_code)

    def get_breadcrumbs(self, request: Request) -> list[tuple[str, str]]:
        """Up to the root by addresses that there are."""
        return [
            (name, url) for name, url in get_breadcrumbs(request.path, request) if name != NO_SUCH_ADDRESS
        ]


def _forms(context: Mapping[str, Any]) -> list[dict[str, str]]:
    """What may be sent to this address as JSON: ``method`` and ``content``, which is there to be changed."""
    found = {
        "POST": context["raw_data_post_form"],
        "PUT": context["raw_data_put_form"],
        "PATCH": context["raw_data_patch_form"],
    }
    return [
        {"method": method, "content": form["_content"].value() or ""}
        for method, form in found.items()
        if form
    ]


def _below(request: Request) -> Iterator[tuple[str, str]]:
    """Collections and single things right below this address that can be looked at."""
    start = _route(request) + "/"
    for route in _routes():
        rest = route.removeprefix(start)
        if rest != route and "<" not in rest:
            yield rest, f"{request.path}/{rest}"


def _rows(request: Request, data: Any) -> Iterator[tuple[str, str]]:
    """The rows of a list, where each has an address of its own."""
    results = data.get("results") if isinstance(data, Mapping) else None
    start = _route(request) + "/<"
    one = (route for route in _routes() if route.startswith(start) and "/" not in route.removeprefix(start))
    if not isinstance(results, list) or not any(one):
        return
    for row in results:
        name = next((row[key] for key in _NAMES if row.get(key)), "")
        yield str(name), f"{request.path}/{row['id']}"


def _route(request: Request) -> str:
    match = request.resolver_match
    return match.route if match else ""


@lru_cache(maxsize=1)
def _routes() -> tuple[str, ...]:
    """Routes of the API that answer to GET, as they stand in the lists of addresses."""
    return tuple(_flat(get_resolver().url_patterns, ""))


def _flat(patterns: Iterable[URLPattern | URLResolver], before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if route.startswith("api/"):
                yield from _flat(pattern.url_patterns, route)
        elif route.startswith("api/v1/") and _can_be_looked_at(pattern.callback):
            yield route


def _can_be_looked_at(view: Any) -> bool:
    """It answers to GET, and not only to a question with parameters."""
    needs_parameters = getattr(getattr(view, "cls", None), "needs_parameters", False)
    return "get" in getattr(view, "actions", ()) and not needs_parameters
