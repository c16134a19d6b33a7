"""The pages of the pictures, and what is done on each before it is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

#: Of the users ``ada``, ``mei``, ``lars`` and ``noor`` in the sample rows.
PASSWORD: Final = "a password for pictures"


def _nothing(_page: Any) -> None:
    """The page as it comes."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: its name, the address with places for ids, who looks, and what they do first."""

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
    page.locator("[data-reference]").wait_for()
    page.locator("#import-look p").wait_for()


def _plan(page: Any) -> None:
    _type(page)
    page.locator("#import-form [formaction$='/plan/']").click()
    page.locator(".plan").wait_for()
    page.locator("#plan-platforms summary").click()
    page.locator(".plan").scroll_into_view_if_needed()


def _copy(page: Any) -> None:
    for number in range(2):
        page.locator("input[form=images-bulk]").nth(number).check()
    page.locator("#images-bulk [value=copy]").click()
    page.locator("[name=tag]").wait_for()


def _type_wrong(page: Any) -> None:
    _open_import(page)
    page.locator("[name=image_url]").fill("ghcr.io/Owner/Service")
    page.locator("#import-reading .errors").wait_for()


def _many(page: Any) -> None:
    _open_import(page)
    page.locator("[name=mode][value=many]").check(force=True)
    page.locator("[name=images]").fill("nginx:1.27\nghcr.io/owner/repo:v1\nredis:7.4\nnot//an image")
    page.locator("#import-reading-many .errors").wait_for()


def _rewrite(page: Any) -> None:
    page.locator("[name=text]").fill(
        "spec:\n  containers:\n    - image: nginx:1.27-alpine\n    - image: vault:1\n"
    )
    page.get_by_role("button", name="Rewrite").or_(page.get_by_role("button", name="改写")).click()
    page.locator("#images-title").wait_for()


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


def _find(page: Any) -> None:
    page.keyboard.press("Control+k")
    page.locator("#finder [type=search]").fill("nginx")
    page.locator("#finder-found a").first.wait_for()


def _list_keys(page: Any) -> None:
    page.keyboard.press("?")
    page.locator("#asked .keys-list").wait_for()


def _open_platforms(page: Any) -> None:
    page.locator("details.platforms summary").first.click()


def _described(page: Any) -> None:
    """Swagger UI has read the description, and shows one group of it."""
    page.locator("#operations-tag-auth").click()
    page.locator("#swagger-ui .opblock").first.wait_for()


