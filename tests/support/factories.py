"""Rows for tests. Each call makes something of its own, so that no test depends on another's order."""

from __future__ import annotations

from typing import Any

import factory
from django.contrib.auth.models import User
from django.utils import timezone
from factory.django import DjangoModelFactory

from imageimport.choices import Status
from imageimport.models import Credential, ImportBatch, ImportTask
from projects.models import Image, Membership, Project, Role


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    password = factory.django.Password("correct horse battery")


class ProjectFactory(DjangoModelFactory[Project]):
    class Meta:
        model = Project

    name = factory.Sequence(lambda n: f"team{n}")


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    project = factory.SubFactory(ProjectFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.DEVELOPER


class ImageFactory(DjangoModelFactory[Image]):
    class Meta:
        model = Image

    project = factory.SubFactory(ProjectFactory)
    repository = factory.Sequence(lambda n: f"app{n}")
    tag = "latest"
    digest = factory.Sequence(lambda n: f"sha256:{n:064x}")
    media_type = "application/vnd.oci.image.manifest.v1+json"
    size = 1024
    platforms = factory.List(["linux/amd64"])


class CredentialFactory(DjangoModelFactory[Credential]):
    class Meta:
        model = Credential

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"credential {n}")
    registry = "ghcr.io"
    username = "someone"
    password = "saved-secret"


class BatchFactory(DjangoModelFactory[ImportBatch]):
    class Meta:
        model = ImportBatch

    project = factory.SubFactory(ProjectFactory)


class TaskFactory(DjangoModelFactory[ImportTask]):
    """A task that waits; :func:`ended_task` makes one that is over."""

    class Meta:
        model = ImportTask

    project = factory.SubFactory(ProjectFactory)
    image_url = "nginx:latest"
    source_image = "docker.io/library/nginx:latest"
    source_registry = "docker.io"
    target_name = factory.Sequence(lambda n: f"app{n}")
    target_tag = "latest"
    target_image = factory.LazyAttribute(
        lambda task: f"registry.test/{task.project.name}/{task.target_name}:{task.target_tag}"
    )
    status = Status.PENDING


def ended_task(status: Status, **values: Any) -> ImportTask:
    """A task in an ended state."""
    return TaskFactory(status=status, completed_at=timezone.now(), **values)


def member(role: Role, project: Project | None = None) -> tuple[User, Project]:
    """A user with a role in a project."""
    made = MembershipFactory(role=role, **({"project": project} if project else {}))
    return made.user, made.project
