"""An image counts as here by its source, under whatever name the project has it, or by its digest."""

from __future__ import annotations

import pytest

from oci.reference.parser import parse_reference
from projects.models import Project
from tests.support.factories import ImageFactory, ProjectFactory
from workloads.matching import find

pytestmark = pytest.mark.django_db
INDEX, CHILD, OTHER = ("sha256:" + sign * 64 for sign in "abc")
APP = "charts.example.com/stable/app:1.0.0"


@pytest.fixture
def project() -> Project:
    project = ProjectFactory(name="team")
    children = [{"platform": "linux/amd64", "digest": CHILD, "size": 1}]
    ImageFactory(
        project=project,
        repository="web",
        tag="stable",
        digest=INDEX,
        children=children,
        source_image="docker.io/library/nginx:1.27",
    )
    return project


@pytest.mark.parametrize(
    ("image", "target"),
    [
        ("nginx:1.27", "web:stable"),
        ("docker.io/library/nginx:1.27", "web:stable"),
        (f"nginx@{INDEX}", "web:stable"),
        (f"nginx:1.27@{CHILD}", "web:stable"),
        (f"nginx@{CHILD}", "web:stable"),
        (f"nginx:1.27@{OTHER}", None),
        ("nginx:1.28", None),
        ("nginx", None),
        ("ghcr.io/library/nginx:1.27", None),
        ("registry.test/team/web:stable", "web:stable"),
        (f"registry.test/team/web@{CHILD}", "web:stable"),
        ("registry.test/team/web:old", None),
        ("registry.test/other/web:stable", None),
    ],
)
def test_what_counts_as_here(project: Project, settings: object, image: str, target: str | None) -> None:
    settings.REGISTRY_PUBLIC_HOST = "registry.test"  # type: ignore[attr-defined]
    reference = parse_reference(image)
    held = find(project, [reference]).of(reference)
    assert (held.target if held else None) == target


def test_a_chart_stands_for_no_image_of_the_same_name(project: Project) -> None:
    chart = "helm+https://charts.example.com/stable/app:1.0.0"
    ImageFactory(project=project, repository="app", tag="1.0.0", source_image=chart)
    reference = parse_reference("charts.example.com/stable/app:1.0.0")
    assert find(project, [reference]).of(reference) is None


def test_by_its_tag_a_chart_stands_for_itself_alone(project: Project) -> None:
    for name, source in (("app", f"helm+https://{APP}"), ("image", APP)):
        ImageFactory(project=project, repository=name, tag="1.0.0", digest=INDEX, source_image=source)
    for source, target in ((f"helm+https://{APP}", "app:1.0.0"), (APP, "image:1.0.0")):
        reference = parse_reference(f"{source}@{OTHER}")
        held = find(project, [reference]).by_tag(reference)
        assert held is not None and held.target == target


def test_of_several_the_full_name_is_taken(project: Project) -> None:
    for name in ("nginx", "docker.io/library/nginx", "a"):
        ImageFactory(
            project=project,
            repository=name,
            tag="1.27",
            digest=OTHER,
            source_image="docker.io/library/nginx:1.27",
        )
    reference = parse_reference("nginx:1.27")
    held = find(project, [reference]).of(reference)
    assert held is not None
    assert held.repository == "docker.io/library/nginx"


def test_another_project_does_not_count(project: Project) -> None:
    reference = parse_reference("nginx:1.27")
    assert find(ProjectFactory(), [reference]).of(reference) is None


def test_an_import_by_digest_counts_for_its_tag() -> None:
    project = ProjectFactory()
    ImageFactory(
        project=project,
        repository="nginx",
        tag="1.27",
        digest=INDEX,
        source_image=f"docker.io/library/nginx:1.27@{INDEX}",
    )
    reference = parse_reference("nginx:1.27")
    assert find(project, [reference]).of(reference) is not None


@pytest.mark.parametrize("count", [3, 400])
def test_the_number_of_questions_does_not_grow(
    project: Project, count: int, django_assert_max_num_queries: object
) -> None:
    references = [parse_reference(f"app{number}:1") for number in range(count)]
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        find(project, references)
