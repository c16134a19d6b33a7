"""What may be done to projects, their members, robots and images. Each change leaves its line in the journal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.tokens import SECRET_LENGTH, digest_of, expiry, random_text
from projects import audit
from projects.models import AuditEvent, Image, Membership, Project, Robot, Role


class LastOwner(Exception):
    """A project keeps at least one owner."""


class NotYours(Exception):
    """Only an owner names owners, changes them or lets them go."""


class Taken(Exception):
    """Another one has this name."""


class TooManyProjects(Exception):
    """The account has made as many projects as it may; ``limit`` says how many."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class HeldBack(Taken):
    """The name was another project's, which somebody else deleted."""


@transaction.atomic
def create_project(
    *,
    user: User,
    name: str,
    description: str = "",
    visibility: str = Project.Visibility.PRIVATE,
    request: HttpRequest | None = None,
) -> Project:
    """A new project, owned by ``user``.

    :raises Taken: there is a project of that name.
    :raises HeldBack: there was one. A registry may keep what nothing names any more, to be read by its digest by
        whoever has the project's repositories; so the name goes only to the one who deleted the project, or to a
        superuser.
    :raises TooManyProjects: he has made ``PROJECTS_PER_USER`` that still are there.
    """
    _check_count(user)
    if _is_held_back(name, user):
        raise HeldBack
    try:
        with transaction.atomic():
            project = Project.objects.create(
                name=name, description=description, visibility=visibility, created_by=user
            )
    except IntegrityError:
        raise Taken from None
    Membership.objects.create(project=project, user=user, role=Role.OWNER)
    audit.record(action="project.created", actor=user, project=project, subject=name, request=request)
    return project


def _check_count(user: User) -> None:
    if user.is_superuser:
        return
    # Locked, so that two at once can't both be the last.
    User.objects.select_for_update().only("pk").get(pk=user.pk)
    if Project.objects.filter(created_by=user).count() >= settings.PROJECTS_PER_USER:
        raise TooManyProjects(settings.PROJECTS_PER_USER)


def _is_held_back(name: str, user: User) -> bool:
    deleted = AuditEvent.objects.filter(action="project.deleted", subject=name).order_by("-at", "-id")
    last = deleted.values_list("actor_id", flat=True)[:1]
    return any(actor != user.pk for actor in last) and not user.is_superuser


@transaction.atomic
def update_project(
    *, project: Project, user: User, changes: dict[str, Any], request: HttpRequest | None = None
) -> Project:
    """Change description or visibility. The name is part of every image's address and stays."""
    for field, value in changes.items():
        setattr(project, field, value)
    project.save(update_fields=[*changes, "updated_at"])
    audit.record(
        action="project.changed",
        actor=user,
        project=project,
        subject=project.name,
        detail=changes,
        request=request,
    )
    return project


@transaction.atomic
def forget_project(*, project: Project, user: User, request: HttpRequest | None = None) -> None:
    """Delete the rows of a project whose content is gone (:func:`projects.registry.removal.delete_project`)."""
    audit.record(action="project.deleted", actor=user, project=None, subject=project.name, request=request)
    project.delete()


@transaction.atomic
def add_member(
    *, project: Project, by: User, by_role: Role, user: User, role: Role, request: HttpRequest | None = None
) -> Membership:
    """Make ``user`` a member.

    :raises NotYours: ``role`` is owner, and ``by`` is none.
    :raises Taken: he is a member already.
    """
    _may_touch(by_role, role)
    try:
        with transaction.atomic():
            member = Membership.objects.create(project=project, user=user, role=role)
    except IntegrityError:
        raise Taken from None
    _record_member("member.added", by, member, request)
    return member


@transaction.atomic
def change_member(
    *, member: Membership, by: User, by_role: Role, role: Role, request: HttpRequest | None = None
) -> Membership:
    """Give a member another role.

    :raises NotYours: the old or the new role is owner, and ``by`` is none.
    :raises LastOwner: no owner would be left.
    """
    owners = _owners(member.project)
    member = Membership.objects.select_related("user", "project").get(pk=member.pk)
    _may_touch(by_role, role, Role(member.role))
    if role != Role.OWNER:
        _keep_an_owner(owners, member)
    member.role = role
    member.save(update_fields=["role"])
    _record_member("member.changed", by, member, request)
    return member


