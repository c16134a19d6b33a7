"""The rows of a large installation: the same mixture, whatever the number."""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from imageimport.choices import Priority, Status

#: Share of all imports that each of the first projects holds; the others share the rest evenly.
SHARES: Final = {"big": 0.4, "calm": 0.1}
REGISTRIES: Final = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io", "registry.example.com")
WORDS: Final = (
    "nginx", "redis", "postgres", "alpine", "python", "node", "grafana", "prometheus", "vault", "consul",
    "traefik", "kafka", "rabbitmq", "elastic", "jenkins", "gitea", "minio", "keycloak", "envoy", "cilium",
)  # fmt: skip
#: Stands in this many rows, all of them old.
RARE: Final = ("zebra-crossing", 5)
#: Two letters that stand in the rare rows only.
RARE_PAIR: Final = RARE[0][:2]
#: So often that even among a thousand imports one of them fills a page of the admin.
ERRORS: Final = (*["not_found"] * 6, "unauthorized", "unreachable", "rate_limited", "source_error")
YEAR: Final = 365 * 86_400
#: Imports that have not ended, at most, and of these the running ones.
ACTIVE: Final = 200
RUNNING: Final = 4
BATCH: Final = 50
#: The newest imports are of the last hours, few or many: a project's page shows the failures of a day.
RECENT: Final = 800
RECENT_SECONDS: Final = 6 * 3600

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class World:
    """What the rows belong to."""

    projects: list[tuple[uuid.UUID, str]]
    users: list[int]
    batches: list[uuid.UUID]
    schedules: list[uuid.UUID]
    now: dt.datetime
    host: str = "registry.test:5000"

    def moment(self, number: int, of: int) -> dt.datetime:
        """The times of rows are spread over a year, the last one now."""
        return self.now - dt.timedelta(seconds=YEAR * (1 - (number + 1) / of))


def row_id(moment: dt.datetime, noise: random.Random) -> uuid.UUID:
    """As :func:`accounts.ids.new_id`, for a time of one's own."""
    value = int(moment.timestamp() * 1000) << 80 | noise.getrandbits(80)
    return uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def digest(number: int) -> str:
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


