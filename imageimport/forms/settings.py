"""Forms of what a project is set up with: saved credentials and webhooks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.labels import check_label
from accounts.styled import StyledForm
from imageimport.choices import WebhookEvent
from imageimport.models import Credential, Webhook


class CredentialForm(StyledForm):
    """A sign-in at one registry. For a change, an empty password keeps the stored one."""

    name = forms.CharField(label=_("Name"), max_length=100, validators=[check_label])
    registry = forms.CharField(
        label=_("Registry"), max_length=255, help_text=_("docker.io, ghcr.io, host:port")
    )
    username = forms.CharField(label=_("Username"), max_length=255)
    password = forms.CharField(
        label=_("Password or token"),
        max_length=8192,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, credential: Credential | None = None, **kwargs: Any) -> None:
        if credential is not None:
            kwargs["initial"] = {name: getattr(credential, name) for name in ("name", "registry", "username")}
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs["autocomplete"] = "off"
        self.fields["password"].required = credential is None

    def changes(self) -> dict[str, Any]:
        """What was typed; no password where none was."""
        return {name: value for name, value in self.cleaned_data.items() if name != "password" or value}


class WebhookForm(StyledForm):
    """Where events go. For a change, an empty secret keeps the stored one."""

    url = forms.CharField(
        label=_("URL"), max_length=1000, widget=forms.URLInput(attrs={"placeholder": "https://…"})
    )
    secret = forms.CharField(
        label=_("Secret"),
        required=False,
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Signs each delivery (HMAC-SHA256), so that the receiver knows it is genuine."),
    )
    events = forms.MultipleChoiceField(
        label=_("Events"), choices=WebhookEvent.choices, widget=forms.CheckboxSelectMultiple
    )
    failures_only = forms.BooleanField(
        label=_("Batches and syncs only when something failed"), required=False
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    def __init__(self, *args: Any, webhook: Webhook | None = None, **kwargs: Any) -> None:
        kept = ("url", "events", "enabled", "failures_only")
        kwargs["initial"] = (
            {name: getattr(webhook, name) for name in kept} if webhook else {"events": WebhookEvent.values}
        )
        super().__init__(*args, **kwargs)
        if webhook is not None:
            self.fields["secret"].help_text = _("Empty: the stored one stays.")

    def changes(self) -> dict[str, Any]:
        """What was typed; no secret where none was."""
        return {name: value for name, value in self.cleaned_data.items() if name != "secret" or value}