_P: Final = "/projects/library/"
PAGES: Final = (
    Shot("login", "/accounts/login/", user=""),
    Shot("login-refused", "/accounts/login/", user="", act=_wrong_password),
    Shot("sign-in-second-factor", "/accounts/login/", user="", act=_second_factor),
    Shot("overview", "/"),
    Shot("overview-menu", "/", act=_menu, whole=False),
    Shot("overview-of-a-newcomer", "/", user="noor"),
    Shot("projects", "/projects/"),
    Shot("search", "/search/?search=nginx"),
    Shot("search-nothing", "/search/?search=zzz"),
    Shot("search-dialog", "/projects/", act=_find, whole=False),
    Shot("keys", "/keys/"),
    Shot("keys-dialog", "/projects/", act=_list_keys, whole=False),
    Shot("status", "/status/"),
    Shot("project-new", "/projects/", act=_click(".head-actions .btn-primary"), whole=False),
    Shot("project", _P),
    Shot("project-platforms", _P, act=_open_platforms),
    Shot("project-columns", _P, act=_click("#image-columns summary")),
    Shot("project-empty", "/projects/fresh/"),
    Shot("project-as-viewer", _P, user="noor"),
    Shot("project-registry-away", "/pictures/registry-away/"),
    Shot("project-no-match", f"{_P}?search=zzz"),
    Shot("project-push-and-pull", _P, act=_click(".head-actions summary"), whole=False),
    Shot("project-delete-image", _P, act=_click("#images [id^=delete-]"), whole=False),
    Shot("project-copy-images", _P, act=_copy),
    Shot("import-dialog", _P, act=_type, whole=False),
    Shot("import-dialog-wrong", _P, act=_type_wrong, whole=False),
    Shot("import-dialog-plan", _P, act=_plan, whole=False),
    Shot("import-dialog-many", _P, act=_many, whole=False),
    Shot("import-dialog-edit", _P, act=_click("[id^=edit-]"), whole=False),
    Shot("import-cancel", _P, act=_click("[id^=cancel-]"), whole=False),
    Shot("import-page", f"{_P}import/"),
    Shot("import-files", f"{_P}import/files/"),
    Shot("import-files-plan", _P + "import/files/plan/?upload={upload}"),
    Shot("import-running", _P + "imports/{running}/"),
    Shot("import-waiting", _P + "imports/{pending}/"),
    Shot("import-failed", _P + "imports/{failed}/"),
    Shot("import-done", _P + "imports/{success}/"),
    Shot("history", f"{_P}imports/"),
    Shot("history-filters", f"{_P}imports/?created_after=2026-01-01"),
    Shot("history-no-match", f"{_P}imports/?search=zzz"),
    Shot("history-empty", "/projects/fresh/imports/"),
    Shot("image", _P + "images/{image}/"),
    Shot("image-ways", _P + "images/{image}/", act=_click("#pull-ways summary")),
    Shot("vulnerabilities", _P + "images/{image}/vulnerabilities/"),
    Shot("batches", f"{_P}batches/"),
    Shot("batches-empty", "/projects/fresh/batches/"),
    Shot("batch", _P + "batches/{batch}/"),
    Shot("schedules", f"{_P}schedules/"),
    Shot("schedules-empty", "/projects/fresh/schedules/"),
    Shot("schedule", _P + "schedules/{schedule}/"),
    Shot("schedule-new", f"{_P}schedules/", act=_click(".head-actions .btn-primary"), whole=False),
    Shot("repositories", f"{_P}repositories/"),
    Shot("repositories-empty", "/projects/fresh/repositories/"),
    Shot("repository", f"{_P}?repository=nginx"),
    Shot("workloads", f"{_P}workloads/"),
    Shot("workloads-empty", "/projects/fresh/workloads/"),
    Shot("cluster", _P + "workloads/clusters/{cluster}/"),
    Shot("rewrite", f"{_P}workloads/rewrite/", act=_rewrite),
    Shot("clients", f"{_P}workloads/clients/?client=podman"),
    Shot("bundles", f"{_P}bundles/"),
    Shot("bundles-empty", "/projects/fresh/bundles/"),
    Shot("bundle", _P + "bundles/{bundle}/"),
    Shot("bundle-new", _P + "bundles/new/?image={image}"),
    Shot("settings", f"{_P}settings/"),
    Shot("settings-empty", "/projects/fresh/settings/"),
    Shot("settings-credential", f"{_P}settings/", act=_click("#credentials .section-head .btn"), whole=False),
    Shot("settings-webhook", f"{_P}settings/", act=_click("#webhooks .section-head .btn"), whole=False),
    Shot("settings-delete", f"{_P}settings/delete/"),
    Shot("webhook-deliveries", _P + "settings/webhooks/{webhook}/"),
    Shot("digest-unsubscribe", "{digest}", user=""),
    Shot("journal", f"{_P}settings/journal/"),
    Shot("requests", f"{_P}requests/"),
    Shot("requests-empty", "/projects/fresh/requests/"),
    Shot("request", _P + "imports/{requested}/"),
    Shot("request-reject", _P + "imports/{requested}/reject/"),
    Shot("rules", f"{_P}rules/"),
    Shot("rules-empty", "/projects/fresh/rules/"),
    Shot("rule-new", f"{_P}rules/", act=_click("#rules-title + .btn"), whole=False),
    Shot("rule-page", f"{_P}rules/new/"),
    Shot("rules-of-installation", "/rules/"),
    Shot("settings-policy", f"{_P}settings/policy/"),
    Shot("clean-up", f"{_P}settings/clean-up/"),
    Shot("clean-up-empty", "/projects/fresh/settings/clean-up/"),
    Shot("clean-up-rule", f"{_P}settings/clean-up/", act=_click("#rules .section-head .btn"), whole=False),
    Shot("clean-up-protect", f"{_P}settings/clean-up/protected/new/"),
    Shot("clean-up-dry-run", f"{_P}settings/clean-up/dry-run/"),
    Shot("trash", f"{_P}trash/"),
    Shot("trash-empty", "/projects/fresh/trash/"),
    Shot("usage", f"{_P}usage/"),
    Shot("maintenance", "/maintenance/"),
    Shot("sources", "/sources/"),
    Shot("source-new", "/sources/", act=_click(".head-actions .btn-primary"), whole=False),
    Shot("source-page", "/sources/new/"),
    Shot("trust", "/trust/"),
    Shot("trust-new", "/trust/", act=_click(".head-actions .btn-primary"), whole=False),
    Shot("trust-page", "/trust/new/"),
    Shot("scanners", "/scanners/"),
    Shot("scanner-new", "/scanners/", act=_click(".head-actions .btn-primary"), whole=False),
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
    from imageimport.models import Bundle, BundleUpload, ImportBatch, ImportTask, Schedule, Webhook
    from imageimport.webhooks import subscriptions
    from projects.models import DigestSubscription, Image
    from workloads.models import Cluster

    found: dict[str, Any] = {
        "image": Image.objects.get(repository="nginx").pk,
        "batch": ImportBatch.objects.get().pk,
    }
    found["project"] = Image.objects.get(repository="nginx").project_id
    found["bundle"] = Bundle.objects.get(omitted_bytes__gt=0).pk
    found["schedule"] = Schedule.objects.get(enabled=True).pk
    found["upload"] = BundleUpload.objects.order_by("created_at")[0].pk
    found["webhook"] = Webhook.objects.get().pk
    found["digest"] = urlsplit(subscriptions.way_out(DigestSubscription.objects.get())).path
    found["cluster"] = Cluster.objects.get().pk
    for status in ("running", "pending", "requested", "failed", "success"):
        found[status] = ImportTask.objects.filter(status=status, batch=None).order_by("-created_at")[0].pk
    return {name: str(pk) for name, pk in found.items()}


def tell() -> None:
    """Print the places as one line of JSON; ``noor-session`` is a session of hers: past her second factor."""
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username="noor"))
    print(json.dumps({**ids(), "noor-session": client.cookies["sessionid"].value}))
