"""What the portal is sent that its audit log has: each change over the API, on the pages and in the admin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.support.people import DIGEST

#: A field of these values is sent as a file.
FILE: Final = b"a" * 2048
INVENTORY: Final = (
    b'{"items": [{"kind": "Pod", "metadata": {}, "spec": {"containers": [{"image": "redis:8"}]}}]}'
)
#: What the API's cases that change something write; the others write nothing.
BY_API: Final = {
    "PATCH ": {"project.changed"},
    "DELETE ": {"project.deleted"},
    "POST /members": {"member.added"},
    "PATCH /members/{member}": {"member.changed"},
    "DELETE /members/{member}": {"member.removed"},
    "PATCH /members/{owner}": {"member.changed"},
    "DELETE /members/{owner}": {"member.removed"},
    "POST /groups": {"group.added"},
    "PATCH /groups/{group}": {"group.changed"},
    "DELETE /groups/{group}": {"group.removed"},
    "POST /robots": {"robot.created"},
    "DELETE /robots/{robot}": {"robot.deleted"},
    "DELETE /images/{image}": {"image.deleted"},
    "POST /images/{image}/scan": {"scan.requested"},
    "POST /images/{image}/restore": {"image.restored"},
    "POST /retention": {"retention.created"},
    "PATCH /retention/{retention}": {"retention.changed"},
    "DELETE /retention/{retention}": {"retention.deleted"},
    "POST /retention/run": {"retention.run", "image.cleaned"},
    "POST /protected-tags": {"protection.added"},
    "DELETE /protected-tags/{protected}": {"protection.removed"},
    "POST /trash/{trash}/restore": {"trash.restored"},
    "DELETE /trash/{trash}": {"trash.emptied"},
    "POST /images/import": {"import.created"},
    "POST /images/import/{task}/cancel": {"import.canceled"},
    "POST /images/import/{task}/now": {"import.now"},
    "POST /images/import/{requested}/approve": {"request.approved"},
    "POST /images/import/{requested}/reject": {"request.rejected"},
    "POST /images/import/{failed}/retry": {"import.created"},
    "POST /images/import/batches": {"batch.created"},
    "POST /images/import/batches/{batch}/cancel": {"batch.canceled"},
    "POST /images/import/batches/{batch}/retry": {"batch.retried"},
    "POST /schedules": {"schedule.created"},
    "PATCH /schedules/{schedule}": {"schedule.changed"},
    "DELETE /schedules/{schedule}": {"schedule.deleted"},
    "POST /schedules/{schedule}/run": {"schedule.run"},
    "POST /credentials": {"credential.created"},
    "PATCH /credentials/{credential}": {"credential.changed"},
    "DELETE /credentials/{credential}": {"credential.deleted"},
    "POST /webhooks": {"webhook.created"},
    "PATCH /webhooks/{webhook}": {"webhook.changed"},
    "DELETE /webhooks/{webhook}": {"webhook.deleted"},
    "POST /webhooks/{webhook}/test": {"webhook.tested"},
    "POST /webhooks/{webhook}/deliveries/{delivery}/redeliver": {"webhook.redelivered"},
    "POST /bundles": {"bundle.created"},
    "DELETE /bundles/{bundle}": {"bundle.deleted"},
    "GET /bundles/{bundle}/volumes/1": {"bundle.downloaded"},
    "POST /trust": {"trust.created"},
    "DELETE /trust/{trust}": {"trust.deleted"},
    "POST /rules": {"rule.created"},
    "PATCH /rules/{rule}": {"rule.changed"},
    "DELETE /rules/{rule}": {"rule.deleted"},
    "POST /uploads": {"upload.created"},
    "DELETE /uploads/{upload}": {"upload.deleted"},
    "POST /bundles/import": {"batch.created"},
    "POST /client-config": {"robot.created"},
    "POST /clusters": {"cluster.created"},
    "DELETE /clusters/{cluster}": {"cluster.deleted"},
    "POST /clusters/{cluster}/inventory": {"cluster.inventory"},
    "POST /clusters/{cluster}/import": {"batch.created"},
}


@dataclass(frozen=True)
class Sent:
    """What a page, or an address of the installation, is sent, and what is written then.

    :ivar places: arguments of the address by the names of :class:`Stage`'s rows.
    """

    name: str
    written: str
    data: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    method: str = "POST"

    def __str__(self) -> str:
        return f"{self.method} {self.name} {self.written}"


def _at(argument: str) -> dict[str, str]:
    """The address names one row."""
    return {f"{argument}_id": argument}


SCHEDULE_FORM: Final = {"image_url": "quay.io/c/d", "cron": "0 4 * * *", "timezone": "UTC"}
SIGNER: Final = {
    "name": "ci",
    "kind": "keyless",
    "issuer": "https://i.example.com",
    "identity": "a@example.com",
}
SCANNER: Final = {"name": "S2", "url": "http://10.0.0.2:8080", "kind": "none"}
RULE: Final = {"name": "New", "action": "refuse"}
HOOK: Final = {
    "kind": "webhook", "url": "https://hooks.example.com/2", "format": "json", "events": ["import.failed"],
}  # fmt: skip
ACCOUNT: Final = {"name": "n", "registry": "quay.io", "username": "me", "password": "hunter22"}
PAGES: Final = [
    Sent("project-edit", "project.changed", {"visibility": "private", "language": "en"}),
    Sent("project-limits", "project.changed", {"bandwidth": "10 MB"}),
    Sent("project-first-pull", "project.changed", {"first_pull": "off", "first_pull_fresh_seconds": "60"}),
    Sent(
        "project-policy",
        "project.changed",
        {"default_action": "allow", "requests_from": "developer", "request_days": "7"},
    ),
    Sent("clean-up-clock", "project.changed", {"retention_cron": "0 3 * * *", "trash_days": "7"}),
    Sent("full-names", "project.changed"),
    Sent("project-delete", "project.deleted", {"confirm": "stage"}),
    Sent("member-add", "member.added", {"username": "newcomer", "role": "viewer"}),
    Sent("member-change", "member.changed", {"role": "developer"}, _at("member")),
    Sent("member-remove", "member.removed", {}, _at("member")),
    Sent("group-add", "group.added", {"group": "dev", "role": "viewer"}),
    Sent("group-remove", "group.removed", {}, _at("group")),
    Sent("robot-add", "robot.created", {"name": "ci", "access": "pull"}),
    Sent("robot-remove", "robot.deleted", {}, _at("robot")),
    Sent("client-config", "robot.created", {"client": "docker", "name": "nodes"}),
    Sent("credential-add", "credential.created", ACCOUNT),
    Sent("credential-edit", "credential.changed", ACCOUNT, _at("credential")),
    Sent("credential-delete", "credential.deleted", {}, _at("credential")),
    Sent("webhook-add", "webhook.created", HOOK),
    Sent("webhook-edit", "webhook.changed", HOOK, _at("webhook")),
    Sent("webhook-test", "webhook.tested", {}, _at("webhook")),
    Sent("webhook-redeliver", "webhook.redelivered", {}, _at("webhook") | _at("delivery")),
    Sent("webhook-delete", "webhook.deleted", {}, _at("webhook")),
    Sent("trust-add", "trust.created", SIGNER),
    Sent("trust-delete", "trust.deleted", {}, _at("trust")),
    Sent("rule-add", "rule.created", RULE),
    Sent("rule-edit", "rule.changed", RULE, _at("rule")),
    Sent("rule-move", "rule.moved", {"to": "up"}, {"rule_id": "last"}),
    Sent("rule-delete", "rule.deleted", {}, _at("rule")),
    Sent("import-new", "import.created", {"image_url": "nginx", "transport": "registry"}),
    Sent("import-new", "batch.created", {"mode": "many", "images": "nginx\nredis", "transport": "registry"}),
    Sent("import-retry", "import.created", {}, {"task_id": "failed"}),
    Sent("import-cancel", "import.canceled", {}, _at("task")),
    Sent("import-now", "import.now", {}, _at("task")),
    Sent("import-approve", "request.approved", {"digest": DIGEST}, {"task_id": "requested"}),
    Sent("import-reject", "request.rejected", {"reason": "no"}, {"task_id": "requested"}),
    Sent("imports-bulk", "import.created", {"task": "failed"}),
    Sent("images-bulk", "batch.created", {"do": "again", "image": "image"}),
    Sent("images-bulk", "scan.requested", {"do": "scan", "image": "image"}),
    Sent("images-bulk", "image.deleted", {"do": "delete", "image": "image", "confirm": "stage"}),
    Sent("images-bulk", "batch.created", {"do": "copy", "image": "image", "project": "second"}),
    Sent("batch-cancel", "batch.canceled", {}, _at("batch")),
    Sent("batch-retry", "batch.retried", {}, _at("batch")),
    Sent("schedule-add", "schedule.created", SCHEDULE_FORM),
    Sent("schedule-edit", "schedule.changed", SCHEDULE_FORM, _at("schedule")),
    Sent("schedule-run", "schedule.run", {}, _at("schedule")),
    Sent("schedule-delete", "schedule.deleted", {}, _at("schedule")),
    Sent("bundle-new", "bundle.created", {"images": "app:1"}),
    Sent("bundle-delete", "bundle.deleted", {}, _at("bundle")),
    Sent("import-files", "upload.created", {"files": FILE}),
    Sent("import-files-start", "batch.created", {"upload": "upload", "image": "app:1"}),
    Sent("upload-delete", "upload.deleted", {}, _at("upload")),
    Sent("image-delete", "image.deleted", {"confirm": "app:1"}, _at("image")),
    Sent("image-restore", "image.restored", {"digest": DIGEST}, _at("image")),
    Sent("image-scan", "scan.requested", {}, _at("image")),
    Sent("clean-up-run", "retention.run"),
    Sent("clean-up-rule-add", "retention.created", {"keep_newest": "3", "order": "pushed"}),
    Sent(
        "clean-up-rule-edit", "retention.changed", {"keep_newest": "3", "order": "pushed"}, _at("retention")
    ),
    Sent("clean-up-rule-delete", "retention.deleted", {}, _at("retention")),
    Sent("clean-up-protect", "protection.added", {"pattern": "*:v*"}),
    Sent("clean-up-unprotect", "protection.removed", {}, _at("protected")),
    Sent("trash-restore", "trash.restored", {}, _at("trash")),
    Sent("trash-let-go", "trash.emptied", {}, _at("trash")),
    Sent("trash-empty", "trash.emptied"),
    Sent("rewrite", "batch.created", {"text": "image: redis:7", "import_missing": "on"}),
    Sent("cluster-add", "cluster.created", {"name": "another"}),
    Sent("cluster-inventory", "cluster.inventory", {"file": INVENTORY}, _at("cluster")),
    Sent("cluster-import", "batch.created", {}, _at("cluster")),
    Sent("cluster-remove", "cluster.deleted", {}, _at("cluster")),
]
#: Where the project lets nothing in that no one approved.
REQUEST: Final = Sent("import-new", "import.requested", {"image_url": "nginx", "transport": "registry"})
OF_EVERYONE: Final = [
    Sent("project-new", "project.created", {"name": "brand-new", "visibility": "private"}),
    Sent("project-list", "project.created", {"name": "brand-new"}),
]
#: A form that is only confirmed.
YES: Final = {"post": "yes"}
ADMIN: Final = "admin:imageimport_importtask_changelist"
OF_THE_INSTALLATION: Final = [
    Sent("source-add", "source.created", {"pattern": "new.example", "proxy": "direct"}),
    Sent("source-edit", "source.changed", {"pattern": "old.example", "proxy": "direct"}, _at("source")),
    Sent("source-delete", "source.deleted", {}, _at("source")),
    Sent("scanner-add", "scanner.created", SCANNER),
    Sent("scanner-edit", "scanner.changed", SCANNER, _at("scanner")),
    Sent("scanner-delete", "scanner.deleted", {}, _at("scanner")),
    Sent("installation-trust-add", "trust.created", SIGNER),
    Sent("installation-trust-delete", "trust.deleted", {}, {"trust_id": "everywhere"}),
    Sent("installation-rule-add", "rule.created", RULE),
    Sent("installation-rule-edit", "rule.changed", RULE, {"rule_id": "first_of_all"}),
    Sent("installation-rule-move", "rule.moved", {"to": "up"}, {"rule_id": "last_of_all"}),
    Sent("installation-rule-delete", "rule.deleted", {}, {"rule_id": "first_of_all"}),
    Sent("maintenance-collect", "collection.requested"),
    Sent(ADMIN, "import.canceled", {"action": "cancel_selected", "_selected_action": "task"}),
    Sent(ADMIN, "import.created", {"action": "retry_selected", "_selected_action": "failed"}),
    Sent("admin:projects_project_delete", "project.deleted", YES, {"object_id": "empty"}),
    Sent("admin:projects_robot_delete", "robot.deleted", YES, {"object_id": "robot"}),
    Sent("admin:projects_image_delete", "image.deleted", YES, {"object_id": "image"}),
    Sent("api-source-list", "source.created", {"pattern": "new.example"}),
    Sent("api-source-detail", "source.changed", {"private": True}, _at("source"), "PATCH"),
    Sent("api-source-detail", "source.deleted", {}, _at("source"), "DELETE"),
    Sent("scanner-list", "scanner.created", {"name": "S2", "url": "http://10.0.0.2:8080"}),
    Sent("scanner-detail", "scanner.changed", {"enabled": False}, _at("scanner"), "PATCH"),
    Sent("scanner-detail", "scanner.deleted", {}, _at("scanner"), "DELETE"),
    Sent("collection-list", "collection.requested"),
]  # fmt: skip
