"""The pages of the pictures, and what is done on each before it is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

#: Of the users ``ada``, ``mei``, ``lars`` and ``noor`` in the sample rows.
PASSWORD: Final = "a password for pictures"


def _nothing(_page: Any) -> None:
    """The page as it comes."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: its name, the address with places for ids, who looks, and what he does first."""

    name: str
    path: str
    user: str = "ada"
    act: Callable[[Any], None] = _nothing
    #: The whole page, or what the window shows.
    whole: bool = True


def _open_import(page: Any) -> None:
    page.locator("[data-opens=import-dialog] .btn-primary").click()


def _type(page: Any) -> None:
    _open_import(page)
    page.locator("[name=image_url]").fill("docker pull --platform linux/arm64 ghcr.io/owner/service:v1.4")
    page.locator("[data-goal]").wait_for()


def _plan(page: Any) -> None:
    _type(page)
    page.locator("#import-form [formaction$='/plan/']").click()
    page.locator(".plan").wait_for()
    page.locator("#plan-platforms summary").click()
    page.locator(".plan").scroll_into_view_if_needed()


def _type_wrong(page: Any) -> None:
    _open_import(page)
    page.locator("[name=image_url]").fill("ghcr.io/Owner/Service")
    page.locator("#import-reading .errors").wait_for()


def _many(page: Any) -> None:
    _open_import(page)
    page.locator("[name=mode][value=many]").check(force=True)
    page.locator("[name=images]").fill("nginx:1.27\nghcr.io/owner/repo:v1\nredis:7.4\nnot//an image")
    page.locator("#import-reading-many .errors").wait_for()


def _click(selector: str) -> Callable[[Any], None]:
    def act(page: Any) -> None:
        page.locator(selector).first.click()
        page.wait_for_timeout(300)

    return act


def _wrong_password(page: Any) -> None:
    page.locator("#id_username").fill("ada")
    page.locator("#id_password").fill("wrong")
    page.locator("main form button").first.click()
    page.wait_for_load_state()


def _second_factor(page: Any) -> None:
    page.locator("#id_username").fill("noor")
    page.locator("#id_password").fill(PASSWORD)
    page.locator("main form button").first.click()
    page.wait_for_load_state()
    page.locator("#id_code").wait_for()


def _confirm(page: Any) -> None:
    """Say the password again, where the page asks for it."""
    if page.locator("main input[type=password]").count():
        page.locator("main input[type=password]").fill(PASSWORD)
        page.locator("main form button").first.click()
        page.wait_for_load_state()


def _menu(page: Any) -> None:
    page.locator(".bar [data-menu] summary").last.click()


def _open_platforms(page: Any) -> None:
    page.locator("details.platforms summary").first.click()


def _described(page: Any) -> None:
    """Swagger UI has read the description."""
    page.locator("#swagger-ui .opblock").first.wait_for()


