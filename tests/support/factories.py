"""Rows for tests. Each call makes something of its own, so that no test depends on another's order."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from uuid import UUID

import factory
from django.contrib.auth.models import User
from django.db.models import Model
from django.utils import timezone
from factory.django import DjangoModelFactory

from imageimport.choices import Status
from imageimport.models import Credential, ImportBatch, ImportTask
from projects.models import Image, Membership, Project, Role

M = TypeVar("M", bound=Model)


class _User(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    password = factory.django.Password("correct horse battery")


class _Project(DjangoModelFactory):
    class Meta:
        model = Project

    name = factory.Sequence(lambda n: f"team{n}")


class _Membership(DjangoModelFactory):
    class Meta:
        model = Membership

    project = factory.SubFactory(_Project)
    user = factory.SubFactory(_User)
    role = Role.DEVELOPER


class _Image(DjangoModelFactory):
    class Meta:
        model = Image

    project = factory.SubFactory(_Project)
    repository = factory.Sequence(lambda n: f"app{n}")
    tag = "latest"
    digest = factory.Sequence(lambda n: f"sha256:{n:064x}")
    media_type = "application/vnd.oci.image.manifest.v1+json"
    size = 1024
    platforms = factory.List(["linux/amd64"])


class _Credential(DjangoModelFactory):
    class Meta:
        model = Credential

    project = factory.SubFactory(_Project)
    name = factory.Sequence(lambda n: f"credential {n}")
    registry = "ghcr.io"
    username = "someone"
    password = "saved-secret"


class _Batch(DjangoModelFactory):
    class Meta:
        model = ImportBatch

    project = factory.SubFactory(_Project)


class _Task(DjangoModelFactory):
    """A task that waits; :func:`ended_task` makes one that is over."""

    class Meta:
        model = ImportTask

    project = factory.SubFactory(_Project)
    image_url = "nginx:latest"
    source_image = "docker.io/library/nginx:latest"
    source_registry = "docker.io"
    target_name = factory.Sequence(lambda n: f"app{n}")
    target_tag = "latest"
    target_image = factory.LazyAttribute(
        lambda task: f"registry.test/{task.project.name}/{task.target_name}:{task.target_tag}"
    )
    status = Status.PENDING


class Maker(Generic[M]):
    """Makes rows of one kind; what is not given has a value of its own."""

    def __init__(self, factory_class: type[DjangoModelFactory]) -> None:
        self._factory = factory_class

    def __call__(self, **values: Any) -> M:
        made: M = self._factory.create(**values)
        return made


UserFactory: Maker[User] = Maker(_User)
ProjectFactory: Maker[Project] = Maker(_Project)
MembershipFactory: Maker[Membership] = Maker(_Membership)
ImageFactory: Maker[Image] = Maker(_Image)
CredentialFactory: Maker[Credential] = Maker(_Credential)
BatchFactory: Maker[ImportBatch] = Maker(_Batch)
TaskFactory: Maker[ImportTask] = Maker(_Task)


def ended_task(status: Status, **values: Any) -> ImportTask:
    """A task in an ended state."""
    return TaskFactory(status=status, completed_at=timezone.now(), **values)


def end_by_hand(task_id: UUID) -> None:
    """Let a task have succeeded, with nothing of what follows from an end."""
    ImportTask.objects.filter(pk=task_id).update(
        status=Status.SUCCESS, completed_at=timezone.now(), lease_owner="", lease_expires_at=None
    )


def member(role: Role, project: Project | None = None) -> tuple[User, Project]:
    """A user with a role in a project."""
    made = MembershipFactory(role=role, **({"project": project} if project else {}))
    return made.user, made.project
