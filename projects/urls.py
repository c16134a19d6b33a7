"""Addresses of the pages of projects, and those that registries and their clients call."""

from django.urls import URLPattern, URLResolver, include, path

from projects.registry.notifications import registry_events
from projects.token_service.views import TokenServiceView
from projects.views import (
    audit,
    clean_up,
    contents,
    groups,
    home,
    images,
    maintenance,
    members,
    repositories,
    robots,
    saved_filters,
    scanning,
    settings,
    trash,
    usage,
)

_clean_up = [
    path("", clean_up.page, name="clean-up"),
    path("dry-run/", clean_up.dry_run, name="clean-up-dry-run"),
    path("run/", clean_up.run, name="clean-up-run"),
    path("clock/", clean_up.clock, name="clean-up-clock"),
    path("rules/new/", clean_up.rule_add, name="clean-up-rule-add"),
    path("rules/<uuid:retention_id>/", clean_up.rule_edit, name="clean-up-rule-edit"),
    path("rules/<uuid:retention_id>/delete/", clean_up.rule_delete, name="clean-up-rule-delete"),
    path("protected/new/", clean_up.protect, name="clean-up-protect"),
    path("protected/<uuid:protected_id>/delete/", clean_up.unprotect, name="clean-up-unprotect"),
]
_trash = [
    path("", trash.trash_list, name="trash"),
    path("empty/", trash.empty, name="trash-empty"),
    path("<uuid:trash_id>/restore/", trash.restore, name="trash-restore"),
    path("<uuid:trash_id>/delete/", trash.let_go, name="trash-let-go"),
]
_image = [
    path("delete/", images.delete_image, name="image-delete"),
    path("contents/", contents.contents, name="image-contents"),
    path("compare/", contents.compare, name="image-compare"),
    path("compare/files/", contents.compare_files, name="image-compare-files"),
    path("files/", contents.files, name="image-files"),
    path("files/content/", contents.file, name="image-file"),
    path("sboms/", contents.sbom_list, name="image-sboms"),
    path("vulnerabilities/", scanning.vulnerabilities, name="image-vulnerabilities"),
    path("scan/", scanning.scan, name="image-scan"),
    path("sboms/<str:digest>/file/", contents.sbom_file, name="image-sbom-file"),
]
_scanners = [
    path("", scanning.scanner_list, name="scanners"),
    path("new/", scanning.add, name="scanner-add"),
    path("<uuid:scanner_id>/edit/", scanning.edit, name="scanner-edit"),
    path("<uuid:scanner_id>/delete/", scanning.delete, name="scanner-delete"),
]
_settings: list[URLPattern | URLResolver] = [
    path("clean-up/", include(_clean_up)),
    path("journal/", audit.audit_log, name="audit"),
    path("project/", settings.edit, name="project-edit"),
    path("limits/", settings.limits, name="project-limits"),
    path("first-pull/", settings.first_pull, name="project-first-pull"),
    path("members/new/", members.add, name="member-add"),
    path("members/<uuid:member_id>/role/", members.change, name="member-change"),
    path("members/<uuid:member_id>/remove/", members.remove, name="member-remove"),
    path("groups/new/", groups.add, name="group-add"),
    path("groups/<uuid:group_id>/remove/", groups.remove, name="group-remove"),
    path("robots/new/", robots.add, name="robot-add"),
    path("robots/<uuid:robot_id>/revoke/", robots.remove, name="robot-remove"),
]
urlpatterns = [
    path("projects/", home.project_list, name="projects"),
    path("new-project/", home.new_project, name="project-new"),
    path("projects/<str:name>/images/<uuid:image_id>/", include(_image)),
    path("projects/<str:name>/settings/", include(_settings)),
    path("projects/<str:name>/repositories/", repositories.repositories, name="repositories"),
    path("projects/<str:name>/filters/", saved_filters.save, name="filter-save"),
    path("projects/<str:name>/filters/<uuid:filter_id>/delete/", saved_filters.delete, name="filter-delete"),
    path("projects/<str:name>/trash/", include(_trash)),
    path("projects/<str:name>/usage/", usage.usage, name="usage"),
    path("scanners/", include(_scanners)),
    path("maintenance/", maintenance.page, name="maintenance"),
    path("maintenance/collect/", maintenance.collect, name="maintenance-collect"),
    path("service/token", TokenServiceView.as_view(), name="token-service"),
    path("service/registry-events", registry_events, name="registry-events"),
]
