"""The client's table of kinds is the API's own: what can be written there can be said in a file and by an option."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.serializers import Serializer

from imageimport.api.serializers.credentials import CredentialSerializer
from imageimport.api.serializers.policy import RequiresSerializer, RuleSerializer
from imageimport.api.serializers.schedules import ScheduleSerializer
from imageimport.api.serializers.trust import TrustSerializer
from imageimport.api.serializers.webhooks import WebhookSerializer
from portal_client import kinds
from portal_client.kinds import Field
from projects.api.groups import GroupSerializer
from projects.api.retention_serializers import ProtectedTagSerializer, RetentionRuleSerializer
from projects.api.serializers import MemberSerializer, ProjectSerializer, RobotSerializer
from workloads.api.serializers import ClusterSerializer

REQUIRES = next(field.fields for field in kinds.RULES.fields if field.name == "requires")
TABLES: list[tuple[tuple[Field, ...], type[Serializer[Any]]]] = [
    (kinds.PROJECT_FIELDS, ProjectSerializer),
    (kinds.MEMBERS.fields, MemberSerializer),
    (kinds.GROUPS.fields, GroupSerializer),
    (kinds.CREDENTIALS.fields, CredentialSerializer),
    (kinds.SCHEDULES.fields, ScheduleSerializer),
    (kinds.WEBHOOKS.fields, WebhookSerializer),
    (kinds.ROBOTS.fields, RobotSerializer),
    (kinds.CLUSTERS.fields, ClusterSerializer),
    (kinds.TRUST.fields, TrustSerializer),
    (kinds.RULES.fields, RuleSerializer),
    (REQUIRES, RequiresSerializer),
    (kinds.PROTECTED_TAGS.fields, ProtectedTagSerializer),
    (kinds.RETENTION.fields, RetentionRuleSerializer),
]


def test_every_kind_is_looked_at() -> None:
    known = [fields for fields, _serializer in TABLES]
    assert [kind.noun for kind in {*kinds.KINDS, *kinds.APPLIED_KINDS} if kind.fields not in known] == []


@pytest.mark.parametrize(("fields", "serializer"), TABLES, ids=lambda value: getattr(value, "__name__", ""))
def test_what_the_api_takes_the_client_has(
    fields: tuple[Field, ...], serializer: type[Serializer[Any]]
) -> None:
    taken = {name: field for name, field in serializer().get_fields().items() if not field.read_only}
    assert {field.name for field in fields} == taken.keys()
    for field in fields:
        if field.choices:
            values = getattr(getattr(taken[field.name], "child", taken[field.name]), "choices", None)
            assert values is None or set(field.choices) == set(values), field.name
