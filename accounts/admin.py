"""API tokens and preferences in the admin: to look at and to revoke. No secret is there to be shown."""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialApp, SocialToken
from django.contrib import admin
from django.http import HttpRequest

from accounts.models import ApiToken, Profile

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


@admin.register(Profile)
class ProfileAdmin(admin.ModelAdmin):
    """How people like their pages."""

    list_display = ("user", "language", "theme", "pull_client")
    search_fields = ("user__username",)
    readonly_fields = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
