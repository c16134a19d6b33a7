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
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse, QueryDict
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from accounts.caller import acting_as, current_address
from accounts.dedupe import first_within
from accounts.models import ApiToken
from accounts.sign_in import throttling
from accounts.sign_in.services import InvalidCredentials, TooManyFailures
from projects import audit
from projects.models import Project
from projects.token_service import refusals, writers
from projects.token_service.authentication import ANONYMOUS, Caller, identify, identify_by_token
from projects.token_service.authorization import Decision, decide
from projects.token_service.scopes import parse_scopes
from projects.token_service.tokens import LIFETIME, mint

log = structlog.get_logger(__name__)

#: The same grant or refusal to the same caller is written into the audit log once in this time, seconds: clients ask
#: again and again, for every layer if they like.
SAME_GRANT: Final = 600
SAME_REFUSAL: Final = 60
#: Things that one request is given a line of the audit log for; docker asks for one or two. Further grants share a
#: line, further refusals are counted.
MAX_LINES: Final = 5
#: Requests, within the window of :mod:`accounts.sign_in.throttling`, whose refusals are written for one caller; the
#: rest is counted only.
WRITTEN_REFUSALS: Final = 60
#: Refused anonymous requests from one address within that window, before it is told to wait.
ANONYMOUS_REFUSALS: Final = 300


@dataclass
class TokenRefused(Exception):
    """Answered as registries answer."""

    status: int
    code: str
    message: str
    retry_after: int = 0


