"""Projects, who may do what in them, the images that they hold, and the journal of what was done."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from accounts.ids import new_id
from accounts.labels import check_label

#: A project's name is the first path component of its repositories, so it follows their grammar
#: (distribution/reference).
PROJECT_NAME = RegexValidator(
    r"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*\Z",
    _("Use lower-case letters and digits, joined by single dots, underscores or dashes."),
)


class Role(models.TextChoices):
    """Roles in a project, each with all that the one before may. The order is in :data:`projects.permissions.RANK`."""

    VIEWER = "viewer", _("Viewer")
    DEVELOPER = "developer", _("Developer")
    MAINTAINER = "maintainer", _("Maintainer")
    OWNER = "owner", _("Owner")


class Project(models.Model):
    """A team's namespace in the private registry."""

    class Visibility(models.TextChoices):
        #: Read and pulled by members.
        PRIVATE = "private", _("Private")
        #: By everyone who signs in.
        INTERNAL = "internal", _("Internal")
        #: Read by everyone who signs in, pulled by anyone without signing in.
        PUBLIC = "public", _("Public")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(_("name"), max_length=63, unique=True, validators=[PROJECT_NAME])
    description = models.CharField(
        _("description"), max_length=500, blank=True, default="", validators=[check_label]
    )
    visibility = models.CharField(
        _("visibility"), max_length=8, choices=Visibility.choices, default=Visibility.PRIVATE
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    #: Quotas; empty means unlimited. Bytes count each tag's size once.
    quota_images = models.PositiveIntegerField(_("most images"), null=True, blank=True)
    quota_bytes = models.PositiveBigIntegerField(_("most bytes"), null=True, blank=True)
    quota_queued = models.PositiveIntegerField(_("most waiting imports"), null=True, blank=True)
    members: models.ManyToManyField[Any, Membership] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="projects"
    )

    class Meta:
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

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("created_at", "id")
        constraints = [models.UniqueConstraint(fields=("project", "user"), name="one_membership_each")]

    def __str__(self) -> str:
        return f"{self.user} · {self.role}"


class Image(models.Model):
    """One tag in a project's repository, as the registry last said. Imports and notifications write it,
    a periodic reconcile corrects it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="images")
    #: Name inside the project: ``nginx`` of ``<public host>/<project>/nginx``.
    repository = models.CharField(_("repository"), max_length=255)
    tag = models.CharField(_("tag"), max_length=128)
    digest = models.CharField(max_length=160)
    media_type = models.CharField(max_length=255, blank=True, default="")
    artifact_type = models.CharField(max_length=255, blank=True, default="")
    #: Sum of the distinct blobs over all platforms, bytes.
    size = models.PositiveBigIntegerField(_("size"), default=0)
    #: ``["linux/amd64", …]``
    platforms = models.JSONField(default=list, blank=True)
    #: ``[{"platform", "digest", "size"}, …]`` for an index.
    children = models.JSONField(default=list, blank=True)
    source_image = models.CharField(_("source image"), max_length=600, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    pull_count = models.PositiveBigIntegerField(_("pulls"), default=0)
    last_pulled_at = models.DateTimeField(_("last pulled"), null=True, blank=True)
    #: When the row was last compared with the registry (projects.registry.reconcile).
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-updated_at", "-id")
        constraints = [models.UniqueConstraint(fields=("project", "repository", "tag"), name="one_row_a_tag")]
        indexes = [
            models.Index(fields=("project", "-updated_at", "-id"), name="image_newest"),
            models.Index(fields=("-updated_at", "-id"), name="image_newest_all"),
            models.Index(fields=("project", "digest"), name="image_digest"),
            models.Index(fields=("project", "repository", "-updated_at", "-id"), name="image_repository"),
            models.Index(fields=("project", "tag", "-updated_at", "-id"), name="image_tag"),
        ]

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class Holding(models.Model):
    """How many tags a project holds, and the sum of their sizes; only triggers write it (:mod:`projects.holdings`).
    A project that never held any has none."""

    project = models.OneToOneField(
        Project, on_delete=models.CASCADE, primary_key=True, related_name="holding"
    )
    images = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.project_id}: {self.images}"


class TagNotice(models.Model):
    """A tag that the registry reported, until a worker has looked at it (:mod:`projects.registry.tag_notices`)."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    #: Inside the project, as of an :class:`Image`.
    repository = models.CharField(max_length=255)
    tag = models.CharField(max_length=128)
    #: What it is said to name now; empty: it is said to be gone.
    digest = models.CharField(max_length=160, blank=True, default="")
    noted_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now)
    #: A worker that looks at it has it until then.
    claimed_until = models.DateTimeField(null=True, blank=True)
    #: Looks that failed since the last notice.
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("due_at", "id")
        constraints = [
            models.UniqueConstraint(fields=("project", "repository", "tag"), name="one_notice_a_tag")
        ]
        indexes = [models.Index(fields=("due_at", "id"), name="notice_due")]

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"


class Robot(models.Model):
    """A project's account for CI and clusters, valid at the registry's door only. Only the secret's hash is stored."""

    class Access(models.TextChoices):
        PULL = "pull", _("Pull")
        PUSH = "push", _("Pull and push")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="robots")
    name = models.CharField(_("name"), max_length=60, validators=[PROJECT_NAME])
    access = models.CharField(_("access"), max_length=4, choices=Access.choices, default=Access.PULL)
    digest = models.CharField(max_length=64)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint("project", Lower("name"), name="robot_name_once")]

    def __str__(self) -> str:
        return self.login

    @property
    def login(self) -> str:
        """The user name at the registry's door, as in ``docker login -u``."""
        return f"robot${self.project.name}+{self.name}"


class AuditEvent(models.Model):
    """Who did what, when and from where. Written once, never changed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.SET_NULL, null=True, blank=True, related_name="audit_events"
    )
    project_name = models.CharField(max_length=63, blank=True, default="")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    #: The name at that time; robots and anonymous callers have no user.
    actor_name = models.CharField(max_length=255, blank=True, default="")
    #: ``import.created``, ``member.changed``, ``registry.refused``, …
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=700, blank=True, default="")
    detail = models.JSONField(default=dict, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
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
    project_name = models.CharField(max_length=63, blank=True, default="")
    hour = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=("project_name", "hour"), name="refusals_of_project_and_hour")
        ]

    def __str__(self) -> str:
        return f"{self.project_name} {self.hour:%Y-%m-%d %H}"
