"""Forms of signing in and of the account page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.forms import ReauthenticateForm
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateWithCodeForm
from django import forms
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from accounts.labels import check_label
from accounts.models import ApiToken
from accounts.sign_in import throttling
from accounts.sign_in.services import second_factor_of
from accounts.sign_in.tokens import MAX_DAYS
from accounts.styled import Styled, StyledForm

#: Said whatever the cause, so that no one learns which names there are.
WRONG = _("Wrong username or password.")
THROTTLED = _("Too many failed sign-ins. Try again in a few minutes.")


def password_again_of(user: User) -> str:
    """What is counted where a signed-in person types the password again.

    Apart from sign-ins: who has found an open session does not guess on, and strangers have no part in it.
    """
    return f"password again of {user.get_username()}"


@contextmanager
def guessing_counted(account: str) -> Iterator[None]:
    """A validation error within is a wrong guess.

    :raises ValidationError: there were too many; the guess is not looked at.
    """
    if throttling.blocked_for(account=account, address=None):
        raise forms.ValidationError(THROTTLED)
    try:
        yield
    except forms.ValidationError:
        throttling.failed(account=account, address=None)
        raise
    throttling.succeeded(account=account, address=None)


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
        with guessing_counted(second_factor_of(self.user)):
            return str(super().clean_code())


class SecondFactorAgainForm(Styled, ReauthenticateWithCodeForm):
    """allauth's, for a person who is signed in; guesses are counted with those of signing in."""

    def clean_code(self) -> str:
        with guessing_counted(second_factor_of(self.user)):
            return str(super().clean_code())


class PasswordAgainForm(Styled, ReauthenticateForm):
    """allauth's, for a person who is signed in; guesses are counted."""

    def clean_password(self) -> str:
        with guessing_counted(password_again_of(self.user)):
            return str(super().clean_password())


class TokenForm(StyledForm):
    """A new API token."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("For example “Jenkins production”."),
        validators=[check_label],
    )
    scope = forms.ChoiceField(label=_("Scope"), choices=ApiToken.Scope.choices, initial=ApiToken.Scope.IMPORT)
    expires_in_days = forms.IntegerField(
        label=_("Expires in (days)"),
        required=False,
        min_value=1,
        max_value=MAX_DAYS,
        initial=90,
        help_text=_("Leave blank for no expiry."),
    )


class OwnPasswordForm(Styled, PasswordChangeForm):
    """Django's; guesses at the old password are counted. Tokens outlive a password unless that is wanted."""

    revoke_tokens = forms.BooleanField(
        label=_("Also revoke all my API tokens"),
        required=False,
        help_text=_(
            "Choose this if someone else may have used your account. Scripts and docker login then need "
            "new tokens."
        ),
    )

    def save(self, commit: bool = True) -> Any:
        """The password alone: hashing takes its time, and what an operator changes in the meantime stays changed."""
        user = super().save(commit=False)
        if commit:
            user.save(update_fields=["password"])
        return user

    def clean_old_password(self) -> str:
        with guessing_counted(password_again_of(self.user)):
            return super().clean_old_password()
