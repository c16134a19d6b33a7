"""What models and their fields are called in the admin, in the reader's language.

Django makes these names of the code's own; here they enter the catalogue. They are given when the site starts and not
in the models, whose migrations would have to record every change of a word.
"""

from __future__ import annotations

from typing import Final

from django.apps import apps
from django.utils.translation import gettext_lazy, gettext_noop

#: One, and many of them; models with names of their own are not here.
MODELS: Final = {
    "accounts.ApiToken": (gettext_noop("API token"), gettext_noop("API tokens")),
    "accounts.Profile": (gettext_noop("preferences"), gettext_noop("preferences")),
    "projects.Project": (gettext_noop("project"), gettext_noop("projects")),
    "projects.Membership": (gettext_noop("membership"), gettext_noop("memberships")),
    "projects.Image": (gettext_noop("image"), gettext_noop("images")),
    "projects.Robot": (gettext_noop("robot account"), gettext_noop("robot accounts")),
    "projects.AuditEvent": (gettext_noop("journal entry"), gettext_noop("journal")),
    "imageimport.Credential": (gettext_noop("credential"), gettext_noop("credentials")),
    "imageimport.TagDigest": (gettext_noop("tag over time"), gettext_noop("tags over time")),
    "imageimport.ScheduleRun": (gettext_noop("sync run"), gettext_noop("sync runs")),
    "imageimport.Webhook": (gettext_noop("webhook"), gettext_noop("webhooks")),
    "imageimport.WebhookDelivery": (gettext_noop("webhook delivery"), gettext_noop("webhook deliveries")),
}
#: Fields, by the names that Django makes.
FIELDS: Final = frozenset({
    gettext_noop("action"),
    gettext_noop("failures"),
    gettext_noop("resume at"),
    gettext_noop("tags failed"),
    gettext_noop("todo"),
    gettext_noop("actor"),
    gettext_noop("actor name"),
    gettext_noop("address"),
    gettext_noop("artifact type"),
    gettext_noop("at"),
    gettext_noop("attempt"),
    gettext_noop("attempts"),
    gettext_noop("batch"),
    gettext_noop("batch index"),
    gettext_noop("bucket"),
    gettext_noop("bytes"),
    gettext_noop("bytes done"),
    gettext_noop("bytes moved"),
    gettext_noop("bytes reused"),
    gettext_noop("bytes total"),
    gettext_noop("checked"),
    gettext_noop("checked at"),
    gettext_noop("children"),
    gettext_noop("committing"),
    gettext_noop("count"),
    gettext_noop("created at"),
    gettext_noop("created by"),
    gettext_noop("credential"),
    gettext_noop("credential required"),
    gettext_noop("credentials erased"),
    gettext_noop("delivered at"),
    gettext_noop("detail"),
    gettext_noop("digest"),
    gettext_noop("dismissed at"),
    gettext_noop("duration ms"),
    gettext_noop("ended at"),
    gettext_noop("error"),
    gettext_noop("error code"),
    gettext_noop("error parts"),
    gettext_noop("eta seconds"),
    gettext_noop("event"),
    gettext_noop("failed"),
    gettext_noop("fence"),
    gettext_noop("fingerprint"),
    gettext_noop("id"),
    gettext_noop("images"),
    gettext_noop("items"),
    gettext_noop("key"),
    gettext_noop("kind"),
    gettext_noop("last used at"),
    gettext_noop("lease expires at"),
    gettext_noop("lease owner"),
    gettext_noop("media type"),
    gettext_noop("message parts"),
    gettext_noop("moved"),
    gettext_noop("new"),
    gettext_noop("next attempt at"),
    gettext_noop("outcome"),
    gettext_noop("password"),
    gettext_noop("payload"),
    gettext_noop("platforms"),
    gettext_noop("position"),
    gettext_noop("prefix"),
    gettext_noop("priority"),
    gettext_noop("project"),
    gettext_noop("project name"),
    gettext_noop("pulls"),
    gettext_noop("rate"),
    gettext_noop("registry"),
    gettext_noop("replaced"),
    gettext_noop("repository"),
    gettext_noop("request id"),
    gettext_noop("requested by"),
    gettext_noop("response status"),
    gettext_noop("result"),
    gettext_noop("retry of"),
    gettext_noop("schedule"),
    gettext_noop("schedule run"),
    gettext_noop("seconds"),
    gettext_noop("secret"),
    gettext_noop("served at"),
    gettext_noop("size"),
    gettext_noop("source digest"),
    gettext_noop("source image"),
    gettext_noop("source registry"),
    gettext_noop("started at"),
    gettext_noop("state"),
    gettext_noop("status"),
    gettext_noop("subject"),
    gettext_noop("tag"),
    gettext_noop("task"),
    gettext_noop("transport"),
    gettext_noop("tries"),
    gettext_noop("unchanged"),
    gettext_noop("updated at"),
    gettext_noop("user"),
    gettext_noop("username"),
    gettext_noop("waiting since"),
    gettext_noop("webhook"),
    gettext_noop("worker"),
})  # fmt: skip


def give() -> None:
    """Name the models and fields of this portal's own apps."""
    for label, (one, many) in MODELS.items():
        options = apps.get_model(label)._meta
        options.verbose_name, options.verbose_name_plural = gettext_lazy(one), gettext_lazy(many)
    for app in ("accounts", "projects", "imageimport"):
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.fields:
                if isinstance(field.verbose_name, str) and field.verbose_name in FIELDS:
                    field.verbose_name = gettext_lazy(field.verbose_name)
