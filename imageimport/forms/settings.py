"""Forms of what a project is set up with: saved credentials and webhooks."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.labels import check_label
from accounts.styled import StyledForm
from imageimport.choices import EVENTS_UNASKED, WebhookEvent
from imageimport.models import Credential, Webhook
from projects.forms import ListField
from projects.models import LANGUAGES


class CredentialForm(StyledForm):
    """A sign-in at one registry. For a change, an empty password keeps the stored one."""

    name = forms.CharField(label=_("Name"), max_length=100, validators=[check_label])
    registry = forms.CharField(
        label=_("Registry"), max_length=255, help_text=_("docker.io, ghcr.io, host:port")
    )
    username = forms.CharField(
        label=_("Username"),
        max_length=255,
        help_text=_(
            "In a cloud: for Amazon the access key ID (AKIA…), for Google oauth2accesstoken, for Azure an application"
            " ID or refresh_token@ followed by the tenant."
        ),
    )
    password = forms.CharField(
        label=_("Password or token"),
        max_length=8192,
        strip=False,
        help_text=_(
            "For Google, the whole JSON key file of a service account. Passwords that expire are renewed."
        ),
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

    kind = forms.ChoiceField(
        label=_("Send by"), choices=Webhook.Kind.choices, required=False, initial=Webhook.Kind.WEBHOOK
    )
    url = forms.CharField(
        label=_("URL"),
        max_length=1000,
        required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://…"}),
    )
    addresses = ListField(
        label=_("Email addresses"), required=False, help_text=_("For email only, separated by commas.")
    )
    format = forms.ChoiceField(
        label=_("Format"),
        choices=Webhook.Format.choices,
        required=False,
        initial=Webhook.Format.JSON,
        help_text=_("JSON for programs; or a message for a chat service."),
    )
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[("", _("The project's language")), *LANGUAGES],
        required=False,
        help_text=_("For messages in chats and by email."),
    )
    secret = forms.CharField(
        label=_("Secret"),
        required=False,
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Signs each delivery (HMAC-SHA256), so that the receiver can check where it comes from."),
    )
    events = forms.MultipleChoiceField(
        label=_("Events"), choices=WebhookEvent.choices, widget=forms.CheckboxSelectMultiple
    )
    failures_only = forms.BooleanField(
        label=_("For batches and syncs: only when something failed"), required=False
    )
    enabled = forms.BooleanField(label=_("Enabled"), required=False, initial=True)

    def __init__(self, *args: Any, webhook: Webhook | None = None, **kwargs: Any) -> None:
        kept = ("kind", "url", "addresses", "format", "language", "events", "enabled", "failures_only")
        kwargs["initial"] = (
            {name: getattr(webhook, name) for name in kept} if webhook else {"events": EVENTS_UNASKED}
        )
        super().__init__(*args, **kwargs)
        if not settings.MAIL_ENABLED and (webhook is None or webhook.kind != Webhook.Kind.EMAIL):
            del self.fields["kind"], self.fields["addresses"]
        if webhook is not None:
            self.fields["secret"].help_text = _("Leave blank to keep the current secret.")

    def changes(self) -> dict[str, Any]:
        """What was typed; no secret where none was. An empty language is a choice, where there was one."""
        kept = {"secret", "format", "kind"} | {"language"}.difference(self.data)
        return {name: value for name, value in self.cleaned_data.items() if value or name not in kept}