_P: Final = "/projects/library/"
PAGES: Final = (
    Shot("login", "/accounts/login/", user=""),
    Shot("login-refused", "/accounts/login/", user="", act=_wrong_password),
    Shot("sign-in-second-factor", "/accounts/login/", user="", act=_second_factor),
    Shot("projects", "/"),
    Shot("projects-menu", "/", act=_menu, whole=False),
    Shot("projects-of-a-newcomer", "/", user="noor"),
    Shot("project-new", "/", act=_click(".head-actions .btn-primary"), whole=False),
    Shot("project", _P),
    Shot("project-platforms", _P, act=_open_platforms),
    Shot("project-empty", "/projects/fresh/"),
    Shot("project-as-viewer", _P, user="noor"),
    Shot("project-registry-away", "/pictures/registry-away/"),
    Shot("project-no-match", f"{_P}?search=zzz"),
    Shot("project-push-and-pull", _P, act=_click(".head-actions summary"), whole=False),
    Shot("project-delete-image", _P, act=_click("#images [id^=delete-]"), whole=False),
    Shot("import-dialog", _P, act=_type, whole=False),
    Shot("import-dialog-wrong", _P, act=_type_wrong, whole=False),
    Shot("import-dialog-plan", _P, act=_plan, whole=False),
    Shot("import-dialog-many", _P, act=_many, whole=False),
    Shot("import-dialog-edit", _P, act=_click("[id^=edit-]"), whole=False),
    Shot("import-cancel", _P, act=_click("[id^=cancel-]"), whole=False),
    Shot("import-page", f"{_P}import/"),
    Shot("import-running", _P + "imports/{running}/"),
    Shot("import-waiting", _P + "imports/{pending}/"),
    Shot("import-failed", _P + "imports/{failed}/"),
    Shot("import-done", _P + "imports/{success}/"),
    Shot("history", f"{_P}imports/"),
    Shot("history-no-match", f"{_P}imports/?search=zzz"),
    Shot("history-empty", "/projects/fresh/imports/"),
    Shot("image", _P + "images/{image}/"),
    Shot("image-ways", _P + "images/{image}/", act=_click("#pull-ways summary")),
    Shot("batches", f"{_P}batches/"),
    Shot("batches-empty", "/projects/fresh/batches/"),
    Shot("batch", _P + "batches/{batch}/"),
    Shot("schedules", f"{_P}schedules/"),
    Shot("schedules-empty", "/projects/fresh/schedules/"),
    Shot("schedule", _P + "schedules/{schedule}/"),
    Shot("schedule-new", f"{_P}schedules/", act=_click(".head-actions .btn-primary"), whole=False),
    Shot("settings", f"{_P}settings/"),
    Shot("settings-empty", "/projects/fresh/settings/"),
    Shot("settings-credential", f"{_P}settings/", act=_click("#credentials .section-head .btn"), whole=False),
    Shot("settings-webhook", f"{_P}settings/", act=_click("#webhooks .section-head .btn"), whole=False),
    Shot("settings-delete", f"{_P}settings/delete/"),
    Shot("webhook-deliveries", _P + "settings/webhooks/{webhook}/"),
    Shot("journal", f"{_P}settings/journal/"),
    Shot("account", "/accounts/"),
    Shot("second-factor", "/accounts/2fa/"),
    Shot("confirm-password", "/accounts/reauthenticate/"),
    Shot("second-factor-new", "/accounts/2fa/totp/activate/", act=_confirm),
    Shot("second-factor-on", "/accounts/2fa/", user="noor"),
    Shot("recovery-codes", "/accounts/2fa/recovery-codes/", user="noor", act=_confirm),
    Shot("members-as-developer", f"{_P}settings/", user="lars"),
    Shot("forbidden", f"{_P}settings/journal/", user="lars"),
    Shot("not-found", "/projects/nowhere/"),
    Shot("server-error", "/pictures/server-error/"),
)
#: Django's admin, in our colours.
ADMIN_PAGES: Final = (
    Shot("admin", "/admin/"),
    Shot("admin-imports", "/admin/imageimport/importtask/"),
    Shot("admin-imports-found", "/admin/imageimport/importtask/?q=nginx"),
    Shot("admin-import", "/admin/imageimport/importtask/{running}/change/"),
    Shot("admin-import-history", "/admin/imageimport/importtask/{running}/history/"),
    Shot("admin-images", "/admin/projects/image/"),
)
#: The API in a browser, and the pages that describe it.
API_PAGES: Final = (
    Shot("api", "/api/v1"),
    Shot("api-projects", "/api/v1/projects"),
    Shot("api-project", "/api/v1/projects/{project}"),
    Shot("api-imports", "/api/v1/projects/{project}/images/import"),
    Shot("api-nothing", "/api/v1/nowhere"),
    Shot("api-signed-out", "/api/v1/projects", user=""),
    Shot("api-docs", "/api/docs", act=_described),
)


def ids() -> dict[str, str]:
    """Places of the addresses, from the rows that there are; inside Django."""
    from imageimport.models import ImportBatch, ImportTask, Schedule, Webhook
    from projects.models import Image

    found: dict[str, Any] = {
        "image": Image.objects.get(repository="nginx").pk,
        "batch": ImportBatch.objects.get().pk,
    }
    found["project"] = Image.objects.get(repository="nginx").project_id
    found["schedule"] = Schedule.objects.get(enabled=True).pk
    found["webhook"] = Webhook.objects.get().pk
    for status in ("running", "pending", "failed", "success"):
        found[status] = ImportTask.objects.filter(status=status, batch=None).order_by("-created_at")[0].pk
    return {name: str(pk) for name, pk in found.items()}


def tell() -> None:
    """Print the places as one line of JSON; ``noor-session`` is a session of hers: past her second factor."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username="noor"))
    print(json.dumps({**ids(), "noor-session": client.cookies["sessionid"].value}))
