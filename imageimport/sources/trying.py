"""Whether an image can be reached as the rules say: by which way, how fast, and what failed on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User

from accounts.exceptions import FieldErrors, sentence_of
from imageimport.registries import clients, ways
from oci.cancel import CancelToken
from oci.errors import OciError
from oci.reference.parser import Reference, parse_reference
from oci.registry.options import ClientOptions
from oci.registry.retry import RetryBudget, RetryPolicy
from oci.registry.source import Source
from projects import places

#: All questions together, and retries among them, seconds.
MAX_SECONDS: Final = 25.0
RETRY_SECONDS: Final = 3.0
#: Without these an answer came, whatever it said.
_NO_ANSWER: Final = frozenset(
    {"unreachable", "proxy_error", "tls_error", "blocked_address", "stalled", "timeout"}
)


@dataclass(frozen=True, slots=True)
class Tried:
    """``reached``: something answered. ``via`` as of a task, ``seconds`` until the answer; ``code`` and ``detail`` (in
    the reader's language) say what failed, also where a later place answered."""

    reached: bool
    via: str = ""
    seconds: float = 0.0
    digest: str = ""
    code: str = ""
    detail: str = ""


def try_out(*, image_url: str, user: User | None) -> Tried:
    """Ask for an image's digest: its mirrors in order, then the registry itself, by the ways that all rules say.

    :raises FieldErrors: on ``image_url``.
    :raises ApplicationError: ``throttled`` (:mod:`projects.places`).
    """
    try:
        source = parse_reference(image_url.strip())
        clients.check_literal_source(source)
    except OciError as exc:
        raise FieldErrors({"image_url": [sentence_of(exc)]}) from exc
    began = time.monotonic()
    try:
        with places.asking_others(user, seconds=MAX_SECONDS) as cancel:
            return _ask(source, user, cancel)
    except OciError as exc:
        return _failed([exc], "", time.monotonic() - began)


def _ask(source: Reference, user: User | None, cancel: CancelToken) -> Tried:
    options = ClientOptions(cancel=cancel, retries=RetryPolicy(budget=RetryBudget(seconds=RETRY_SECONDS)))
    failures: list[OciError] = []
    via, began = "", time.monotonic()
    for place in _places(source, user, options):
        with closing(place):
            began = time.monotonic()
            try:
                digest = _digest(place, source.identifier)
            except OciError as exc:
                via = place.via or place.host
                ways.note_error(source.registry, place.via, exc)
                failures.append(exc)
                continue
            outcome = _failed(failures, place.via, time.monotonic() - began)
            return Tried(True, place.via, outcome.seconds, digest, outcome.code, outcome.detail)
    return _failed(failures, via, time.monotonic() - began)


def _places(source: Reference, user: User | None, options: ClientOptions) -> Sequence[Source]:
    if source.is_chart:
        return [clients.source_client(source, user=user, options=options)]
    asked = clients.source_places(source, user=user, options=options, fresh=True)
    return [place.repository for place in asked]


def _digest(place: Source, wanted: str) -> str:
    head = place.head_manifest(wanted)
    if head is not None and head.digest:
        return head.digest
    return place.get_manifest(wanted).digest


def _failed(failures: Sequence[OciError], via: str, seconds: float) -> Tried:
    return Tried(
        reached=any(each.code not in _NO_ANSWER for each in failures),
        via=via,
        seconds=round(seconds, 3),
        code=failures[-1].code if failures else "",
        detail=" ".join(sentence_of(each) for each in failures),
    )
