"""The dashboard and the alert rules ask for numbers that there are, with labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.core.cache import cache

from imageimport.choices import Status
from imageimport.messages import parts
from imageimport.metrics import collector, counters
from imageimport.worker import leases
from imageimport.worker.completion import end
from stack.paths import ROOT
from tests.support.factories import TaskFactory
from tests.support.fresh import fresh_memory

__all__ = ["fresh_memory"]
pytestmark = pytest.mark.django_db

FILES = ROOT / "deploy" / "observability"
#: A number's name with what may stand in braces behind it.
ASKED = re.compile(r"\b(portal_[a-z_]+)(?:\{([^}]*)\})?")
#: ``by (…)`` and its like name labels, too.
GROUPED = re.compile(r"\b(?:by|without|on)\s*\(([^)]*)\)")


def expressions() -> Iterator[tuple[str, str]]:
    """Where from, and the expression."""
    rules = yaml.safe_load((FILES / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for panel in json.loads((FILES / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


EXPRESSIONS = list(expressions())


@pytest.fixture
def labels() -> dict[str, set[str]]:
    """Every sample's name to the labels that it has, once something of each kind has happened."""
    TaskFactory(source_registry="ghcr.io")
    lease = leases.claim(worker="test:1")
    assert lease is not None
    leases.wait(lease, until=_later(), message=parts("Wait."))
    TaskFactory(source_registry="ghcr.io")
    lease = leases.claim(worker="test:1")
    assert lease is not None
    end(lease.task_id, fence=lease.fence, status=Status.SUCCESS)
    cache.set(counters.SWEPT, 1.0)
    found: dict[str, set[str]] = {}
    for family in collector.registry().collect():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def _later() -> Any:
    import datetime as dt

    from django.utils import timezone

    return timezone.now() + dt.timedelta(hours=1)


def test_there_are_rules_and_panels() -> None:
    assert len(EXPRESSIONS) > 15


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_every_number_and_label_that_is_asked_for_is_there(
    labels: dict[str, set[str]], where: str, expression: str
) -> None:
    asked = ASKED.findall(expression)
    names = {name for name, _matchers in asked}
    assert names or expression.startswith("up{"), where
    assert names <= labels.keys(), where
    for name, matchers in asked:
        wanted = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers))
        assert wanted <= labels[name], f"{where}: {name}"
    everything = set().union(*(labels[name] for name in names)) if names else set()
    for group in GROUPED.findall(expression):
        assert {label.strip() for label in group.split(",")} - {"", "instance", "job"} <= everything, where


def test_every_number_is_on_the_dashboard_or_in_a_rule(labels: dict[str, set[str]]) -> None:
    used = " ".join(expression for _where, expression in EXPRESSIONS)
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in labels}
    assert {name for name in families if name not in used} == set()


@pytest.mark.parametrize("name", ["error_code", "outcome", "status"])
def test_values_that_rules_name_are_ours(name: str) -> None:
    from imageimport.choices import Outcome
    from oci.errors import ERROR_CODES

    known = {"error_code": {*ERROR_CODES, ""}, "outcome": set(Outcome.values), "status": set(Status.values)}[
        name
    ]
    for where, expression in EXPRESSIONS:
        for values in re.findall(rf'\b{name}\s*(?:=~|!~|!=|=)\s*"([^"]*)"', expression):
            assert set(values.split("|")) <= known, where
