"""Signing in and out, and the account page."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import structlog
from allauth.account.models import Login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from accounts.caller import current_address
from accounts.forms import THROTTLED, WRONG, OwnPasswordForm, SignInForm, TokenForm
from accounts.models import ApiToken
from accounts.preferences import profile_of
from accounts.sign_in.allauth_internals import (
    get_authentication_records,
    perform_password_login,
    suspend_request,
)
from accounts.sign_in.services import (
    InvalidCredentials,
    TooManyFailures,
    check_password,
    has_second_factor,
    signed_in_lately,
)
from accounts.sign_in.tokens import create_token
from accounts.snippets import api_snippet, sign_in_snippets

log = structlog.get_logger(__name__)


@method_decorator([login_not_required, sensitive_post_parameters("password"), never_cache], name="dispatch")
class LoginView(View):
    """``/accounts/login/``: name and password; a second factor and OIDC are allauth's part.

    Template ``accounts/login.html``: ``form`` (:class:`SignInForm`), ``next`` (safe, may be empty),
    ``throttled_seconds`` (0, or how long to wait) and ``oidc`` (whether there is an identity provider; ``oidc_name``).
    """

    def get(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            return redirect(self._next() or settings.LOGIN_REDIRECT_URL)
        return self._page(SignInForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        form = SignInForm(request.POST)
        if not form.is_valid():
            return self._page(form)
        name, password = form.cleaned_data["username"], form.cleaned_data["password"]
        try:
            user = check_password(username=name, password=password)
        except TooManyFailures as exc:
            form.add_error(None, THROTTLED)
            return self._page(form, status=429, retry_after=exc.seconds)
        except InvalidCredentials:
            log.info("sign_in.refused", door="page", address=current_address())
            form.add_error(None, WRONG)
            return self._page(form)
        login = Login(user=user, redirect_url=self._next() or settings.LOGIN_REDIRECT_URL)
        response: HttpResponse = perform_password_login(request, {"username": name}, login)
        return response

    def _next(self) -> str:
        """Where to go then: at this site only."""
        url = self.request.POST.get("next") or self.request.GET.get("next") or ""
        safe = url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )
        return url if safe else ""

    def _page(self, form: SignInForm, *, status: int = 200, retry_after: int = 0) -> HttpResponse:
        context = {
            "form": form,
            "next": self._next(),
            "throttled_seconds": retry_after,
            "oidc": bool(settings.OIDC_SERVER_URL),
        }
        response = render(self.request, "accounts/login.html", context, status=status)
        if retry_after:
            response.headers["Retry-After"] = str(retry_after)
        return response


@login_not_required
@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """``/accounts/logout/``, by POST only."""
    logout(request)
    return redirect(settings.LOGOUT_REDIRECT_URL)


@never_cache
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """``/accounts/``. Template ``accounts/account.html``, see :func:`_account_page`."""
    return _account_page(request)


@never_cache
@require_POST
def create_own_token(request: HttpRequest) -> HttpResponse:
    """Make a token; the answer is the account page with the secret in ``new_token``, this once. Who signed in a while
    ago types the password again first."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _account_page(request, token_form=form, status=422)
    if not signed_in_lately(_user(request), get_authentication_records(request, _user(request))):
        # The form is put off until then; a token would outlive the session that someone found open.
        return suspend_request(request, reverse("account_reauthenticate"))
    row, text = create_token(user=_user(request), **form.cleaned_data)
    name = _user(request).get_username()
    snippets = [
        *sign_in_snippets(username=name, secret=text, name=name),
        api_snippet(_api_root(request), text),
    ]
    return _account_page(request, new_token=text, new_row=row, snippets=snippets, status=201)


@require_POST
def revoke_own_token(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Delete a token of one's own; what is not one's own is not there."""
    ApiToken.objects.filter(pk=token_id, user=_user(request)).delete()
    messages.success(request, _("The token was revoked."))
    return redirect("account")


@sensitive_post_parameters()
@never_cache
@require_POST
def change_own_password(request: HttpRequest) -> HttpResponse:
    """Change the password; other sessions of the user end, and tokens where that is wanted."""
    form = OwnPasswordForm(_user(request), request.POST)
    if not form.is_valid():
        return _account_page(request, password_form=form, status=422)
    update_session_auth_hash(request, form.save())
    messages.success(request, _("Your password was changed. All other sessions were signed out."))
    if form.cleaned_data["revoke_tokens"]:
        ApiToken.objects.filter(user=_user(request)).delete()
        messages.success(request, _("All API tokens were revoked."))
    return redirect("account")


def _account_page(
    request: HttpRequest,
    *,
    token_form: TokenForm | None = None,
    password_form: OwnPasswordForm | None = None,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """Template ``accounts/account.html``: ``tokens``, ``token_form``, ``password_form`` (None where the user has no
    password here), ``profile``, ``second_factor`` (bool), ``new_token`` (the secret, once), ``new_row`` and
    ``snippets`` (see :mod:`accounts.snippets`)."""
    user = _user(request)
    if password_form is None and user.has_usable_password():
        password_form = OwnPasswordForm(user)
    context = {
        "tokens": ApiToken.objects.filter(user=user),
        "token_form": token_form or TokenForm(),
        "password_form": password_form,
        "profile": profile_of(user),
        "second_factor": has_second_factor(user),
        **more,
    }
    return render(request, "accounts/account.html", context, status=status)


def _api_root(request: HttpRequest) -> str:
    return request.build_absolute_uri("/api/v1")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)
