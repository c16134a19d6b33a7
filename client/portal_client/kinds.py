"""What a project holds and people configure: one table for the commands and for ``portal apply``.

A new kind of the API is one more entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from portal_client.api import Row
from portal_client.words import _

Form = Literal["text", "texts", "flag", "number", "secret", "credential", "mapping"]


@dataclass(frozen=True)
class Field:
    """One field of a kind, as the API names it."""

    name: str
    form: Form = "text"
    help: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    #: Given when it is made; it stays.
    fixed: bool = False
    #: The name of its option, where that is not its own.
    option: str = ""
    #: What a mapping has.
    fields: tuple[Field, ...] = ()

    @property
    def flag(self) -> str:
        """Its option, without the dashes."""
        return self.option or self.name.replace("_", "-")


@dataclass(frozen=True)
class Kind:
    """Rows of one address below a project."""

    noun: str
    #: The last part of its address, and its section in ``portal apply``'s files.
    section: str
    help: str
    #: What tells its rows apart; the first that a row has also names it.
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    columns: tuple[str, ...]
    #: What can be asked of one row by POST, with what it means.
    actions: tuple[tuple[str, str], ...] = ()
    editable: bool = True
    #: Whether ``portal apply`` takes it. Robots have secrets that are shown once, so they are made by hand.
    applied: bool = True
    #: No two rows have the same key.
    unique: bool = True
    #: Its rows come in the order of the file; the field that says so.
    order: str = ""
    #: Which field of an answer says whether the secret is there.
    told_by: str = ""

    @property
    def secret(self) -> Field | None:
        """The field that goes in and never comes out."""
        return next((field for field in self.fields if field.form == "secret"), None)

    def key_of(self, row: Row) -> tuple[Any, ...]:
        """What tells this row apart from others of its kind; what is not named is empty, a list has no order."""
        values = (row.get(name) or "" for name in self.key)
        return tuple(tuple(sorted(value)) if isinstance(value, list) else value for value in values)

    def name_of(self, row: Row) -> str:
        """What people call this row."""
        found = next((value for value in self.key_of(row) if value), "")
        return ", ".join(found) if isinstance(found, tuple) else str(found)

    def address(self, project_id: str, row_id: str = "") -> str:
        """Where the rows are, or one of them."""
        rows = f"/projects/{project_id}/{self.section.replace('_', '-')}"
        return f"{rows}/{row_id}" if row_id else rows


ROLES: Final = ("viewer", "developer", "maintainer", "owner")
EVENTS: Final = (
    "import.succeeded", "import.failed", "batch.completed", "schedule.completed", "tag.restored", "request.created",
    "request.decided", "upstream.changed", "digest.weekly",
)  # fmt: skip

MEMBERS: Final = Kind(
    noun="member",
    section="members",
    help=_("Members of a project and their roles."),
    key=("username",),
    columns=("username", "role", "created_at"),
    fields=(
        Field("username", help=_("the user's name"), required=True, fixed=True),
        Field("role", choices=ROLES, help=_("what the member can do"), required=True),
    ),
)
GROUPS: Final = Kind(
    noun="group",
    section="groups",
    help=_("Groups of the identity provider and their roles."),
    key=("group",),
    columns=("group", "role", "created_at"),
    fields=(
        Field("group", help=_("its name there"), required=True, fixed=True),
        Field("role", choices=ROLES, help=_("what everyone in it can do"), required=True),
    ),
)
CREDENTIALS: Final = Kind(
    noun="credential",
    section="credentials",
    help=_("Saved credentials for registries."),
    key=("name",),
    columns=("name", "registry", "username", "has_password", "last_used_at"),
    told_by="has_password",
    actions=(("test", _("Sign in with it at its own registry.")),),
    fields=(
        Field("name", help=_("the name that imports use"), required=True),
        Field("registry", help=_("like ghcr.io or registry.example.com:5000"), required=True),
        Field("username", help=_("the account there"), required=True),
        Field("password", "secret", help=_("its password"), required=True),
    ),
)
SCHEDULES: Final = Kind(
    noun="schedule",
    section="schedules",
    help=_("Repositories that are synced on a schedule."),
    key=("image_url", "target_name"),
    unique=False,
    columns=("id", "image_url", "tags", "cron", "timezone", "enabled", "next_run_at", "last_result"),
    actions=(("run", _("Run it now.")),),
    fields=(
        Field("image_url", option="image", help=_("the repository, perhaps with a tag"), required=True),
        Field(
            "tags", "texts", option="tag", help=_("a name, a glob like 1.2*, or semver:>=1.2 <2; repeatable")
        ),
        Field(
            "exclude_tags", "texts", option="exclude-tag", help=_("tags to leave out, as above; repeatable")
        ),
        Field("target_name", option="name", help=_("name inside the project")),
        Field(
            "platforms",
            "texts",
            option="platform",
            help=_("like linux/amd64; repeatable; default: all"),
        ),
        Field("credential", "credential", help=_("a saved credential of the project, by its name")),
        Field("cron", help=_("when: minute, hour, day, month, weekday"), required=True),
        Field(
            "newest",
            "number",
            help=_("sync only this many of the tags that patterns match, highest versions first"),
        ),
        Field("min_age_days", "number", help=_("how old an image must be, in days")),
        Field("timezone", help=_("the zone of the cron line, like Asia/Shanghai")),
        Field("enabled", "flag", help=_("whether it runs on its schedule")),
    ),
)
WEBHOOKS: Final = Kind(
    noun="webhook",
    section="webhooks",
    help=_("Webhooks of a project."),
    key=("url", "addresses"),
    columns=("id", "kind", "url", "addresses", "events", "enabled", "failures_only", "last_state"),
    told_by="has_secret",
    fields=(
        Field(
            "kind",
            choices=("webhook", "email"),
            help=_("webhook for a POST to a URL, email for messages to addresses"),
        ),
        Field("url", help=_("URL to POST to, for the kind webhook")),
        Field("addresses", "texts", option="address", help=_("recipients, for the kind email; repeatable")),
        Field("format", help=_("json, slack, teams, dingtalk, feishu or wecom")),
        Field(
            "language",
            choices=("en", "zh-hans"),
            help=_("language of messages in chats and by email; default: the project's"),
        ),
        Field("secret", "secret", help=_("what signs each delivery")),
        Field(
            "events",
            "texts",
            option="event",
            choices=EVENTS,
            help=_("event to send; repeatable; default: all but the weekly digest"),
        ),
        Field("enabled", "flag", help=_("whether events are sent")),
        Field("failures_only", "flag", help=_("whether only failures are sent")),
    ),
)
ROBOTS: Final = Kind(
    noun="robot",
    section="robots",
    help=_("Robot accounts, with which CI and clusters sign in to the registry."),
    key=("name",),
    columns=("name", "username", "access", "expires_at", "last_used_at"),
    editable=False,
    applied=False,
    fields=(
        Field("name", help=_("its name"), required=True, fixed=True),
        Field("access", choices=("pull", "push"), help=_("what it can do"), required=True, fixed=True),
        Field(
            "expires_in_days",
            "number",
            help=_("days until it expires; default: never"),
            fixed=True,
        ),
    ),
)
CLUSTERS: Final = Kind(
    noun="cluster",
    section="clusters",
    help=_("Clusters that run images, and what they run."),
    key=("name",),
    columns=("name", "pods", "seen_at"),
    editable=False,
    actions=(("import", _("Import the images that it runs and that are missing here.")),),
    fields=(Field("name", help=_("its name"), required=True, fixed=True),),
)

# --- what only ``portal apply`` sets ---------------------------------------------------------------

TRUST: Final = Kind(
    noun="trust",
    section="trust",
    help="",
    key=("name",),
    columns=(),
    editable=False,
    fields=(
        Field("name", required=True, fixed=True),
        Field("kind", choices=("key", "keyless"), required=True, fixed=True),
        Field("public_key", fixed=True),
        Field("issuer", fixed=True),
        Field("identity", fixed=True),
        Field("identity_is_pattern", "flag", fixed=True),
        Field("sources", "texts", fixed=True),
    ),
)
RULES: Final = Kind(
    noun="rule",
    section="rules",
    help="",
    key=("name",),
    columns=(),
    order="position",
    fields=(
        Field("name", required=True),
        Field("position", "number"),
        Field("sources", "texts"),
        Field("tags", "texts"),
        Field("exclude_tags", "texts"),
        Field("action", choices=("allow", "approve", "refuse"), required=True),
        Field(
            "requires",
            "mapping",
            fields=(
                Field("max_bytes", "number"),
                Field("min_age_days", "number"),
                Field("min_seen_days", "number"),
                # By the names of the project's trust anchors; one of the installation by its id.
                Field("signed_by", "texts"),
                Field("platforms", "texts"),
                Field("max_severity"),
            ),
        ),
        Field("message"),
        Field("enabled", "flag"),
    ),
)
PROTECTED_TAGS: Final = Kind(
    noun="protected tag",
    section="protected_tags",
    help="",
    key=("pattern",),
    columns=(),
    editable=False,
    fields=(Field("pattern", required=True, fixed=True),),
)
RETENTION: Final = Kind(
    noun="retention",
    section="retention",
    help="",
    key=("repositories", "tags"),
    columns=(),
    fields=(
        Field("repositories", "texts"),
        Field("tags", "texts"),
        Field("keep_newest", "number"),
        Field("keep_pulled_days", "number"),
        Field("keep_pushed_days", "number"),
        Field("order", choices=("pushed", "version")),
        Field("enabled", "flag"),
    ),
)

#: Those that have commands of their own.
KINDS: Final = (MEMBERS, GROUPS, CREDENTIALS, SCHEDULES, WEBHOOKS, ROBOTS, CLUSTERS)
#: In the order in which ``portal apply`` makes them: schedules name credentials and bring images in, which rules
#: judge, and these name whose signatures count.
APPLIED_KINDS: Final = (
    MEMBERS, GROUPS, CREDENTIALS, TRUST, RULES, PROTECTED_TAGS, RETENTION,
    *(kind for kind in KINDS if kind.applied and kind not in (MEMBERS, GROUPS, CREDENTIALS)),
)  # fmt: skip
#: A project's own fields.
PROJECT_FIELDS: Final = (
    Field("name", help=_("its name, part of its images' addresses"), required=True, fixed=True),
    Field("description", help=_("what it is for")),
    Field("visibility", choices=("private", "internal", "public"), help=_("who can read and pull")),
    Field("language", choices=("en", "zh-hans"), help=_("language of messages in chats and by email")),
    Field(
        "platforms",
        "texts",
        option="platform",
        help=_("platforms of imports that name none, like linux/amd64; repeatable; default: all"),
    ),
    Field(
        "naming", choices=("short", "full"), help=_("names of new images: nginx, or docker.io/library/nginx")
    ),
    Field(
        "default_action",
        choices=("allow", "approve", "refuse"),
        help=_("what happens to an import that no rule matches"),
    ),
    Field("requests_from", choices=("developer", "viewer"), help=_("who can ask for what needs approval")),
    Field("request_days", "number", help=_("days until a request expires")),
    Field("four_eyes", "flag", help=_("whether someone other than the requester has to approve")),
    Field(
        "first_pull",
        choices=("off", "viewer", "developer"),
        help=_("who can import a missing image by pulling it"),
    ),
    Field(
        "first_pull_fresh_seconds",
        "number",
        help=_("seconds after which a pulled tag is checked at its source again"),
    ),
    Field("bandwidth", "number", help=_("bytes a second that imports read from sources")),
    Field("window", help=_("hours of batches and schedules, like 22:00-06:00 Asia/Shanghai")),
    Field("retention_cron", help=_("when clean-up runs: minute, hour, day, month, weekday")),
    Field("trash_days", "number", help=_("days that removed tags can be restored")),
)