def tasks(world: World, count: int, *, pending: int = 0) -> Iterator[Row]:
    """``count`` imports, oldest first; the newest wait or run.

    :param pending: how many wait; the default is 1 in 20, at most :data:`ACTIVE`.
    """
    noise = random.Random(8)
    active = pending or min(ACTIVE, count // 20)
    rare = {count // 3 + i * max(1, count // 100) for i in range(RARE[1])}
    for number in range(count):
        row = _task(world, number, count, noise, name=RARE[0] if number in rare else "")
        yield row | _state(
            row, noise, calm=row["project"] == world.projects[1][0], left=count - number, active=active
        )


def _task(world: World, number: int, count: int, noise: random.Random, *, name: str) -> Row:
    at = world.moment(number, count)
    if count - number < RECENT:
        at = world.now - dt.timedelta(seconds=RECENT_SECONDS * (count - number) / RECENT)
    project, project_name = _project(world, noise.random())
    registry = noise.choice(REGISTRIES)
    name = f"{noise.choice(WORDS)}/{name or noise.choice(WORDS)}-{noise.randrange(2000)}"
    tag = f"{noise.randrange(9)}.{noise.randrange(40)}.{noise.randrange(20)}"
    in_batch = number % 10 == 0 and world.batches
    return {
        "id": row_id(at, noise),
        "project": project,
        "requested_by": noise.choice(world.users),
        "image_url": f"{registry}/{name}:{tag}",
        "source_image": f"{registry}/{name}:{tag}",
        "source_registry": registry,
        "target_name": name,
        "target_tag": tag,
        "target_image": f"{world.host}/{project_name}/{name}:{tag}",
        "priority": (Priority.BATCH if in_batch else Priority.INTERACTIVE).value,
        "batch": world.batches[number // (10 * BATCH) % len(world.batches)] if in_batch else None,
        "batch_index": number // 10 % BATCH if in_batch else None,
        "schedule": world.schedules[number // 20 % len(world.schedules)] if number % 20 == 1 else None,
        "created_at": at,
        "updated_at": at,
    }


def _project(world: World, share: float) -> tuple[uuid.UUID, str]:
    if share < SHARES["big"]:
        return world.projects[0]
    if share < SHARES["big"] + SHARES["calm"]:
        return world.projects[1]
    rest = (share - sum(SHARES.values())) / (1 - sum(SHARES.values()))
    return world.projects[2 + int(rest * (len(world.projects) - 2))]


def _state(row: Row, noise: random.Random, *, calm: bool, left: int, active: int) -> Row:
    """``calm``: a project in which everything has gone well, long ago."""
    if left <= active and not calm:
        # One writer a target: those that wait have targets of their own.
        own = {"target_name": f"{row['target_name']}-{left}"}
        if left <= RUNNING:
            now = row["created_at"]
            return own | {"status": Status.RUNNING.value, "stage": "pull", "progress": 40, "started_at": now,
                          "attempts": 1, "fence": 1, "lease_expires_at": now + dt.timedelta(hours=5), "rate": 5_000_000,
                          "bytes_total": 9_000_000, "bytes_done": 3_000_000}  # fmt: skip
        return own | {"status": Status.PENDING.value, "message": "Waiting to start"}
    size = noise.randrange(1_000_000, 500_000_000)
    ended = row["created_at"] + dt.timedelta(seconds=noise.randrange(3, 300))
    base = {
        "started_at": row["created_at"] + dt.timedelta(seconds=1),
        "completed_at": ended,
        "updated_at": ended,
        "attempts": 1,
        "fence": 1,
        "bytes_total": size,
        "bytes_done": size,
        "bytes_reused": size // 3,
    }
    kind = 0.0 if calm else noise.random()
    if kind < 0.86:
        found = digest(noise.randrange(100_000))
        return base | {"status": Status.SUCCESS.value, "stage": "done", "progress": 100, "message": "Done",
                       "digest": found, "source_digest": found}  # fmt: skip
    if kind < 0.96:
        dismissed = ended if noise.random() < 0.5 else None
        return base | {"status": Status.FAILED.value, "stage": "pull", "progress": 45, "message": "The import failed.",
                       "error": "The registry does not know this image.", "error_code": noise.choice(ERRORS),
                       "dismissed_at": dismissed}  # fmt: skip
    return base | {
        "status": Status.CANCELED.value,
        "stage": "pull",
        "progress": 35,
        "message": "The import was canceled.",
    }


def attempt(task: Row) -> Row | None:
    """The history of a task that was begun."""
    if "started_at" not in task:
        return None
    running = task["status"] == Status.RUNNING.value
    return {
        "task": task["id"],
        "fence": 1,
        "attempt": 1,
        "worker": "host:1",
        "started_at": task["started_at"],
        "ended_at": None if running else task["completed_at"],
        "outcome": task["status"],
        "error_code": task.get("error_code", ""),
    }


def layers(task: Row) -> Iterator[Row]:
    """Eight layers of a task whose layers are not pruned yet."""
    for position in range(8):
        yield {
            "task": task["id"],
            "position": position,
            "digest": digest(task["id"].int % 1_000_000 * 8 + position),
            "media_type": "application/vnd.oci.image.layer.v1.tar+gzip",
            "size": 1_000_000,
            "bytes_done": 1_000_000,
            "state": "done",
        }


def event(world: World, task: Row, noise: random.Random) -> Row:
    """The audit log's line of a submission."""
    return {
        "id": row_id(task["created_at"], noise),
        "at": task["created_at"],
        "project": task["project"],
        "project_name": "team",
        "actor": task["requested_by"],
        "actor_name": f"user{task['requested_by']}",
        "action": "import.created",
        "subject": task["source_image"],
        "detail": {"task": str(task["id"])},
    }


def images(world: World, count: int) -> Iterator[Row]:
    """``count`` tags, three in a repository."""
    noise = random.Random(9)
    for number in range(count):
        at = world.moment(number, count)
        project, project_name = _project(world, noise.random())
        rare = count // 3 <= number < count // 3 + RARE[1]
        name = f"{noise.choice(WORDS)}/{RARE[0] if rare else noise.choice(WORDS)}-{number // 3}"
        if project_name not in SHARES:
            name = f"{project_name}/{name}"
        yield {
            "id": row_id(at, noise),
            "project": project,
            "repository": name,
            "tag": f"1.{number % 3}.{number % 7}-{number}",
            "digest": digest(number),
            "media_type": "application/vnd.oci.image.index.v1+json",
            "size": noise.randrange(1_000_000, 500_000_000),
            "platforms": ["linux/amd64", "linux/arm64"],
            "source_image": f"docker.io/{name}:1.{number % 3}",
            "created_at": at,
            "updated_at": at,
        }


def scan(image: Row, noise: random.Random) -> Row:
    """What a scanner found in it."""
    return {
        "id": row_id(image["created_at"], noise),
        "project": image["project"],
        "repository": image["repository"],
        "digest": image["digest"],
        "scanner_name": "scanner",
        "state": "done",
        "high": noise.randrange(9),
        "scanned_at": image["created_at"],
        "requested_at": image["created_at"],
        "next_at": None,
        "found": b"",
        "parts": [],
    }


def blobs(image: Row) -> Iterator[Row]:
    """Five of an image: a base that a thousand images share, a layer that thirty do, three of its own."""
    number = int(image["tag"].rpartition("-")[2])
    for name in (f"base {number % 100}", f"team {number // 30}", *(f"own {number} {n}" for n in range(3))):
        whole = hashlib.sha256(name.encode()).hexdigest()
        yield {
            "image": image["id"],
            "project": image["project"],
            "digest": f"sha256:{whole}",
            "size": 100_000 + int(whole[:7], 16) % 90_000_000,
        }


def timeline(image: Row, noise: random.Random) -> Row:
    """What the tag named first."""
    return {
        "id": row_id(image["created_at"], noise),
        "project": image["project"],
        "repository": image["repository"],
        "tag": image["tag"],
        "digest": image["digest"],
        "source_image": image["source_image"],
        "source_digest": image["digest"],
        "at": image["created_at"],
    }
