"""``/service/registry-events``: what the registry reports of pushes, pulls and deletions.

Format: distribution/docs/content/about/notifications.md. A lost notice is made good by
:mod:`projects.registry.reconcile`; one that comes twice or late changes nothing: it only says which
tag to look at, and pulls have ids.

The registry waits three seconds for an answer, then sends the same again and keeps all others back. So nothing is asked
of it here: what is to be looked at is written down, and a worker looks (:mod:`projects.registry.tag_notices`).
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db.models import F, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.dedupe import first_within
from oci.registry.endpoint import USER_AGENT
from oci.spec.digest import is_digest
from oci.spec.media_types import is_manifest_type
from projects.models import Image
from projects.registry.tag_notices import Noted, note
from projects.token_service.scopes import split_repository
from projects.token_service.tokens import PORTAL, SCANNER

MAX_EVENTS: Final = 1000
#: A pull with the same id is taken for the same for this long, seconds.
SAME_EVENT: Final = 900
#: Clients ask by HEAD what a tag names and then pull by digest; this long the digest stands for that tag, seconds.
TAG_HINT: Final = 120


@dataclass(frozen=True, slots=True)
class Event:
    """One notice, as far as it concerns the index."""

    id: str
    action: str
    repository: str
    tag: str
    digest: str
    media_type: str
    method: str
    actor: str
    agent: str
    #: The client's address, without its port.
    address: str

    @classmethod
    def read(cls, given: object) -> Event | None:
        """None for what is none, or concerns no manifest."""
        event = given if isinstance(given, dict) else {}
        target, request, actor = (_object(event, name) for name in ("target", "request", "actor"))
        found = cls(
            id=_text(event, "id"),
            action=_text(event, "action"),
            repository=_text(target, "repository"),
            tag=_text(target, "tag"),
            digest=_text(target, "digest"),
            media_type=_text(target, "mediaType"),
            method=_text(request, "method"),
            actor=_text(actor, "name"),
            agent=_text(request, "useragent"),
            address=_without_port(_text(request, "addr")),
        )
        names_something = bool(found.tag) or is_digest(found.digest)
        return found if names_something and split_repository(found.repository) else None

    @property
    def is_ours(self) -> bool:
        """The portal itself did it, or a scanner for it: no one uses the image."""
        return self.actor in (PORTAL, SCANNER) or self.agent.startswith(USER_AGENT.partition("/")[0] + "/")


@login_not_required
@csrf_exempt
@require_POST
def registry_events(request: HttpRequest) -> HttpResponse:
    """Take an envelope of events. The registry sends again what is not answered 2xx."""
    scheme, _, shown = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    expected = settings.REGISTRY_NOTIFICATION_TOKEN
    right = hmac.compare_digest(shown.strip().encode("utf-8", "replace"), expected.encode())
    if scheme.lower() != "bearer" or not expected or not right:
        response = JsonResponse(
            {"code": "unauthorized", "detail": "The notification token is wrong."}, status=401
        )
        response.headers["WWW-Authenticate"] = 'Bearer realm="registry-events"'
        return response
    try:
        envelope = json.loads(request.body)
        given = envelope["events"][:MAX_EVENTS]
    except (ValueError, KeyError, TypeError, RecursionError):
        return JsonResponse({"code": "parse_error", "detail": "This is no envelope of events."}, status=400)
    take_in([event for event in map(Event.read, given) if event is not None])
    return HttpResponse(status=200)


def take_in(events: Iterable[Event]) -> None:
    """Act on notices: each tag that was written or may be gone is noted to be looked at; pulls are counted."""
    touched: dict[tuple[str, str], Noted] = {}
    pulled: list[Event] = []
    for event in events:
        if event.action == "push" and event.tag:
            touched[event.repository, event.tag] = Noted(event.digest, is_ours=event.is_ours)
        elif event.action == "delete":
            touched |= dict.fromkeys(_tags_of_deleted(event), Noted("", is_ours=event.is_ours))
        elif (
            event.action == "pull"
            and not event.is_ours
            and first_within(SAME_EVENT, f"registry-event {event.id}")
        ):
            pulled.append(event)
    _count(pulled)
    note(touched)


def _tags_of_deleted(event: Event) -> list[tuple[str, str]]:
    rows = _rows(event)
    found = rows.filter(tag=event.tag) if event.tag else rows.filter(digest=event.digest)
    return [(event.repository, tag) for tag in found.values_list("tag", flat=True)]


def _count(events: Iterable[Event]) -> None:
    """Count pulls, and note when each tag was used last.

    A client that has the image already only asks by HEAD whether the tag still names it, as a node does with
    ``imagePullPolicy: Always``. That moves no bytes and counts as no pull, but the image is in use.
    """
    counts: Counter[Any] = Counter()
    for event in events:
        if event.media_type and not is_manifest_type(event.media_type):
            continue
        is_question = event.method == "HEAD"
        if is_question and event.tag:
            cache.set(_tag_hint(event, event.digest), event.tag, TAG_HINT)
        row = _pulled(event)
        if row is not None and not is_question:
            cache.set(_whole_hint(event, event.digest), True, TAG_HINT)
        if row is None:
            row = _pulled_in_part(event)
        if row is not None:
            counts[row] += not is_question  # also where that adds nothing: the row was used
    for row, count in counts.items():
        Image.objects.filter(pk=row).update(pull_count=F("pull_count") + count, last_pulled_at=timezone.now())


def _pulled(event: Event) -> Any:
    """The row of the tag that a pull is of, by tag or digest."""
    return _likeliest(event, _rows(event).filter(digest=event.digest), event.digest)


def _pulled_in_part(event: Event) -> Any:
    """The row of a tag whose index has the pulled manifest: who knows a platform's digest, or has the index already,
    pulls nothing else. None where this client has pulled the index just now, which was counted."""
    text = Cast("children", TextField())
    found = _rows(event).annotate(text=text).filter(text__contains=f'"{event.digest}"')
    for digest in set(found.values_list("digest", flat=True)):
        if cache.get(_whole_hint(event, digest)):
            return None
    hinted = [
        digest for digest in found.values_list("digest", flat=True) if cache.get(_tag_hint(event, digest))
    ]
    return _likeliest(event, found.filter(digest__in=hinted) if hinted else found, *hinted)


def _likeliest(event: Event, rows: Any, *digests: str) -> Any:
    """The row of the tag that was asked for, now or before; else the one that was set last."""
    hints = (cache.get(_tag_hint(event, digest)) for digest in digests)
    tag = event.tag or next(filter(None, hints), None)
    rows = rows.filter(tag=tag) if tag else rows
    return rows.order_by("-updated_at").values_list("pk", flat=True).first()


def _tag_hint(event: Event, digest: str) -> str:
    return f"pulled-tag:{event.repository}@{digest}"


def _whole_hint(event: Event, digest: str) -> str:
    return f"pulled-whole:{event.repository}@{digest}:{event.address}"


def _rows(event: Event) -> Any:
    project, _, inside = event.repository.partition("/")
    return Image.objects.filter(project__name=project, repository=inside)


def _object(given: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = given.get(name)
    return found if isinstance(found, dict) else {}


def _without_port(text: str) -> str:
    """The registry says ``address:port``; of a client behind a proxy it knows the address alone."""
    address, _colon, port = text.rpartition(":")
    is_bare_v6 = text.count(":") > 1 and not text.startswith("[")
    return address if address and port.isdigit() and not is_bare_v6 else text


def _text(given: Mapping[str, Any], name: str) -> str:
    found = given.get(name)
    return found[:700] if isinstance(found, str) and "\0" not in found else ""
