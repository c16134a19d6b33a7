"""Addresses under ``/api/v1/projects``."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from projects.api.audit import AuditViewSet
from projects.api.images import ImageViewSet
from projects.api.members import MemberViewSet
from projects.api.projects import ProjectViewSet
from projects.api.robots import RobotViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("projects", ProjectViewSet, basename="project")
router.register("projects/<uuid:project_id>/members", MemberViewSet, basename="project-member")
router.register("projects/<uuid:project_id>/images", ImageViewSet, basename="project-image")
router.register("projects/<uuid:project_id>/robots", RobotViewSet, basename="project-robot")
router.register("projects/<uuid:project_id>/audit", AuditViewSet, basename="project-audit")

urlpatterns = router.urls
