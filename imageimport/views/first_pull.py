"""``/service/first-pull/…``: the portal's small door beside the registry, which only the registry's front (nginx) uses.

It sends on here what the registry does not have, and asks of tags whether they are fresh
(``stack.services.front_server``).
The bytes of an image never pass: what is here is answered with ``X-Accel-Redirect``, and the front asks the registry.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from typing import Final, Literal, cast, get_args

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from accounts.caller import acting_as, calling_from
from imageimport.first_pull import answers, freshness, names, services
from imageimport.first_pull.answers import Answer, Coming, Here, PullRefused
from imageimport.first_pull.held import ASK_AGAIN, held_for
from imageimport.first_pull.names import Wanted
from imageimport.first_pull.pullers import Puller, puller_of
from oci.errors import OciError
from projects.models import Project
from projects.token_service.tokens import Claims, read

Ask = Literal["missing", "stale", "fresh"]
#: Where the front finds the registry itself (``stack.services.front_server``).
REGISTRY: Final = "/registry"
#: The same for the tag that the front asked about; what the registry turns out not to have, it asks for as missing.
REGISTRY_OR_MISSING: Final = "@registry-or-missing"
#: The front remembers this long that a tag is fresh, so a change of the project's settings counts so late; seconds.
REMEMBERED: Final = 10
#: Pauses between two looks at an import that a pull waits for, from the first to the last; seconds.
FIRST_LOOK: Final = 0.2
LAST_LOOK: Final = 2.0


@login_not_required
@csrf_exempt
@require_safe
def first_pull(request: HttpRequest, ask: str, name: str, reference: str) -> HttpResponse:
    """The front's question about one manifest, with the client's own token.

    :param ask: ``missing``: the registry does not have it; ``fresh``: may it be served without a look at its source
        (204 or 403); ``stale``: that look, then the manifest.
    """
    if ask not in get_args(Ask):
        raise Http404
    # The peer is the front. What stands between it and the client is not known, and so neither is the client's address.
    # Who pulls stands in the token; no session counts here.
    with calling_from(None), acting_as(None):
        response = _response(request, cast(Ask, ask), name, reference)
    if request.method == "HEAD":
        response.content = b""
    return response


def _response(request: HttpRequest, ask: Ask, name: str, reference: str) -> HttpResponse:
    claims = _claims(request)
    if claims is None or not claims.may_pull(name):
        return _unasked() if ask == "fresh" else _no_right(name)
    project = Project.objects.filter(name=name.partition("/")[0]).first()
    try:
        wanted = names.read(name, reference)
    except OciError as exc:
        return _seconds(REMEMBERED) if ask == "fresh" else _answered(answers.of_error(exc), name, reference)
    if project is None or wanted is None or project.first_pull == Project.FirstPull.OFF:
        return _seconds(REMEMBERED) if ask == "fresh" else _without(ask, name, reference)
    puller = puller_of(claims, project)
    if ask == "fresh":
        return _freshness(project, wanted, may_ask=puller is not None)
    if puller is None:
        return _without(ask, name, reference)
    held = held_for(request)
    with acting_as(puller.user, puller.robot):
        found = _found(held, ask, project, wanted, puller)
    has_time = held < settings.FIRST_PULL_WAIT_SECONDS
    if ask == "stale" and isinstance(found, Coming) and not has_time:
        found = Here()
    response = _answered(found, name, reference, at=REGISTRY_OR_MISSING if ask == "stale" else "")
    if isinstance(found, Coming) and has_time:
        # Our web server keeps the client waiting and asks again; any other sends the answer as it is.
        response.headers[ASK_AGAIN] = f"{min(LAST_LOOK, max(FIRST_LOOK, held / 10)):.2f}"
    return response


def _found(held: float, ask: Ask, project: Project, wanted: Wanted, puller: Puller) -> Answer:
    """What the pull gets, or that it is asked for again.

    :param held: how long the client has waited, seconds.
    """
    if ask == "stale":
        return freshness.renew(project, wanted, puller, since=time.time() - held)
    since = timezone.now() - dt.timedelta(seconds=held)
    return services.bring(project, wanted, puller, since=since)


def _claims(request: HttpRequest) -> Claims | None:
    if not settings.TOKEN_SERVICE_KEY:
        return None
    scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return read(text.strip()) if scheme.lower() == "bearer" else None


def _without(ask: Ask, name: str, reference: str) -> HttpResponse:
    """As if there were no first pull: what is here is served, and what is not is not."""
    return _answered(Here() if ask == "stale" else answers.unknown(), name, reference)


def _freshness(project: Project, wanted: Wanted, *, may_ask: bool) -> HttpResponse:
    """Whether the front may serve the tag that is here.

    :param may_ask: the client may cause a question to the source. Others get what is here, which the front
    does not remember of a stale tag, since the next client may ask.
    """
    if freshness.image_of(project, wanted) is None:
        # It may be imported in a moment, and asked for again right after.
        return _seconds(min(REMEMBERED, project.first_pull_fresh_seconds))
    left = freshness.seconds_left(project, wanted, time.time())
    if left <= 0 and may_ask:
        return HttpResponse(status=403)
    return _seconds(max(0, min(REMEMBERED, math.floor(left))))


def _seconds(count: int) -> HttpResponse:
    """Fresh: the front asks again after this many seconds."""
    return HttpResponse(status=204, headers={"X-Accel-Expires": str(count)})


def _unasked() -> HttpResponse:
    """The registry itself refuses this client."""
    return _seconds(0)


def _no_right(name: str) -> HttpResponse:
    response = _refusal(PullRefused(401, "UNAUTHORIZED", "Sign in to the registry first."))
    response.headers["WWW-Authenticate"] = (
        f'Bearer realm="{settings.PORTAL_URL}/service/token",service="{settings.TOKEN_SERVICE_NAME}",'
        f'scope="repository:{name}:pull"'
    )
    return response


def _answered(found: Answer, name: str, reference: str, *, at: str = "") -> HttpResponse:
    """The answer to the front.

    :param at: the front's location where it finds the manifest; empty: :data:`REGISTRY`.
    """
    if isinstance(found, Here):
        return HttpResponse(headers={"X-Accel-Redirect": at or f"{REGISTRY}/v2/{name}/manifests/{reference}"})
    if isinstance(found, Coming):
        found = answers.unavailable(found.message, found.retry_after)
    return _refusal(found)


def _refusal(found: PullRefused) -> HttpResponse:
    body = {"errors": [{"code": found.code, "message": found.message, "detail": None}]}
    response = JsonResponse(body, status=found.status)
    response.headers["Docker-Distribution-Api-Version"] = "registry/2.0"
    response.headers["Cache-Control"] = "no-store"
    if found.retry_after:
        response.headers["Retry-After"] = str(found.retry_after)
    # That a client has to wait is no fault of ours, which Django would write down as one.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
