"""What may be seen of bundles, and which images are chosen together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final

from django.db.models import QuerySet

from imageimport.models import Bundle
from imageimport.models.task import ImportTaskQuerySet
from projects.models import Image, Project

#: Names that a form is filled with.
MAX_NAMES: Final = 1000
_OTHER_SIGNS: Final = re.compile(r"[?\[]")


def bundles_of(project: Project) -> QuerySet[Bundle]:
    """The project's bundles, newest first, without their indexes."""
    found = Bundle.objects.filter(project=project).defer("document").select_related("project", "created_by")
    return found.order_by("-created_at", "-id")


def file_name(bundle: Bundle, number: int) -> str:
    """The file name of one volume: the bundle's name, as far as file systems everywhere take it."""
    plain = "".join(
        char if char.isascii() and (char.isalnum() or char in "._-") else "-" for char in bundle.name
    )
    stem = f"{plain.strip('.-')[:60] or 'bundle'}-{bundle.pk.hex[-8:]}"
    count = len(bundle.volumes)
    return f"{stem}.tar" if count == 1 else f"{stem}.{number:0{len(str(count))}}-of-{count}.tar"


def images_brought(project: Project, tasks: ImportTaskQuerySet) -> list[str]:
    """``name:tag`` of what these imports brought, as far as it is there still."""
    targets = tasks.filter(project=project).succeeded().order_by().values_list("target_name", "target_tag")
    wanted = set(targets.distinct())
    rows = Image.objects.filter(project=project, repository__in={name for name, _ in wanted})
    return [
        f"{name}:{tag}"
        for name, tag in rows.order_by("repository", "tag").values_list("repository", "tag")
        if (name, tag) in wanted
    ][:MAX_NAMES]


def matching(project: Project, lines: Sequence[str]) -> list[str]:
    """``name:tag`` of each line, in which ``*`` stands for any characters; a line without a tag means all of them.
    What matches nothing stays as it is, for someone to say so.

    :return: more than :data:`MAX_NAMES` where that is too much for one bundle; the rest is not looked for.
    """
    found: dict[str, None] = {}
    distinct = list(dict.fromkeys(lines))
    if len(distinct) > MAX_NAMES:
        return distinct
    for line in distinct:
        if len(found) > MAX_NAMES:
            break
        for name in _matching(project, line) or [line]:
            found[name] = None
    return list(found)


def _matching(project: Project, line: str) -> list[str]:
    name, colon, tag = line.rpartition(":")
    if not colon or "/" in tag:
        name, tag = line, "*"
    if "*" not in name + tag:
        return []
    rows = Image.objects.filter(project=project, repository__startswith=name.partition("*")[0])
    name, tag = _only_stars(name), _only_stars(tag)
    pairs = rows.order_by("repository", "tag").values_list("repository", "tag").iterator()
    found = (
        f"{repository}:{each}"
        for repository, each in pairs
        if fnmatchcase(repository, name) and fnmatchcase(each, tag)
    )
    return list(islice(found, MAX_NAMES + 1))


def _only_stars(text: str) -> str:
    """A pattern of :mod:`fnmatch` in which nothing but ``*`` has a meaning."""
    return _OTHER_SIGNS.sub(r"[\g<0>]", text)
