"""What may be done to projects, their members, robots and images. Each change leaves its line in the audit log."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.caller import acting_as
from accounts.exceptions import ApplicationError, FieldErrors
from accounts.sign_in.tokens import SECRET_LENGTH, digest_of, expiry, random_text
from oci.copy.image_info import ImageInfo
from projects import audit, cron
from projects.defaults import platforms
from projects.models import AuditEvent, DigestSubscription, Image, ImageBlob, Membership, Project, Robot, Role

#: An image with more blobs than this is counted by its size alone.
MAX_BLOBS: Final = 10_000
#: What only owners may do.
_NOT_YOURS: Final = gettext_noop("Only owners can add, change or remove owners.")


@transaction.atomic
def create_project(
    *,
    user: User,
    name: str,
    **values: Any,
) -> Project:
    """A new project, owned by ``user``.

    :param values: other fields of it (:func:`update_project`).
    :raises FieldErrors: on ``retention_cron`` or ``platforms``; on ``name``: there is a project of that name, or there
        was one. A registry may keep what nothing names now, to be read by its digest by anyone with the project's
        repositories; so the name goes only to the one who deleted the project, or to a superuser.
    :raises ApplicationError: ``too_many_projects``: the user has made ``PROJECTS_PER_USER`` that still are there.
    """
    _check_count(user)
    if _is_held_back(name, user):
        raise FieldErrors(
            {"name": [_("A project with this name was deleted. Only a superuser can use the name again.")]}
        )
    if "retention_cron" in values:
        values["retention_cron"], values["retention_next_at"] = _clock(values["retention_cron"])
    if "platforms" in values:
        values["platforms"] = platforms.cleaned(values["platforms"])
    try:
        with transaction.atomic():
            project = Project.objects.create(name=name, created_by=user, **values)
    except IntegrityError:
        raise FieldErrors({"name": [_("A project with this name already exists.")]}) from None
    Membership.objects.create(project=project, user=user, role=Role.OWNER)
    audit.record("project.created", project)
    return project


def _check_count(user: User) -> None:
    if user.is_superuser:
        return
    # Locked, so that two at once can't both be the last.
    User.objects.select_for_update().only("pk").get(pk=user.pk)
    if Project.objects.filter(created_by=user).count() >= settings.PROJECTS_PER_USER:
        raise ApplicationError(
            "too_many_projects",
            gettext_noop(
                "You have created %(limit)d projects, which is the limit. Delete one, or ask the administrator."
            ),
            limit=settings.PROJECTS_PER_USER,
        )


def _is_held_back(name: str, user: User) -> bool:
    deleted = AuditEvent.objects.filter(action="project.deleted", subject=name).order_by("-at", "-id")
    last = deleted.values_list("actor_id", flat=True)[:1]
    return any(actor != user.pk for actor in last) and not user.is_superuser


@transaction.atomic
def update_project(*, project: Project, changes: dict[str, Any]) -> Project:
    """Change anything but the name, which is part of every image's address.

    :raises FieldErrors: on ``retention_cron`` or ``platforms``.
    """
    if "platforms" in changes:
        changes = {**changes, "platforms": platforms.cleaned(changes["platforms"])}
    for field, value in changes.items():
        setattr(project, field, value)
    columns = [*changes, "updated_at"]
    if "retention_cron" in changes:
        project.retention_cron, project.retention_next_at = _clock(project.retention_cron)
        columns.append("retention_next_at")
    project.save(update_fields=columns)
    audit.record("project.changed", project, **changes)
    return project


def _clock(line: str) -> tuple[str, dt.datetime | None]:
    """A cron line in its one form, and when it is due next; empty: never."""
    if not line.strip():
        return "", None
    try:
        cleaned = cron.check(line, settings.TIME_ZONE)
        return cleaned, cron.next_run(cleaned, settings.TIME_ZONE, timezone.now())
    except ApplicationError as exc:
        raise FieldErrors({"retention_cron": [exc.detail]}) from None


@transaction.atomic
def forget_project(*, project: Project, user: User) -> None:
    """Delete the rows of a project whose content is gone (:func:`projects.registry.removal.delete_project`). Its name
    is ``user``'s from then on (:func:`create_project`).
    """
    with acting_as(user):
        audit.record_event(action="project.deleted", project=None, subject=project.name)
    project.delete()


@transaction.atomic
def add_member(*, project: Project, by_role: Role, user: User, role: Role) -> Membership:
    """Make ``user`` a member.

    :raises ApplicationError: ``permission_denied``: ``role`` is owner, and ``by_role`` is not.
    :raises FieldErrors: on ``username``: a member already.
    """
    may_touch(by_role, role)
    try:
        with transaction.atomic():
            member = Membership.objects.create(project=project, user=user, role=role)
    except IntegrityError:
        raise FieldErrors({"username": [_("This user is already a member of this project.")]}) from None
    audit.record("member.added", member)
    return member


@transaction.atomic
def change_member(*, member: Membership, by_role: Role, role: Role) -> Membership:
    """Give a member another role.

    :raises ApplicationError: ``permission_denied``: the old or the new role is owner, and ``by_role`` is not;
        ``last_owner``: no owner would be left.
    """
    owners = _owners(member.project)
    member = Membership.objects.select_related("user", "project").get(pk=member.pk)
    may_touch(by_role, role, Role(member.role))
    if role != Role.OWNER:
        _keep_an_owner(owners, member)
    member.role = role
    member.save(update_fields=["role"])
    audit.record("member.changed", member)
    return member


@transaction.atomic
def remove_member(*, member: Membership, by_role: Role) -> None:
    """Let a member go.

    :raises ApplicationError: ``permission_denied``: the member is an owner, and ``by_role`` is not;
        ``last_owner``: no owner would be left.
    """
    owners = _owners(member.project)
    member = Membership.objects.select_related("user", "project").get(pk=member.pk)
    may_touch(by_role, Role(member.role))
    _keep_an_owner(owners, member)
    audit.record("member.removed", member)
    DigestSubscription.objects.filter(project=member.project, user=member.user).delete()
    member.delete()


def _owners(project: Project) -> set[Any]:
    """The owners, locked, so that two who leave at once can't both be the last but one."""
    rows = Membership.objects.select_for_update().filter(project=project, role=Role.OWNER)
    return {row.pk for row in rows}


