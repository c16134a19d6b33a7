"""Projects, who may do what in them, the images that they hold, and the audit log of what was done."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.labels import check_label
from accounts.models import Created
from projects.hours import check_window
from projects.models.contents import LayerIndex, LayerIndexPart
from projects.models.digests import DigestSubscription
from projects.models.facts import ImageFacts
from projects.models.filters import SavedFilter
from projects.models.groups import GroupRole
from projects.models.retention import (
    Collection,
    ImageBlob,
    ProtectedTag,
    PushGrant,
    Reservation,
    RetentionRule,
    TrashedTag,
    UsageDay,
)
from projects.models.scanning import ImageScan, Scanner

__all__ = [
    "LANGUAGES",
    "PROJECT_NAME",
    "AuditEvent",
    "Collection",
    "DigestSubscription",
    "GroupRole",
    "Holding",
    "Image",
    "ImageBlob",
    "ImageScan",
    "LayerIndex",
    "LayerIndexPart",
    "Membership",
    "Project",
    "ProtectedTag",
    "PushGrant",
    "RefusalCount",
    "Reservation",
    "RetentionRule",
    "Robot",
    "Role",
    "SavedFilter",
    "Scanner",
    "TagNotice",
    "TrashedTag",
    "UsageDay",
]

#: A project's name is the first path component of its repositories, so it follows their grammar
#: (distribution/reference).
PROJECT_NAME = RegexValidator(
    r"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z",
    _("Use lowercase letters and digits, joined by single dots, underscores or hyphens."),
)

#: The languages of messages, each by its own name.
LANGUAGES = [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]


class Role(models.TextChoices):
    """Roles in a project, each with all that the one before may. The order is in :data:`projects.permissions.RANK`."""

    VIEWER = "viewer", _("Viewer")
    DEVELOPER = "developer", _("Developer")
    MAINTAINER = "maintainer", _("Maintainer")
    OWNER = "owner", _("Owner")


class Project(Created):
    """A team's namespace in the private registry."""

    class Visibility(models.TextChoices):
        #: Read and pulled by members.
        PRIVATE = "private", _("Private")
        #: By everyone who signs in.
        INTERNAL = "internal", _("Internal")
        #: Read by everyone who signs in, pulled by anyone without signing in.
        PUBLIC = "public", _("Public")

    class Naming(models.TextChoices):
        """What an image is called here when the import says nothing."""

        #: ``nginx``
        SHORT = "short", _("Short, such as nginx")
        #: ``docker.io/library/nginx``: what clients with a mirror ask for.
        FULL = "full", _("Full, such as docker.io/library/nginx")

    class DefaultAction(models.TextChoices):
        ALLOW = "allow", _("Allow")
        APPROVE = "approve", _("Ask for approval")
        REFUSE = "refuse", _("Refuse")

    class FirstPull(models.TextChoices):
        """The least role whose pull of a missing image becomes an import (imageimport.first_pull)."""

        OFF = "off", _("Off")
        VIEWER = "viewer", _("All members and robot accounts")
        DEVELOPER = "developer", _("Developers and robot accounts that can push")

    class Asker(models.TextChoices):
        DEVELOPER = "developer", _("Developers")
        VIEWER = "viewer", _("All members")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=63, unique=True, validators=[PROJECT_NAME])
    description = models.CharField(
        _("description"), max_length=500, blank=True, default="", validators=[check_label]
    )
    visibility = models.CharField(
        _("visibility"), max_length=8, choices=Visibility.choices, default=Visibility.PRIVATE
    )
    #: Of messages in chats and mails, where a webhook has none of its own; pages have the reader's.
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=LANGUAGES,
        default=settings.LANGUAGE_CODE,
        db_default=settings.LANGUAGE_CODE,
    )
    updated_at = models.DateTimeField(_("updated at"), auto_now=True)
    #: Quotas; empty means unlimited. Bytes count each tag's size once.
    quota_images = models.PositiveIntegerField(_("image limit"), null=True, blank=True)
    quota_bytes = models.PositiveBigIntegerField(_("storage limit"), null=True, blank=True)
    quota_queued = models.PositiveIntegerField(_("queue limit"), null=True, blank=True)
    #: Bytes a second that its imports together read from sources; empty: no bound of its own.
    bandwidth = models.PositiveBigIntegerField(_("bytes per second"), null=True, blank=True)
    #: Hours in which imports of batches and schedules may move bytes (projects.hours); empty: always.
    window = models.CharField(
        _("hours"), max_length=100, blank=True, default="", db_default="", validators=[check_window]
    )
    naming = models.CharField(
        _("naming"),
        max_length=5,
        choices=Naming.choices,
        default=Naming.SHORT,
        db_default=Naming.SHORT,
    )
    #: What its imports take where they say nothing (:mod:`projects.defaults.platforms`); empty: all of an image.
    platforms = models.JSONField(_("default platforms"), default=list, blank=True, db_default=[])
    #: When clean-up runs by itself (:mod:`projects.cron`, by the installation's clock); empty: by hand only.
    retention_cron = models.CharField(
        _("clean-up schedule"), max_length=100, blank=True, default="", db_default=""
    )
    retention_next_at = models.DateTimeField(_("next clean-up"), null=True, blank=True)
    #: How long a removed tag can be brought back, days.
    trash_days = models.PositiveSmallIntegerField(_("days in the trash"), default=7, db_default=7)
    #: What becomes of an image that no rule of the project fits (imageimport.policy).
    default_action = models.CharField(
        _("without a rule"),
        max_length=8,
        choices=DefaultAction.choices,
        default=DefaultAction.ALLOW,
        db_default=DefaultAction.ALLOW,
    )
    #: The least role that may ask for an image that needs approval, and for how many days a request stands.
    requests_from = models.CharField(
        _("who can request approval"),
        max_length=10,
        choices=Asker.choices,
        default=Asker.DEVELOPER,
        db_default=Asker.DEVELOPER,
    )
    request_days = models.PositiveSmallIntegerField(
        _("days until a request ends"),
        default=14,
        db_default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    #: Who brings a missing image by pulling it, and after how many seconds its tag is asked for at its source again.
    first_pull = models.CharField(
        _("first pull"),
        max_length=10,
        choices=FirstPull.choices,
        default=FirstPull.OFF,
        db_default=FirstPull.OFF,
    )
    first_pull_fresh_seconds = models.PositiveIntegerField(
        _("seconds until a tag is checked again"),
        default=3600,
        db_default=3600,
        validators=[MaxValueValidator(31_536_000)],
    )
    #: Who asked for an image does not approve it.
    four_eyes = models.BooleanField(_("four eyes"), default=False, db_default=False)
    members: models.ManyToManyField[Any, Membership] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="projects"
    )

    class Meta:
        verbose_name = _("project")
        verbose_name_plural = _("projects")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @cached_property
    def image_count(self) -> int:
        """How many tags it holds; lists of projects bring the number along (``selectors.visible_projects``)."""
        held = Holding.objects.filter(project=self).values_list("images", flat=True).first()
        return held or 0


