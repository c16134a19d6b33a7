"""Whether a project holds more than it may."""

from __future__ import annotations

from projects.models import Holding, Project


def excess(project: Project) -> str:
    """Why the project is over its quota, as registries say such things: one English sentence. Empty: it is not.

    A project that holds exactly what it may is not over it: its tags may be pushed again.
    """
    if project.quota_images is None and project.quota_bytes is None:
        return ""
    held = Holding.objects.filter(project=project).first() or Holding()
    if project.quota_images is not None and held.images > project.quota_images:
        return (
            f"The project {project.name} may hold {project.quota_images} images, and holds {held.images}. "
            "Delete some, then push again."
        )
    if project.quota_bytes is not None and held.bytes > project.quota_bytes:
        return (
            f"The project {project.name} may hold {project.quota_bytes} bytes, and holds {held.bytes}. "
            "Delete some images, then push again."
        )
    return ""
