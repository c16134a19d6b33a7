from django.urls import path

from accounts import preferences

urlpatterns = [
    path("preferences/language/", preferences.set_language, name="set-language"),
    path("preferences/theme/", preferences.set_theme, name="set-theme"),
    path("preferences/pull-client/", preferences.set_pull_client, name="set-pull-client"),
]
