"""First sights (:class:`imageimport.models.SourceSight`) that no rule can read.

A sight is a clock: a rule with ``min_seen_days`` reads how long ago it began. Deleted, it begins again at zero when its
image is asked for next, and the rule refuses what it had accepted. So neither its age nor that its tag names something
else by now lets it go: however old, it is what says that the image is old enough, and a digest may be asked for by name
after its tag has moved on. Only where no rule would read it, it tells nothing: that is, where no rule that asks for
days fits its source and tag. Rules that are switched off count as well, since they are switched on again; and those
that can't be read, since they may ask for anything. For rules that are changed or deleted by mistake it stays for
:data:`KEPT` after a rule last read it.

As long as a rule asks for days there is one row for each source, tag and digest that it was asked about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from imageimport.choices import Action
from imageimport.models import PolicyRule, SourceSight
from imageimport.policy.decision import Rule
from imageimport.policy.judging import as_rule
from oci.layout.url import BUNDLE

#: After a rule last read it.
KEPT: Final = dt.timedelta(days=90)
#: Rows that are looked at and deleted at once.
BATCH: Final = 5000


def forget(now: dt.datetime) -> int:
    """Delete the sights that no rule can read; how many."""
    old = SourceSight.objects.filter(asked_at__lt=now - KEPT)
    readers = list(_readers())
    if any(not (rule.sources or rule.tags or rule.exclude_tags) for rule in readers):
        return 0
    gone = last = 0
    while rows := list(old.filter(pk__gt=last).order_by("pk").values_list("pk", "source", "tag")[:BATCH]):
        last = rows[-1][0]
        unread = [
            pk for pk, source, tag in rows if not any(rule.fits(source, tag or None) for rule in readers)
        ]
        # Asked again: one may have been read since.
        gone += old.filter(pk__in=unread).delete()[0]
    return gone


def _readers() -> Iterator[Rule]:
    """The rules that ask for days, of all projects, switched on or not; those that read everything have no patterns."""
    for row in PolicyRule.objects.all():
        everything = Rule(id=row.pk, name=row.name, of="installation", action=Action.ALLOW)
        try:
            rule = as_rule(row)
        except ValueError:
            yield everything
            continue
        if rule.requires.min_seen_days is not None:
            yield everything if any(map(_may_name_a_file, rule.sources)) else rule


def _may_name_a_file(pattern: str) -> bool:
    """An image of an uploaded file is judged by that name as well, and its sight is that of what the file calls its
    source."""
    registry = pattern.partition("/")[0]
    return registry == BUNDLE or any(sign in registry for sign in "*?[")