class Membership(models.Model):
    """A user's role in a project."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("project")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering = ("created_at", "id")
        constraints = [models.UniqueConstraint(fields=("project", "user"), name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} · {self.role}"

    @property
    def audit_subject(self) -> str:
        return self.user.get_username()

    @property
    def audit_detail(self) -> dict[str, str]:
        return {"role": self.role}


class Image(ImageFacts):
    """One tag in a project's repository, as the registry last said. Imports and notifications write it,
    a periodic reconcile corrects it."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="images", verbose_name=_("project")
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    #: When the row was last compared with the registry (projects.registry.reconcile).
    checked_at = models.DateTimeField(_("checked at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        ordering = ("-updated_at", "-id")
        constraints = [models.UniqueConstraint(fields=("project", "repository", "tag"), name="one_row_a_tag")]
        indexes = [
            models.Index(fields=("project", "-updated_at", "-id"), name="image_newest"),
            models.Index(fields=("-updated_at", "-id"), name="image_newest_all"),
            models.Index(fields=("project", "-size", "-id"), name="image_largest"),
            models.Index(fields=("project", "digest"), name="image_digest"),
            models.Index(fields=("project", "repository", "-updated_at", "-id"), name="image_repository"),
            models.Index(fields=("project", "tag", "-updated_at", "-id"), name="image_tag"),
            # What no one has pulled is counted, and its largest are shown. The first columns are those of the
            # condition: SQLite reads a row for each that its index doesn't have.
            models.Index(
                fields=("project", "pull_count", "last_pulled_at", "-size", "repository", "tag"),
                condition=models.Q(pull_count=0, last_pulled_at=None),
                name="image_never_pulled",
            ),
        ]

    @property
    def audit_detail(self) -> dict[str, str]:
        return {}


class Holding(models.Model):
    """How many tags a project holds, and the sum of their sizes; only triggers write it
    (:mod:`projects.search.holdings`). A project that never held any has none."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="holding", verbose_name=_("project")
    )
    images = models.BigIntegerField(_("images"), default=0)
    bytes = models.BigIntegerField(_("bytes"), default=0)

    def __str__(self) -> str:
        return f"{self.project_id}: {self.images}"


class TagNotice(models.Model):
    """A tag that the registry reported, until a worker has looked at it (:mod:`projects.registry.tag_notices`)."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="+", verbose_name=_("project")
    )
    #: Inside the project, as of an :class:`Image`.
    repository = models.CharField(_("repository"), max_length=255)
    tag = models.CharField(_("tag"), max_length=128)
    #: What it is said to name now; empty: it is said to be gone.
    digest = models.CharField(_("digest"), max_length=160, blank=True, default="")
    noted_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    #: A worker that looks at it has it until then.
    claimed_until = models.DateTimeField(null=True, blank=True)
    #: Looks that failed since the last notice.
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    class Meta:
        ordering = ("due_at", "id")
        constraints = [
            models.UniqueConstraint(fields=("project", "repository", "tag"), name="one_notice_a_tag")
        ]
        indexes = [models.Index(fields=("due_at", "id"), name="notice_due")]

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class Robot(Created):
    """A project's account for CI and clusters, valid at the registry's door only. Only the secret's hash is stored."""

    #: No user name has a dollar sign.
    LOGIN_PREFIX: Final = "robot$"

    class Access(models.TextChoices):
        PULL = "pull", _("Pull")
        PUSH = "push", _("Pull and push")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="robots", verbose_name=_("project")
    )
    name = models.CharField(_("name"), max_length=60, validators=[PROJECT_NAME])
    access = models.CharField(_("access"), max_length=4, choices=Access.choices, default=Access.PULL)
    digest = models.CharField(_("digest"), max_length=64)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        verbose_name = _("robot account")
        verbose_name_plural = _("robot accounts")
        ordering = ("name",)
        constraints = [models.UniqueConstraint("project", Lower("name"), name="robot_name_once")]

    def __str__(self) -> str:
        return self.login

    @property
    def login(self) -> str:
        """The user name at the registry's door, as in ``docker login -u``."""
        return f"{self.LOGIN_PREFIX}{self.project.name}+{self.name}"

    @property
    def audit_subject(self) -> str:
        return self.login

    @property
    def audit_detail(self) -> dict[str, str]:
        return {}


