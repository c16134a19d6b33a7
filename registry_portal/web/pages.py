"""What a browser gets where no page of its own is written: at an address that only takes forms, and after a fault."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseServerError
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve

log = structlog.get_logger(__name__)


class FormsLeadUpMiddleware:
    """A browser that opens an address which only takes forms is led to the nearest page above it.

    Such an address stays in the bar after a form that was answered with a page: reloading it by its address would
    show nothing. Programs keep their 405: only who asks for HTML, by GET, is led.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        asks_for_a_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if isinstance(response, HttpResponseNotAllowed) and not response.content and asks_for_a_page:
            return redirect(_above(request.path_info))
        return response


def _above(path: str) -> str:
    """The nearest address above ``path`` that there is; at last the first page."""
    while path.strip("/"):
        path = path.rstrip("/").rpartition("/")[0] + "/"
        try:
            resolve(path)
        except Resolver404:
            continue
        return path
    return "/"


def server_error(request: HttpRequest) -> HttpResponse:
    """The page of a fault, with the bar as this person knows it; where what broke keeps even that from being made (the
    database, for one), the same page as for a stranger."""
    try:
        page = render_to_string("500.html", request=request)
    except Exception:
        log.exception("page.error_page_failed")
        page = render_to_string("500.html", {"registry_public_host": settings.REGISTRY_PUBLIC_HOST})
    return HttpResponseServerError(page)
