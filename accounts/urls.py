"""Pages of a person: signing in, the account, second factor, identity provider.

Some of ours stand twice, with the names that allauth looks for.
"""

from __future__ import annotations

from allauth.account.views import account_inactive, reauthenticate
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from accounts import preferences, views

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", views.account, name="account"),
    path("accounts/login/", views.LoginView.as_view(), name="login"),
    path("accounts/login/", views.LoginView.as_view(), name="account_login"),
    path("accounts/logout/", views.log_out, name="logout"),
    path("accounts/logout/", views.log_out, name="account_logout"),
    path("accounts/tokens/", views.create_own_token, name="account-token-create"),
    path("accounts/tokens/<uuid:token_id>/revoke/", views.revoke_own_token, name="account-token-revoke"),
    path("accounts/password/", views.change_own_password, name="account-password"),
    path("accounts/inactive/", account_inactive, name="account_inactive"),
    path("accounts/reauthenticate/", reauthenticate, name="account_reauthenticate"),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("preferences/language/", preferences.set_language, name="set-language"),
    path("preferences/theme/", preferences.set_theme, name="set-theme"),
    path("preferences/pull-client/", preferences.set_pull_client, name="set-pull-client"),
]
if settings.OIDC_SERVER_URL:
    urlpatterns += [
        path("accounts/3rdparty/", include("allauth.socialaccount.urls")),
        path("accounts/", include("allauth.socialaccount.providers.openid_connect.urls")),
    ]
