"""Addresses below ``/api/`` that are none, and those that lead to one."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.urls import Resolver404, resolve, reverse
from django.utils.encoding import escape_uri_path
from django.views.decorators.csrf import csrf_exempt
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.browsable import NO_SUCH_ADDRESS


@extend_schema(exclude=True)
class NoSuchAddress(APIView):
    """404 in the API's own shape, whatever is asked for and however."""

    name = NO_SUCH_ADDRESS

    def _refuse(self, request: Request, **_: Any) -> Response:
        raise exceptions.NotFound

    get = post = put = patch = delete = _refuse


no_such_address = NoSuchAddress.as_view()


@login_not_required
@csrf_exempt
def slashed(request: HttpRequest) -> HttpResponseBase:
    """An address with slashes at its end leads to the one without, if there is one, and ``/api`` to the API's root.

    308, so that method and body stay. Nothing is changed or told here: no sign-in is asked for, and no token of a form.
    """
    bare = request.path.rstrip("/")
    if request.path_info.strip("/") == "api":
        bare = reverse("api-root")
    elif not _is_there(request.path_info.rstrip("/")):
        return no_such_address(request)
    query = request.META.get("QUERY_STRING", "")
    url = escape_uri_path(bare) + (f"?{query}" if query else "")
    return HttpResponsePermanentRedirect(url, preserve_request=True)


def _is_there(path: str) -> bool:
    try:
        return resolve(path).func is not no_such_address
    except Resolver404:
        return False
