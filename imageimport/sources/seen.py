"""What was seen of the ways to sources, by the rule that a registry falls under."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from imageimport.models import SourceWay
from imageimport.registries import sources

#: The ways seen last that are looked at.
MAX_WAYS: int = 500


def ways_by_rule() -> Mapping[UUID, Sequence[SourceWay]]:
    """Each registry's ways, under the first rule that fits it and names a way; those that no rule is for are left."""
    rules = [rule for rule in sources.all_rules() if rule.proxy or rule.mirrors]
    found: dict[UUID, list[SourceWay]] = defaultdict(list)
    for way in SourceWay.objects.order_by("-seen_at")[:MAX_WAYS]:
        rule = next((rule for rule in rules if rule.fits(way.registry)), None)
        if rule is not None:
            found[rule.id].append(way)
    return found


def without_a_rule() -> Sequence[SourceWay]:
    """Ways to registries that no rule is for: directly."""
    ruled = {way.pk for ways in ways_by_rule().values() for way in ways}
    return [way for way in SourceWay.objects.order_by("-seen_at")[:MAX_WAYS] if way.pk not in ruled]