def _keep_an_owner(owners: set[Any], member: Membership) -> None:
    if owners == {member.pk}:
        raise ApplicationError(
            "last_owner", gettext_noop("A project needs an owner. Make someone else an owner first.")
        )


def may_touch(by_role: Role, *roles: Role) -> None:
    """Check that a member of this role may give, change or take these roles.

    :raises ApplicationError: ``permission_denied``: one of these roles is owner, and who changes it is none.
    """
    if Role.OWNER in roles and by_role != Role.OWNER:
        raise ApplicationError("permission_denied", _NOT_YOURS)


@transaction.atomic
def create_robot(
    *,
    project: Project,
    by: User,
    name: str,
    access: str = Robot.Access.PULL,
    expires_in_days: int | None = None,
) -> tuple[Robot, str]:
    """A new robot account: the row, and its secret, shown this once.

    :raises FieldErrors: on ``name``: the project has a robot of that name.
    """
    secret = f"rps_{random_text(SECRET_LENGTH)}"
    try:
        with transaction.atomic():
            robot = Robot.objects.create(
                project=project,
                name=name,
                access=access,
                digest=digest_of(secret),
                created_by=by,
                expires_at=expiry(expires_in_days),
            )
    except IntegrityError:
        raise FieldErrors({"name": [_("A robot account with this name already exists.")]}) from None
    # Who made a robot answers for its requests (projects.selectors.made_robot).
    with acting_as(by):
        audit.record("robot.created", robot, access=access)
    return robot, secret


@transaction.atomic
def delete_robot(*, robot: Robot) -> None:
    """Revoke a robot, at once: the token service asks for the row each time."""
    audit.record("robot.deleted", robot)
    robot.delete()


def record_image(
    *,
    project: Project,
    repository: str,
    tag: str,
    image: ImageInfo,
    source_image: str | None = None,
    signature: dict[str, Any] | None = None,
) -> Image:
    """What the tag names now. The row is made or brought up to date; pull counts stay.

    What the caller does not know is kept as long as the digest is the same.

    :param image: children that are empty are unknown, or there are none.
    :param source_image: None: unknown, as after a ``docker push``.
    :param signature: what was found of its signatures (:mod:`projects.signatures`); None: not asked.
    """
    values: dict[str, Any] = {
        "digest": image.digest,
        "media_type": image.media_type,
        "artifact_type": image.artifact_type,
        "size": image.size,
        "platforms": list(image.platforms),
        "children": [asdict(child) for child in image.children],
        "updated_at": timezone.now(),
    }
    with transaction.atomic(savepoint=False):
        row, made = Image.objects.select_for_update().get_or_create(
            project=project,
            repository=repository,
            tag=tag,
            defaults=values | {"source_image": source_image or "", "signature": signature},
        )
        if not made:
            same = row.digest == image.digest
            if source_image is not None or not same:
                values["source_image"] = source_image or ""
            if signature is not None or not same:
                values["signature"] = signature
            if same and not image.children:
                values["children"] = row.children
            if same and not image.artifact_type:
                values["artifact_type"] = row.artifact_type
            for field, value in values.items():
                setattr(row, field, value)
            row.save(update_fields=list(values))
        note_blobs(row, image, made=made)
    return row


def note_blobs(row: Image, image: ImageInfo, *, made: bool = False) -> None:
    """Write down which blobs the row's image has, in the caller's transaction. What is not known stays as it is.

    :param made: the row is new, so nothing is written of it yet.
    """
    if not image.blobs or len(image.blobs) > MAX_BLOBS:
        return
    there = {} if made else dict(ImageBlob.objects.filter(image=row).values_list("digest", "pk"))
    gone = [pk for digest, pk in there.items() if digest not in image.blobs]
    if gone:
        ImageBlob.objects.filter(pk__in=gone).delete()
    ImageBlob.objects.bulk_create(
        [
            ImageBlob(image=row, project_id=row.project_id, digest=digest, size=size)
            for digest, size in image.blobs.items()
            if digest not in there
        ],
        ignore_conflicts=True,
    )


def forget_image(*, image: Image) -> None:
    """The tag is gone from the registry; so goes the row, unless it was written again in the meantime."""
    Image.objects.filter(pk=image.pk, digest=image.digest).delete()