class AuditEvent(models.Model):
    """Who did what, when and from where. Written once, never changed."""

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(_("at"), default=timezone.now, editable=False)
    project = models.ForeignKey(
        Project,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="audit_events",
        verbose_name=_("project"),
    )
    project_name = models.CharField(_("project name"), max_length=63, blank=True, default="")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("actor"),
    )
    #: The name at that time; robots and anonymous callers have no user.
    actor_name = models.CharField(_("actor name"), max_length=255, blank=True, default="")
    #: ``import.created``, ``member.changed``, ``registry.refused``, …
    action = models.CharField(_("action"), max_length=60)
    subject = models.CharField(_("subject"), max_length=700, blank=True, default="")
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)

    class Meta:
        verbose_name = _("audit log entry")
        verbose_name_plural = _("audit log")
        ordering = ("-at", "-id")
        indexes = [
            models.Index(fields=("project", "-at", "-id"), name="audit_newest"),
            models.Index(fields=("action", "-at"), name="audit_action"),
            models.Index(fields=("project", "action", "-at", "-id"), name="audit_project_action"),
            models.Index(fields=("project", "actor_name", "-at", "-id"), name="audit_project_actor"),
            models.Index(fields=("project", "actor_name", "action", "-at", "-id"), name="audit_actor_action"),
            models.Index(fields=("-at", "-id"), name="audit_newest_all"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class RefusalCount(models.Model):
    """Refusals of callers without a sign-in, by project and hour (:mod:`projects.token_service.refusals`)."""

    #: Empty: no such project. A name stays the project's, so no key is needed.
    project_name = models.CharField(_("project name"), max_length=63, blank=True, default="")
    hour = models.DateTimeField()
    count = models.PositiveBigIntegerField(_("count"), default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("project_name", "hour"), name="refusals_of_project_and_hour")
        ]

    def __str__(self) -> str:
        return f"{self.project_name} {self.hour:%Y-%m-%d %H}"