@method_decorator([login_not_required, csrf_exempt], name="dispatch")
class TokenServiceView(View):
    """No cookie is looked at here, so there is nothing to forge."""

    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            with acting_as(None):
                return super().dispatch(request, *args, **kwargs)
        except TokenRefused as refused:
            return _refusal(refused)

    def get(self, request: HttpRequest) -> JsonResponse:
        """Basic sign-in, or anonymous. ``offline_token`` asks for a refresh token; there is none, which is allowed."""
        self._check_service(request.GET)
        pair = _basic(request.META.get("HTTP_AUTHORIZATION", ""))
        caller = ANONYMOUS if pair is None else self._identify(*pair)
        made = self._grant(caller, request.GET.getlist("scope"))
        return _answer({"token": made["access_token"], **made})

    def post(self, request: HttpRequest) -> JsonResponse:
        """OAuth2: ``grant_type`` ``password``, or ``refresh_token`` with an API token."""
        form = request.POST
        self._check_service(form)
        kind = form.get("grant_type", "")
        if kind == "password":
            caller = self._identify(form.get("username", ""), form.get("password", ""))
        elif kind == "refresh_token":
            caller = self._identify("", form.get("refresh_token", ""), by_token=True)
        else:
            raise TokenRefused(400, "UNSUPPORTED", "grant_type must be password or refresh_token.")
        made = self._grant(caller, form.getlist("scope"))
        if kind == "refresh_token":
            made["refresh_token"] = form["refresh_token"]
        return _answer(made)

    def _check_service(self, given: QueryDict) -> None:
        if not settings.TOKEN_SERVICE_KEY:  # The registry signs people in by itself, or not at all.
            raise TokenRefused(404, "UNSUPPORTED", "This portal issues no tokens for its registry.")
        if given.get("service", settings.TOKEN_SERVICE_NAME) != settings.TOKEN_SERVICE_NAME:
            raise TokenRefused(400, "UNSUPPORTED", "This token service does not serve that registry.")

    def _identify(self, username: str, password: str, *, by_token: bool = False) -> Caller:
        try:
            if by_token:
                return identify_by_token(password)
            return identify(username=username, password=password)
        except TooManyFailures as exc:
            raise TokenRefused(
                429, "TOOMANYREQUESTS", "Too many failed sign-ins. Try again later.", exc.seconds
            ) from None
        except InvalidCredentials:
            log.info("registry.sign_in_failed", address=current_address())
            if first_within(SAME_REFUSAL, f"registry.sign_in_failed {username} {current_address()}"):
                with acting_as(None, username):
                    audit.record_event(action="registry.sign_in_failed", project=None)
            raise TokenRefused(401, "UNAUTHORIZED", "User name, password or token is wrong.") from None

    def _grant(self, caller: Caller, scopes: list[str]) -> dict[str, Any]:
        decisions = decide(caller=caller, wanted=parse_scopes(scopes))
        with acting_as(caller.user, caller.name):
            if (
                not decisions
                and caller.name
                and first_within(SAME_GRANT, f"registry.signed_in {caller.name}")
            ):
                project = caller.robot.project if caller.robot else None
                audit.record_event(action="registry.signed_in", project=project)
            _refuse_while_held(decisions)  # before the audit log says that it was granted
            if caller.name:
                _write_down(caller, decisions)
            else:
                _count(decisions)
        _refuse_with_reason(decisions)
        granted = [decision.granted for decision in decisions if decision.granted.actions]
        reads_only = caller.token is not None and caller.token.scope == ApiToken.Scope.READ
        minted = mint(subject=caller.name, access=granted, reads_only=reads_only)
        return {
            "access_token": minted.text,
            "scope": " ".join(f"{each.type}:{each.name}:{','.join(each.actions)}" for each in granted),
            "expires_in": LIFETIME,
            "issued_at": datetime.fromtimestamp(minted.issued_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


def _refuse_while_held(decisions: list[Decision]) -> None:
    """No client may write while the registry's garbage is collected; when one last could is remembered.

    What is refused is not remembered: clients that try again would put the collection off. It is asked once more after
    that: a collection that is asked for in between either refuses this one, or waits for its token.

    :raises Refused: something that writes was asked for and would be granted.
    """
    if not any({"push", "delete"} & set(decision.granted.actions) for decision in decisions):
        return
    if not writers.held():
        writers.note_grant()
        if not writers.held():
            return
    raise TokenRefused(503, "UNAVAILABLE", writers.HELD, writers.COME_BACK)


def _refuse_with_reason(decisions: list[Decision]) -> None:
    """A token without the push would make the registry say no more than "denied". Clients show what is said here.

    A client that asks to delete as well gets a token for that: deleting is what helps.

    :raises Refused: a push was asked for into a project that is over its quota, or a deletion where content is held.
    """
    for decision in decisions:
        asked = decision.asked.actions
        if decision.kept and "delete" in asked:
            raise TokenRefused(403, "DENIED", decision.kept)
        if decision.over_quota and "push" in asked and "delete" not in asked:
            raise TokenRefused(403, "DENIED", decision.over_quota)


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
        raise TokenRefused(401, "UNAUTHORIZED", "The Authorization header can't be read.") from None
    username, _, password = pair.partition(":")
    return username, password


def _count(decisions: list[Decision]) -> None:
    """An anonymous caller was granted or refused something: a number, not a line of the audit log for each request.

    :raises Refused: this address was refused too often.
    """
    refused = [decision for decision in decisions if decision.refused]
    if not refused:
        return
    who = throttling.network_of(current_address())
    wait = throttling.counted("refused", who, most=ANONYMOUS_REFUSALS) if who else 0
    if wait:
        raise TokenRefused(
            429, "TOOMANYREQUESTS", "Too many refused requests. Sign in, or try again later.", wait
        )
    refusals.count(decision.project.name if decision.project else "" for decision in refused)


def _write_down(caller: Caller, decisions: list[Decision]) -> None:
    """Every grant; of refusals what stays within bounds, since no project's audit log is a stranger's to fill."""
    granted = _lines("registry.granted", caller, decisions, SAME_GRANT)
    for project, subjects in _by_project(granted[MAX_LINES:]).items():
        scopes = {"scopes": len(subjects)}
        audit.record_event(
            action="registry.granted", project=project, subject=" ".join(subjects), detail=scopes
        )
    refused = _lines("registry.refused", caller, decisions, SAME_REFUSAL)
    if refused and throttling.counted("refused", caller.name, most=WRITTEN_REFUSALS):
        refusals.count(line.project.name if line.project else "" for line in refused)
        refused = []
    refusals.count(line.project.name if line.project else "" for line in refused[MAX_LINES:])
    for action, lines in (("registry.granted", granted), ("registry.refused", refused)):
        for line in lines[:MAX_LINES]:
            detail = {"reason": line.reason} if line.reason else None
            audit.record_event(action=action, project=line.project, subject=line.subject, detail=detail)


@dataclass(frozen=True, slots=True)
class _Line:
    """What the audit log says of a decision; ``reason``: why something was refused that the role allows, else empty."""

    project: Project | None
    subject: str
    reason: str


def _lines(action: str, caller: Caller, decisions: list[Decision], seconds: int) -> list[_Line]:
    """What was granted, or refused, and not written down lately."""
    found = []
    for each in decisions:
        actions = each.granted.actions if action == "registry.granted" else each.refused
        subject = f"{each.asked.type}:{each.asked.name}:{','.join(actions)}"
        if actions and first_within(seconds, f"{action} {caller.name} {subject}"):
            reason = _reason(each) if action == "registry.refused" else ""
            found.append(_Line(each.project, subject, reason))
    return found


def _reason(decision: Decision) -> str:
    if decision.kept and "delete" in decision.refused:
        return decision.kept
    return decision.over_quota if "push" in decision.refused else ""


def _by_project(lines: list[_Line]) -> dict[Project | None, list[str]]:
    found: dict[Project | None, list[str]] = {}
    for line in lines:
        found.setdefault(line.project, []).append(line.subject)
    return found


def _answer(body: dict[str, Any]) -> JsonResponse:
    return JsonResponse(body, headers={"Cache-Control": "no-store"})


def _refusal(refused: TokenRefused) -> JsonResponse:
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