@transaction.atomic
def remove_member(*, member: Membership, by: User, by_role: Role, request: HttpRequest | None = None) -> None:
    """Let a member go.

    :raises NotYours: he is an owner, and ``by`` is none.
    :raises LastOwner: no owner would be left.
    """
    owners = _owners(member.project)
    member = Membership.objects.select_related("user", "project").get(pk=member.pk)
    _may_touch(by_role, Role(member.role))
    _keep_an_owner(owners, member)
    _record_member("member.removed", by, member, request)
    member.delete()


def _owners(project: Project) -> set[Any]:
    """The owners, locked, so that two who leave at once can't both be the last but one."""
    rows = Membership.objects.select_for_update().filter(project=project, role=Role.OWNER)
    return {row.pk for row in rows}


def _keep_an_owner(owners: set[Any], member: Membership) -> None:
    if owners == {member.pk}:
        raise LastOwner


def _may_touch(by_role: Role, *roles: Role) -> None:
    if Role.OWNER in roles and by_role != Role.OWNER:
        raise NotYours


def _record_member(action: str, by: User, member: Membership, request: HttpRequest | None) -> None:
    audit.record(
        action=action,
        actor=by,
        project=member.project,
        subject=member.user.get_username(),
        detail={"role": member.role},
        request=request,
    )


@transaction.atomic
def create_robot(
    *,
    project: Project,
    by: User,
    name: str,
    access: str = Robot.Access.PULL,
    expires_in_days: int | None = None,
    request: HttpRequest | None = None,
) -> tuple[Robot, str]:
    """A new robot account: the row, and its secret, shown this once.

    :raises Taken: the project has a robot of that name.
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
        raise Taken from None
    audit.record(
        action="robot.created",
        actor=by,
        project=project,
        subject=robot.login,
        detail={"access": access},
        request=request,
    )
    return robot, secret


@transaction.atomic
def delete_robot(*, robot: Robot, by: User, request: HttpRequest | None = None) -> None:
    """Revoke a robot, at once: the token service asks for the row each time."""
    audit.record(
        action="robot.deleted", actor=by, project=robot.project, subject=robot.login, request=request
    )
    robot.delete()


def record_image(
    *,
    project: Project,
    repository: str,
    tag: str,
    digest: str,
    media_type: str = "",
    artifact_type: str = "",
    size: int = 0,
    platforms: Sequence[str] = (),
    children: Sequence[dict[str, Any]] = (),
    source_image: str | None = None,
) -> Image:
    """What the tag names now. The row is made or brought up to date; pull counts stay.

    What the caller does not know is kept as long as the digest is the same.

    :param children: empty: unknown, or there are none.
    :param source_image: None: unknown, as after a ``docker push``.
    """
    values: dict[str, Any] = {
        "digest": digest,
        "media_type": media_type,
        "artifact_type": artifact_type,
        "size": size,
        "platforms": list(platforms),
        "children": list(children),
        "updated_at": timezone.now(),
    }
    with transaction.atomic(savepoint=False):
        row, made = Image.objects.select_for_update().get_or_create(
            project=project,
            repository=repository,
            tag=tag,
            defaults=values | {"source_image": source_image or ""},
        )
        if not made:
            same = row.digest == digest
            if source_image is not None or not same:
                values["source_image"] = source_image or ""
            if same and not children:
                values["children"] = row.children
            if same and not artifact_type:
                values["artifact_type"] = row.artifact_type
            for field, value in values.items():
                setattr(row, field, value)
            row.save(update_fields=list(values))
    return row


def forget_image(*, image: Image) -> None:
    """The tag is gone from the registry; so goes the row, unless it was written again meanwhile."""
    Image.objects.filter(pk=image.pk, digest=image.digest).delete()
