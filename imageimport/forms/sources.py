"""The form of a rule for sources."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.styled import StyledForm, dress
from imageimport.models import SourceRule
from oci import limits

#: Rows for mirrors; more are given over the API.
MIRRORS: Final = 4


def _password() -> forms.CharField:
    return forms.CharField(
        label=_("Password"),
        required=False,
        max_length=8192,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def _mirror_fields(number: int) -> dict[str, forms.Field]:
    return {
        f"mirror_{number}_url": forms.CharField(label=_("Mirror"), required=False, max_length=1000),
        f"mirror_{number}_username": forms.CharField(label=_("Username"), required=False, max_length=255),
        f"mirror_{number}_password": _password(),
    }


class SourceForm(StyledForm):
    """One rule. For a change, an empty password keeps the stored one."""

    pattern = forms.CharField(
        label=_("Pattern"),
        max_length=300,
        help_text=_("ghcr.io, *.example.com, host:port, 10.1.0.0/16, or * for all"),
    )
    position = forms.IntegerField(
        label=_("Position"),
        required=False,
        min_value=1,
        max_value=100_000,
        help_text=_("Leave blank to add it at the end"),
    )
    proxy = forms.CharField(
        label=_("Proxy"),
        required=False,
        max_length=600,
        help_text=_("http://, socks5:// or socks5h://user@host:port, direct, or environment"),
    )
    proxy_password = _password()
    mirrors_only = forms.BooleanField(label=_("Use mirrors only, never the registry itself"), required=False)
    private = forms.BooleanField(label=_("Allow private addresses"), required=False)
    insecure = forms.BooleanField(label=_("Use plain HTTP"), required=False)

    def __init__(self, *args: Any, rule: SourceRule | None = None, **kwargs: Any) -> None:
        saved = list(rule.mirrors.all()) if rule else []
        self._rows = max(MIRRORS, len(saved) + 1)
        if rule is not None:
            plain = ("pattern", "position", "proxy", "mirrors_only", "private", "insecure")
            kwargs["initial"] = {name: getattr(rule, name) for name in plain} | {
                f"mirror_{number}_{name}": getattr(mirror, name)
                for number, mirror in enumerate(saved)
                for name in ("url", "username")
            }
        super().__init__(*args, **kwargs)
        for number in range(self._rows):
            for name, field in _mirror_fields(number).items():
                dress(field)
                self.fields[name] = field

    @property
    def mirror_rows(self) -> list[list[forms.BoundField]]:
        """The fields of each mirror: URL, user name, password."""
        names = ("url", "username", "password")
        return [[self[f"mirror_{number}_{name}"] for name in names] for number in range(self._rows)]

    def values(self) -> dict[str, Any]:
        """What was typed; no password and no position where none was."""
        typed = self.cleaned_data
        found = {name: typed[name] for name in ("pattern", "proxy", "mirrors_only", "private", "insecure")}
        found |= {name: typed[name] for name in ("position", "proxy_password") if typed[name]}
        found["mirrors"] = [
            {
                "url": typed[f"mirror_{number}_url"],
                "username": typed[f"mirror_{number}_username"],
                "password": typed[f"mirror_{number}_password"] or None,
            }
            for number in range(self._rows)
            if typed[f"mirror_{number}_url"]
        ]
        return found


class SourceTestForm(StyledForm):
    """An image to ask for."""

    image_url = forms.CharField(label=_("Image URL"), max_length=limits.REFERENCE_CHARS)
