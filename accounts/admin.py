"""API tokens and preferences in the admin: to look at and to revoke. No secret is there to be shown."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialApp, SocialToken
from django import forms
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from accounts.models import ApiToken, Profile
from accounts.preferences import PULL_CLIENTS

#: Nothing of the portal stands in these: people sign in by name, and a provider comes from the configuration. What
#: someone typed into them would be kept in clear.
admin.site.unregister([EmailAddress, SocialApp, SocialToken])


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens are made by their owners only."""

    list_display = ("prefix", "user", "name", "scope", "created_at", "expires_at", "last_used_at")
    list_filter = ("scope", "created_at")
    search_fields = ("prefix", "name", "user__username")
    list_select_related = ("user",)
    fields = ("user", "name", "prefix", "scope", "created_at", "expires_at", "last_used_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class ProfileForm(forms.ModelForm):
    """What the pages themselves let people choose among; in the table these are texts."""

    language = forms.ChoiceField(choices=[("", "---------"), *settings.LANGUAGES], required=False)
    pull_client = forms.ChoiceField(choices=[(name, name) for name in PULL_CLIENTS])


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):
    """How people like their pages."""

    form = ProfileForm
    list_display = ("user", "language", "theme", "pull_client")
    search_fields = ("user__username",)
    readonly_fields = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
