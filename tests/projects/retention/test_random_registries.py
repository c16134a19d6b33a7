"""Random registries with everything that keeps a tag, against a model that was written apart: the dry run is the run is
the model. ``RANDOM_REGISTRIES=1000`` tries as many.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
from django.conf import settings as configured
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imageimport.models import Bundle, BundleEntry, Schedule, ScheduleRun
from projects import protection
from projects.models import Image, ImageBlob, RetentionRule, TrashedTag
from projects.registry.catalog import tags_of
from projects.registry.delete import delete_tag
from projects.registry.notifications import Event, take_in
from projects.retention import cleanup, rules
from projects.retention.decision import Rule, Tag
from stack import sample
from stack.sample import index_of
from testbed.images import random_image
from testbed.services import RegistryServer
from tests.projects.retention.model import AGES, RULES, TAGS, keeps
from tests.support.factories import TaskFactory
from tests.support.people import Team
from workloads.models import Cluster, ClusterImage

pytestmark = pytest.mark.django_db
REGISTRIES: Final = int(os.environ.get("RANDOM_REGISTRIES", "25"))
REPOSITORIES: Final = ("app", "team/app")
DAY: Final = dt.timedelta(days=1)
INDEX: Final = index_of([random_image([900], seed=1), random_image([800], seed=2, platform="linux/arm64")])
#: What tags name: three images, and an index of which one platform has tags of its own.
IMAGES: Final = (
    *(random_image([1000 * seed], seed=seed) for seed in (3, 4, 5)),
    INDEX,
    INDEX.children[0],
)
#: No tag names it: only the index has it.
CHILD: Final = INDEX.children[1].digest
PATTERNS: Final = ("app:1.*", "*:latest", "team/*:?.0.0")
#: Of what a schedule's last run found; what is to come stays.
RESULTS: Final = ("moved", "busy", "waiting", "failed", "cleaned")
Name = tuple[str, str]


@dataclass
class Drawn:
    """Each by repository and tag; ``age`` and ``pulled`` in days."""

    tags: dict[Name, tuple[sample.Image, int, int | None]]
    rules: list[Rule]
    protected: set[str] = field(default_factory=set)
    importing: set[Name] = field(default_factory=set)
    #: Repository and digest that a bundle lists.
    bundled: set[tuple[str, str]] = field(default_factory=set)
    #: What a cluster runs: the tag that a pod names, and the digest that runs, where that is known.
    running: set[tuple[Name, str]] = field(default_factory=set)
    #: What a schedule's last run found, and whether the tag is still what it was then.
    found: dict[Name, tuple[str, bool]] = field(default_factory=dict)
    #: Pulls since: of a tag, or of a digest in a repository; and how.
    pulls: list[tuple[Name | tuple[str, str], str]] = field(default_factory=list)


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    names = sorted(draw(st.sets(st.tuples(st.sampled_from(REPOSITORIES), TAGS), min_size=1, max_size=9)))
    some = st.sampled_from(names)
    digests = st.sampled_from([image.digest for image in IMAGES] + [CHILD])
    places = st.tuples(st.sampled_from(REPOSITORIES), digests)
    ages = st.tuples(st.sampled_from(IMAGES), AGES, st.one_of(st.none(), AGES))
    return Drawn(
        tags={name: draw(ages) for name in names},
        rules=draw(st.lists(RULES, min_size=1, max_size=3)),
        protected=draw(st.sets(st.sampled_from(PATTERNS), max_size=1)),
        importing=draw(st.sets(some, max_size=1)),
        bundled=draw(st.sets(places, max_size=1)),
        running=draw(st.sets(st.tuples(some, st.one_of(st.just(""), digests)), max_size=1)),
        found=draw(st.dictionaries(some, st.tuples(st.sampled_from(RESULTS), st.booleans()), max_size=2)),
        pulls=draw(
            st.lists(st.tuples(st.one_of(some, places), st.sampled_from(["GET", "HEAD"])), max_size=2)
        ),
    )


# --- the model --------------------------------------------------------------------------------------------------------


def parts(image: sample.Image) -> set[str]:
    """What a tag on it names, itself or through an index."""
    return {image.digest, *(child.digest for child in image.children)}


def reasons(world: Drawn, name: Name) -> list[str]:
    """Parts of the sentences that may be said of a tag that stays whatever the rules say."""
    found = [f"Protected by {pattern}." for pattern in world.protected if fits(pattern, name)]
    image = world.tags[name][0]
    if name in world.importing:
        found.append("An import to this tag")
    result, is_still = world.found.get(name, ("", False))
    if result in ("moved", "busy", "waiting") and is_still:
        found.append("The scheduled sync of quay.io/a/")
    if any(repository == name[0] and digest in parts(image) for repository, digest in world.bundled):
        found.append("The bundle b")
    for tag, digest in world.running:
        if parts(image) & (parts(world.tags[tag][0]) | {digest}):
            found.append("In use by the cluster c.")
    return found


def fits(pattern: str, name: Name) -> bool:
    return fnmatch.fnmatchcase(":".join(name), pattern)


def pulled(world: Drawn) -> set[Name]:
    """Tags that the pulls are of, as far as no one can argue about it."""
    found = set()
    for what, _ in world.pulls:
        found |= {what} if what in world.tags else set(by_digest(world, *what))
    return found


def by_digest(world: Drawn, repository: str, digest: str) -> list[Name]:
    return [
        name for name, (image, *_) in world.tags.items() if name[0] == repository and digest in parts(image)
    ]


def frees(world: Drawn, gone: set[Name]) -> int:
    """Bytes of the blobs that nothing which stays has."""
    sizes = {blob.digest: blob.size for image in IMAGES for blob in image.all_blobs()}
    had = {name: {blob.digest for blob in image.all_blobs()} for name, (image, *_) in world.tags.items()}
    going: set[str] = set().union(*(had[name] for name in gone))
    staying: set[str] = set().union(*(had[name] for name in world.tags if name not in gone))
    return sum(sizes[digest] for digest in going - staying)


# --- the portal -------------------------------------------------------------------------------------------------------


@contextmanager
def made(world: Drawn, team: Team, registry: RegistryServer, now: dt.datetime) -> Iterator[dict[Name, Tag]]:
    """The registry, with rows and all that keeps; afterwards it is empty again, and so is the database."""
    try:
        with transaction.atomic():
            yield {name: _tag(team, registry, name, *what, now) for name, what in world.tags.items()}
            transaction.set_rollback(True)
    finally:
        cache.clear()
        for repository in REPOSITORIES:
            for tag in tags_of(f"{team.project.name}/{repository}"):
                delete_tag(repository=f"{team.project.name}/{repository}", tag=tag)


def _tag(
    team: Team, registry: RegistryServer, name: Name, image: sample.Image, age: int, pulled: int | None,
    now: dt.datetime,
) -> Tag:  # fmt: skip
    registry.push(f"{team.project.name}/{name[0]}", name[1], image)
    children = [{"platform": each.platform, "digest": each.digest, "size": 1} for each in image.children]
    row = team.image(*name, digest=image.digest, children=children)
    # An hour off: what is a whole number of days old now is older in a moment.
    at, was = now - age * DAY + DAY / 24, None if pulled is None else now - pulled * DAY + DAY / 24
    Image.objects.filter(pk=row.pk).update(updated_at=at, last_pulled_at=was)
    ImageBlob.objects.bulk_create(
        ImageBlob(image=row, project=team.project, digest=blob.digest, size=blob.size)
        for blob in image.all_blobs()
    )
    return Tag(row.pk, *name, image.digest, at, was)


def keep(world: Drawn, team: Team) -> None:
    """All that keeps tags, as people and programs make it."""
    project = team.project
    for pattern in world.protected:
        protection.add(project=project, user=None, pattern=pattern)
    for repository, tag in world.importing:
        TaskFactory(project=project, target_name=repository, target_tag=tag)
    for repository, digest in world.bundled:
        bundle = Bundle.objects.create(project=project, name="b", volumes=[1])
        BundleEntry.objects.create(bundle=bundle, digest=digest, size=1, repository=repository)
    cluster = Cluster.objects.create(project=project, name="c")
    for (repository, tag), digest in world.running:
        image = f"{configured.REGISTRY_PUBLIC_HOST}/{project.name}/{repository}:{tag}"
        ClusterImage.objects.create(cluster=cluster, image=image, digest=digest, pods=1)
    for repository in REPOSITORIES:
        _sync(world, team, repository)
    for rule in world.rules:
        order = RetentionRule.Order.VERSION if rule.by_version else RetentionRule.Order.PUSHED
        values = {name: getattr(rule, name) for name in rules.KEEPS}
        names = {"repositories": list(rule.repositories), "tags": list(rule.tags)}
        rules.create(project=project, user=None, values={**values, **names, "order": order})


def _sync(world: Drawn, team: Team, repository: str) -> None:
    schedule = Schedule.objects.create(
        project=team.project,
        image_url="quay.io/a/app",
        tags=["*"],
        target_name=repository,
        cron="0 3 * * *",
    )
    items = [
        {
            "tag": tag,
            "digest": "sha256:" + "f" * 64,
            "was": world.tags[name, tag][0].digest if is_still else "sha256:" + "e" * 64,
            "result": result,
        }
        for (name, tag), (result, is_still) in world.found.items()
        if name == repository
    ]
    now = timezone.now()
    ScheduleRun.objects.create(schedule=schedule, checked_at=now, ended_at=now, items=items)


def pull(world: Drawn, team: Team) -> None:
    """What the registry reports of pulls: of tags, digests and platforms of an index."""
    for what, method in world.pulls:
        repository, said = what
        target = (
            {"tag": said, "digest": world.tags[what][0].digest} if what in world.tags else {"digest": said}
        )
        event = {
            "id": str(uuid.uuid4()),
            "action": "pull",
            "target": {
                "mediaType": sample.OCI_MANIFEST,
                "repository": f"{team.project.name}/{repository}",
                **target,
            },
            "request": {"method": method, "useragent": "docker/28"},
            "actor": {"name": "ann"},
        }
        read = Event.read(event)
        assert read is not None
        take_in([read])


@pytest.fixture
def team(registry: RegistryServer, settings: Any) -> Team:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    return Team.make(f"r{uuid.uuid4().hex[:10]}")


@settings(max_examples=REGISTRIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn())
def test_random_registries_with_all_that_keeps_are_cleaned_as_by_a_model_that_was_written_apart(
    team: Team, registry: RegistryServer, world: Drawn
) -> None:
    world.pulls = [
        each for each in world.pulls if each[0] in world.tags or len(by_digest(world, *each[0])) == 1
    ]
    now = timezone.now()
    with made(world, team, registry, now) as tags:
        keep(world, team)
        pull(world, team)
        used = pulled(world)
        judged = [replace(tag, pulled_at=now) if name in used else tag for name, tag in tags.items()]
        held = {":".join(name): found for name in world.tags if (found := reasons(world, name))}
        stays = {str(tag) for tag in judged if keeps(tag, judged, world.rules, held, now)}
        goes = {name for name in world.tags if ":".join(name) not in stays}
        dry = cleanup.plan(team.project)
        assert {str(verdict.tag) for verdict in dry.keep} == stays
        assert {(verdict.tag.repository, verdict.tag.tag) for verdict in dry.remove} == goes
        assert dry.bytes == frees(world, goes)
        for verdict in dry.keep:
            said = cleanup.sentence(verdict)
            assert any(said.startswith(each) for each in held.get(str(verdict.tag), [said])), said
        done = cleanup.run(project=team.project, user=None)
        assert ([str(each.tag) for each in done.remove], done.bytes, done.finished) == (
            [str(each.tag) for each in dry.remove], dry.bytes, True,
        )  # fmt: skip
        left = {
            f"{repository}:{tag}"
            for repository in REPOSITORIES
            for tag in tags_of(f"{team.project.name}/{repository}")
        }
        assert left == stays
        assert set(TrashedTag.objects.values_list("repository", "tag")) == goes
