"""``/service/token``: the token service of the private registry.

Spoken as distribution/docs/spec/auth/{token,oauth}.md describe: GET with Basic sign-in or without any, and the OAuth2
form by POST. What is not granted is left out of the token without a word; only the registry then refuses.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from django.conf import settings
from django.http import HttpRequest, JsonResponse, QueryDict
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from accounts import throttling
from accounts.addresses import client_address
from accounts.once import first_in
from accounts.services import InvalidCredentials, TooManyFailures
from projects import audit
from projects.models import Project
from projects.token_service import refusals
from projects.token_service.authentication import ANONYMOUS, Caller, identify, identify_by_token
from projects.token_service.authorization import Decision, decide
from projects.token_service.scopes import parse_scopes
from projects.token_service.tokens import LIFETIME, mint

log = structlog.get_logger(__name__)

#: The same grant or refusal to the same caller is written into the journal once in this time, seconds: clients ask
#: again and again, for every layer if they like.
SAME_GRANT: Final = 600
SAME_REFUSAL: Final = 60
#: Things that one request is given a line of the journal for; docker asks for one or two. Further grants share a line,
#: further refusals are counted.
MOST_LINES: Final = 5
#: Requests, within the window of :mod:`accounts.throttling`, whose refusals are written for one caller; the rest is
#: counted only.
WRITTEN_REFUSALS: Final = 60
#: Refused requests of nobody known from one address within that window, before it is told to wait.
ANONYMOUS_REFUSALS: Final = 300


@dataclass
class Refused(Exception):
    """Answered as registries answer."""

    status: int
    code: str
    message: str
    retry_after: int = 0


@method_decorator(csrf_exempt, name="dispatch")
class TokenServiceView(View):
    """No cookie is looked at here, so there is nothing to forge."""

    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        except Refused as refused:
            return _refusal(refused)

    def get(self, request: HttpRequest) -> JsonResponse:
        """Basic sign-in, or nobody. ``offline_token`` asks for a refresh token; there is none, which is allowed."""
        self._check_service(request.GET)
        pair = _basic(request.META.get("HTTP_AUTHORIZATION", ""))
        caller = ANONYMOUS if pair is None else self._identify(request, *pair)
        made = self._grant(request, caller, request.GET.getlist("scope"))
        return _answer({"token": made["access_token"], **made})

    def post(self, request: HttpRequest) -> JsonResponse:
        """OAuth2: ``grant_type`` ``password``, or ``refresh_token`` with an API token."""
        form = request.POST
        self._check_service(form)
        kind = form.get("grant_type", "")
        if kind == "password":
            caller = self._identify(request, form.get("username", ""), form.get("password", ""))
        elif kind == "refresh_token":
            caller = self._identify(request, "", form.get("refresh_token", ""), by_token=True)
        else:
            raise Refused(400, "UNSUPPORTED", "grant_type must be password or refresh_token.")
        made = self._grant(request, caller, form.getlist("scope"))
        if kind == "refresh_token":
            made["refresh_token"] = form["refresh_token"]
        return _answer(made)

    def _check_service(self, given: QueryDict) -> None:
        if given.get("service", settings.TOKEN_SERVICE_NAME) != settings.TOKEN_SERVICE_NAME:
            raise Refused(400, "UNSUPPORTED", "This token service does not serve that registry.")

    def _identify(
        self, request: HttpRequest, username: str, password: str, *, by_token: bool = False
    ) -> Caller:
        try:
            if by_token:
                return identify_by_token(request=request, text=password)
            return identify(request=request, username=username, password=password)
        except TooManyFailures as exc:
            raise Refused(
                429, "TOOMANYREQUESTS", "Too many failed sign-ins. Try again later.", exc.seconds
            ) from None
        except InvalidCredentials:
            log.info("registry.sign_in_failed", address=client_address(request))
            if first_in(SAME_REFUSAL, f"registry.sign_in_failed {username} {client_address(request)}"):
                audit.record(
                    action="registry.sign_in_failed",
                    actor=None,
                    project=None,
                    request=request,
                    actor_name=username,
                )
            raise Refused(401, "UNAUTHORIZED", "User name, password or token is wrong.") from None

    def _grant(self, request: HttpRequest, caller: Caller, scopes: list[str]) -> dict[str, Any]:
        decisions = decide(caller=caller, wanted=parse_scopes(scopes))
        if not decisions and caller.name and first_in(SAME_GRANT, f"registry.signed_in {caller.name}"):
            audit.record(
                action="registry.signed_in",
                actor=caller.user,
                actor_name=caller.name,
                project=caller.robot.project if caller.robot else None,
                request=request,
            )
        if caller.name:
            _write_down(request, caller, decisions)
        else:
            _count(request, decisions)
        _refuse_over_quota(decisions)
        granted = [decision.granted for decision in decisions if decision.granted.actions]
        minted = mint(subject=caller.name, access=granted)
        return {
            "access_token": minted.text,
            "scope": " ".join(f"{each.type}:{each.name}:{','.join(each.actions)}" for each in granted),
            "expires_in": LIFETIME,
            "issued_at": datetime.fromtimestamp(minted.issued_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _refuse_over_quota(decisions: list[Decision]) -> None:
    """A token without the push would make the registry say no more than "denied". Clients show what is said here.

    A client that asks to delete as well gets a token for that: deleting is what helps.

    :raises Refused: a push was asked for into a project that is over its quota.
    """
    for decision in decisions:
        asked = decision.asked.actions
        if decision.over_quota and "push" in asked and "delete" not in asked:
            raise Refused(403, "DENIED", decision.over_quota)


def _basic(header: str) -> tuple[str, str] | None:
    """Name and password of a Basic header; None where there is none.

    :raises Refused: it can't be read.
    """
    scheme, _, value = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(value.strip(), validate=True).decode("utf-8")
    except ValueError:
        raise Refused(401, "UNAUTHORIZED", "The Authorization header can't be read.") from None
    username, _, password = pair.partition(":")
    return username, password


def _count(request: HttpRequest, decisions: list[Decision]) -> None:
    """Nobody known was granted or refused something: a number, not a line of the journal for whoever cares to ask.

    :raises Refused: this address was refused too often.
    """
    refused = [decision for decision in decisions if decision.refused]
    if not refused:
        return
    who = throttling.network_of(client_address(request))
    wait = throttling.counted("refused", who, most=ANONYMOUS_REFUSALS) if who else 0
    if wait:
        raise Refused(429, "TOOMANYREQUESTS", "Too many refused requests. Sign in, or try again later.", wait)
    refusals.count(decision.project.name if decision.project else "" for decision in refused)


def _write_down(request: HttpRequest, caller: Caller, decisions: list[Decision]) -> None:
    """Every grant; of refusals what stays within bounds, since no project's journal is a stranger's to fill."""
    granted = _lines("registry.granted", caller, decisions, SAME_GRANT)
    for project, subjects in _by_project(granted[MOST_LINES:]).items():
        detail = {"scopes": len(subjects)}
        _write(
            request,
            caller,
            action="registry.granted",
            project=project,
            subject=" ".join(subjects),
            detail=detail,
        )
    refused = _lines("registry.refused", caller, decisions, SAME_REFUSAL)
    if refused and throttling.counted("refused", caller.name, most=WRITTEN_REFUSALS):
        refusals.count(line.project.name if line.project else "" for line in refused)
        refused = []
    refusals.count(line.project.name if line.project else "" for line in refused[MOST_LINES:])
    for action, lines in (("registry.granted", granted), ("registry.refused", refused)):
        for line in lines[:MOST_LINES]:
            _write(
                request,
                caller,
                action=action,
                project=line.project,
                subject=line.subject,
                detail={"reason": line.reason} if line.reason else None,
            )


@dataclass(frozen=True, slots=True)
class _Line:
    """What the journal says of a decision; ``reason``: why a push was refused that the role allows, else empty."""

    project: Project | None
    subject: str
    reason: str


def _lines(action: str, caller: Caller, decisions: list[Decision], seconds: int) -> list[_Line]:
    """What was granted, or refused, and not written down lately."""
    found = []
    for each in decisions:
        actions = each.granted.actions if action == "registry.granted" else each.refused
        subject = f"{each.asked.type}:{each.asked.name}:{','.join(actions)}"
        if actions and first_in(seconds, f"{action} {caller.name} {subject}"):
            reason = each.over_quota if action == "registry.refused" and "push" in actions else ""
            found.append(_Line(each.project, subject, reason))
    return found


def _by_project(lines: list[_Line]) -> dict[Project | None, list[str]]:
    found: dict[Project | None, list[str]] = {}
    for line in lines:
        found.setdefault(line.project, []).append(line.subject)
    return found


def _write(
    request: HttpRequest,
    caller: Caller,
    *,
    action: str,
    project: Project | None,
    subject: str,
    detail: dict[str, Any] | None = None,
) -> None:
    audit.record(
        action=action,
        actor=caller.user,
        actor_name=caller.name,
        project=project,
        subject=subject,
        detail=detail,
        request=request,
    )


def _answer(body: dict[str, Any]) -> JsonResponse:
    return JsonResponse(body, headers={"Cache-Control": "no-store"})


def _refusal(refused: Refused) -> JsonResponse:
    body = {
        "errors": [{"code": refused.code, "message": refused.message, "detail": None}],
        "code": refused.code.lower(),
        "detail": refused.message,
    }
    response = JsonResponse(body, status=refused.status, headers={"Cache-Control": "no-store"})
    if refused.status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="registry-portal", charset="UTF-8"'
    if refused.retry_after:
        response.headers["Retry-After"] = str(refused.retry_after)
    return response
