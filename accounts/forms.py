"""Forms of signing in and of the account page."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.forms import AuthenticateForm
from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import throttling
from accounts.addresses import client_address
from accounts.labels import check_label
from accounts.models import ApiToken
from accounts.styled import Styled, StyledForm
from accounts.tokens import MAX_DAYS

#: Said whatever the cause, so that nobody learns which names there are.
WRONG = _("User name or password is wrong.")
THROTTLED = _("Too many failed sign-ins. Try again in a few minutes.")


class SignInForm(StyledForm):
    """Name and password; whether they are right is the view's question."""

    username = forms.CharField(
        label=_("Username"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class SecondFactorForm(Styled, AuthenticateForm):
    """allauth's, with guesses counted where Redis may be away, too."""

    def clean_code(self) -> str:
        account = f"second factor of {self.user.get_username()}"
        if throttling.blocked_for(account=account, address=None):
            raise forms.ValidationError(THROTTLED)
        try:
            code: str = super().clean_code()
        except forms.ValidationError:
            throttling.failed(account=account, address=None)
            raise
        throttling.succeeded(account=account)
        return code


class TokenForm(StyledForm):
    """A new API token."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What it is for, so that you know it again."),
        validators=[check_label],
    )
    scope = forms.ChoiceField(label=_("May"), choices=ApiToken.Scope.choices, initial=ApiToken.Scope.IMPORT)
    expires_in_days = forms.IntegerField(
        label=_("Expires after days"),
        required=False,
        min_value=1,
        max_value=MAX_DAYS,
        initial=90,
        help_text=_("Empty: never."),
    )


class OwnPasswordForm(Styled, PasswordChangeForm):
    """Django's; guesses at the old password are counted as failed sign-ins."""

    def __init__(self, user: User, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        self.request = request
        super().__init__(user, *args, **kwargs)

    def save(self, commit: bool = True) -> Any:
        """The password alone: hashing takes its time, and what an operator changes meanwhile stays changed."""
        user = super().save(commit=False)
        if commit:
            user.save(update_fields=["password"])
        return user

    def clean_old_password(self) -> str:
        who = {"account": self.user.get_username(), "address": client_address(self.request)}
        if throttling.blocked_for(**who):
            raise forms.ValidationError(THROTTLED)
        try:
            return super().clean_old_password()
        except forms.ValidationError:
            throttling.failed(**who)
            raise
