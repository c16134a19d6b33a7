"""Addresses under ``/api/v1/projects``."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from projects.api.audit import AuditViewSet
from projects.api.groups import GroupViewSet
from projects.api.images import ImageViewSet
from projects.api.maintenance import CollectionViewSet
from projects.api.members import MemberViewSet
from projects.api.projects import ProjectViewSet
from projects.api.repositories import RepositoryViewSet
from projects.api.retention import ProtectedTagViewSet, RetentionViewSet, TrashViewSet
from projects.api.robots import RobotViewSet
from projects.api.scanning import ScannerViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("projects", ProjectViewSet, basename="project")
router.register("projects/<uuid:project_id>/members", MemberViewSet, basename="project-member")
router.register("projects/<uuid:project_id>/groups", GroupViewSet, basename="project-group")
router.register("projects/<uuid:project_id>/images", ImageViewSet, basename="project-image")
router.register("projects/<uuid:project_id>/repositories", RepositoryViewSet, basename="project-repository")
router.register("projects/<uuid:project_id>/robots", RobotViewSet, basename="project-robot")
router.register("projects/<uuid:project_id>/audit", AuditViewSet, basename="project-audit")
router.register("projects/<uuid:project_id>/retention", RetentionViewSet, basename="project-retention")
router.register("projects/<uuid:project_id>/trash", TrashViewSet, basename="project-trash")
router.register(
    "projects/<uuid:project_id>/protected-tags", ProtectedTagViewSet, basename="project-protected-tag"
)
router.register("scanners", ScannerViewSet, basename="scanner")
router.register("maintenance/collect", CollectionViewSet, basename="collection")

urlpatterns = router.urls
