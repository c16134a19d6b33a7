"""Questions whose SQL is made once."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db.models import QuerySet

from projects.models import Project
from projects.models.prepared import Prepared
from tests.support.factories import ProjectFactory

pytestmark = pytest.mark.django_db


def test_keys_change_and_the_question_is_built_once() -> None:
    built = []

    def build(one: UUID, other: UUID) -> QuerySet[Any, Any]:
        built.append((one, other))
        found = Project.objects.filter(pk__in=[one, other]).exclude(name="hidden")
        return found.exclude(pk=one).order_by().values_list("name", "default_action")

    asked = Prepared(build)
    first, second, hidden = ProjectFactory(), ProjectFactory(), ProjectFactory(name="hidden")
    assert asked.first(first.pk, second.pk) == (second.name, "allow")
    assert asked.first(second.pk, first.pk) == (first.name, "allow")
    assert asked.first(second.pk, hidden.pk) is None
    assert asked.first(uuid4(), uuid4()) is None
    assert len(built) == 1


def test_a_question_without_keys() -> None:
    asked = Prepared(lambda: Project.objects.filter(name="there").order_by().values_list("name")[:1])
    assert asked.first() is None
    ProjectFactory(name="there")
    assert asked.first() == ("there",)
