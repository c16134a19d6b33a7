"""The invariants of docs/reliability, checked from outside: the database's rows, the target registry, the source's
own record of requests. Nothing of the portal's code is used, so that it can't excuse itself.

Each check returns sentences about what is wrong; an empty list means that the invariant holds.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import redis

from stack.reader import Reader, ReadError
from testbed.scripted_registry import ScriptedRegistry
from tests.support.rows import ENDED, OCCUPYING, Attempt, Rows, Task

#: A target: repository in the private registry and tag.
Target = tuple[str, str]
#: Makes an independent reader of the target registry.
MakeReader = Callable[[], Reader]

#: The contract's ``error_code``.
CODES: Final = frozenset(
    {
        *("invalid_reference", "blocked_address", "unauthorized", "forbidden", "not_found", "rate_limited"),
        *(
            "unreachable",
            "tls_error",
            "digest_mismatch",
            "unsupported_manifest",
            "limit_exceeded",
            "protocol_error",
        ),
        *(
            "source_error",
            "target_error",
            "quota_exceeded",
            "tag_exists",
            "stalled",
            "timeout",
            "worker_lost",
        ),
        *("docker_unavailable", "no_space", "credential_unreadable", "internal_error"),
    }
)
#: Text that is no sentence for people.
_RAW: Final = re.compile(
    r"Traceback|File \"|%\(\w+\)s|object at 0x|psycopg|sqlite3|\bNone\b|Exception\b|Errno"
)
#: The engine's tries of one request, and the bytes after which a cut counts as the first again (ENGINE.md).
_TRIES: Final = 5
_FORGIVING: Final = 8 * 1024 * 1024
#: The smallest part of a layer that several connections ask for, each by itself.
_PIECE: Final = 1024 * 1024
#: Clocks are one machine's; rows are written with microseconds. Seconds.
_SLACK: Final = 0.001


def accepted_have_ended(rows: Rows, accepted: Iterable[str]) -> list[str]:
    """1: every import answered 202 has ended."""
    tasks = rows.tasks()
    return [
        f"{identifier}: {tasks[identifier].status if identifier in tasks else 'no row'}, accepted and not ended"
        for identifier in accepted
        if identifier not in tasks or tasks[identifier].status not in ENDED
    ]


def histories_are_whole(rows: Rows) -> list[str]:
    """2 and 11: one live attempt at most, each claim in the history with its end, the last one as the row says."""
    wrong = []
    by_task = _by_task(rows.attempts())
    for task in rows.tasks().values():
        history = by_task.get(task.id, [])
        if [attempt.fence for attempt in history] != list(range(1, task.fence + 1)):
            wrong.append(f"{task.id}: fence {task.fence}, history {[attempt.fence for attempt in history]}")
        live = [attempt.fence for attempt in history if attempt.ended_at is None]
        if live != ([task.fence] if task.status in OCCUPYING else []):
            wrong.append(f"{task.id}: {task.status}, live attempts {live}")
        for earlier, later in itertools.pairwise(history):
            if earlier.ended_at is not None and earlier.ended_at > later.started_at + _SLACK:
                wrong.append(f"{task.id}: claim {later.fence} began before claim {earlier.fence} ended")
        wrong += _last_attempt_fits(task, history)
    return wrong


def _last_attempt_fits(task: Task, history: Sequence[Attempt]) -> list[str]:
    outcomes = {"success": {"success"}, "failed": {"failed", "lost"}}
    if task.status in outcomes and (not history or history[-1].outcome not in outcomes[task.status]):
        return [
            f"{task.id}: {task.status}, but its last attempt {history[-1].outcome if history else 'is missing'}"
        ]
    return []


def limits_were_held(rows: Rows, *, most: int, most_of_project: int) -> list[str]:
    """Never more attempts between ``started_at`` and ``ended_at`` than allowed, nor tasks by their own times.

    The times of a task with several attempts hold the waits between them: on a busy machine an attempt may be handed
    back.
    """
    tasks = rows.tasks()
    spans: dict[str, list[tuple[float, float]]] = {"attempts": [], "tasks": []}
    times = Counter(attempt.task for attempt in rows.attempts())
    for attempt in rows.attempts():
        if attempt.ended_at is not None:
            spans["attempts"].append((attempt.started_at, attempt.ended_at))
            name = f"attempts of {tasks[attempt.task].project}"
            spans.setdefault(name, []).append((attempt.started_at, attempt.ended_at))
    for task in tasks.values():
        if task.started_at is not None and task.completed_at is not None and times[task.id] < 2:
            spans["tasks"].append((task.started_at, task.completed_at))
    return [
        f"{_most_at_once(found)} {name} at once"
        for name, found in spans.items()
        if _most_at_once(found) > (most_of_project if " of " in name else most)
    ]


def _most_at_once(spans: Sequence[tuple[float, float]]) -> int:
    """The largest number of spans that share a moment; one that ends when another begins shares none with it."""
    events = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    level = highest = 0
    for _, change in events:
        level += change
        highest = max(highest, level)
    return highest


def targets_have_one_writer(rows: Rows) -> list[str]:
    """No two imports to one target lived at the same time."""
    lives: dict[Target, list[tuple[float, float]]] = defaultdict(list)
    for task in rows.tasks().values():
        lives[task.repository, task.target_tag].append((task.created_at, task.completed_at or float("inf")))
    return [f"{target}: two writers at once" for target, found in lives.items() if _most_at_once(found) > 1]


def tags_are_as_the_rows_say(
    rows: Rows, reader: MakeReader, before: Mapping[Target, str] | None = None
) -> list[str]:
    """3 and 4: a tag names what the last success recorded, whole; where nothing succeeded, what it named before.

    :param reader: makes a reader of the target registry.
    :param before: digests of the tags that stood before the first import; a target not in it had no tag.
    """
    by_repository: dict[str, dict[str, list[Task]]] = defaultdict(lambda: defaultdict(list))
    for task in rows.tasks().values():
        if task.fence:  # no worker ever had what was called off while it waited
            by_repository[task.repository][task.target_tag].append(task)
    wrong = []
    for repository, tags in by_repository.items():
        look, whole = reader(), set[str]()
        for tag, tasks in tags.items():
            succeeded = sorted(
                (t for t in tasks if t.status == "success"), key=lambda t: t.completed_at or 0.0
            )
            expected = succeeded[-1].digest if succeeded else (before or {}).get((repository, tag))
            try:
                found: str | None = look.digest(repository, tag)
                if found and found not in whole:
                    look.verify(repository, found)
                    whole.add(found)
            except ReadError as exc:
                if f"/manifests/{tag}: the registry answered 404" not in str(exc):
                    wrong.append(f"{repository}:{tag}: {exc}")
                    continue
                found = None
            if found != expected:
                statuses = dict(Counter(task.status for task in tasks))
                wrong.append(f"{repository}:{tag} names {found}, the rows say {expected} ({statuses})")
    return wrong


def failures_speak(rows: Rows) -> list[str]:
    """8: every failure has a code of the contract and a sentence, and none shows what only developers read."""
    wrong = []
    for task in rows.tasks().values():
        if task.status == "failed" and (task.error_code not in CODES or not task.error.strip()):
            wrong.append(f"{task.id}: failed with code {task.error_code!r} and sentence {task.error!r}")
        if task.status in ENDED - {"failed"} and (task.error_code or task.error):
            wrong.append(f"{task.id}: {task.status} with the error {task.error_code!r} {task.error!r}")
        wrong += [f"{task.id}: raw text {text!r}" for text in (task.error, task.message) if _RAW.search(text)]
    for attempt in rows.attempts():
        if attempt.outcome in {"failed", "lost"} and (
            attempt.error_code not in CODES or not attempt.error.strip()
        ):
            wrong.append(f"{attempt.task} #{attempt.fence}: {attempt.outcome} without code or sentence")
        if _RAW.search(attempt.error):
            wrong.append(f"{attempt.task} #{attempt.fence}: raw text {attempt.error!r}")
    return wrong


def no_internal_errors(rows: Rows) -> list[str]:
    """No fault from outside may look like a defect of ours."""
    return [
        f"{t.id} ({t.target_name}): {t.error}"
        for t in rows.tasks().values()
        if t.error_code == "internal_error"
    ]


def source_was_spared(source: ScriptedRegistry, rows: Rows) -> list[str]:
    """9: no request was made more often than the tries of all claims allow, cuts after real progress aside."""
    claims = sum(task.fence for task in rows.tasks().values())
    asked = Counter((each.method, each.path) for each in source.seen())
    wrong = []
    for (method, path), count in asked.items():
        if path == "/v2/" or "/token" in path:
            continue
        size = _blob_size(source, path)
        allowed = claims * (_TRIES * (1 + size // _FORGIVING) + size // _PIECE)
        if count > allowed:
            wrong.append(f"{method} {path} came {count} times; {claims} claims allow {allowed}")
    return wrong


def blob_reads(source: ScriptedRegistry) -> Counter[str]:
    """How often each blob was asked for with GET, by digest."""
    return Counter(each.path.rpartition("/")[2] for each in source.seen("GET", "/blobs/"))


def _blob_size(source: ScriptedRegistry, path: str) -> int:
    digest = path.rpartition("/")[2]
    return max((len(repo.blobs.get(digest, b"")) for repo in source.repositories.values()), default=0)


def secrets_are_hidden(
    secrets: Iterable[str],
    *,
    rows: Rows,
    redis_url: str = "",
    texts: Iterable[str] = (),
    pids: Iterable[int] = (),
) -> list[str]:
    """5: planted secrets are nowhere in clear.

    :param texts: logs, pages and answers. :param pids: whose arguments and environments are looked at.
    """
    wanted = [secret for secret in secrets if secret]
    places: list[tuple[str, str]] = [*rows.texts(), *((f"text {n}", text) for n, text in enumerate(texts))]
    if redis_url:
        places += [("Redis", text) for text in _redis_texts(redis_url)]
    for pid in pids:
        places += [(f"/proc/{pid}/{name}", _proc(pid, name)) for name in ("cmdline", "environ")]
    return sorted(
        {f"{place} holds a secret" for place, text in places for secret in wanted if secret in text}
    )


def _redis_texts(url: str) -> list[str]:
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        found = []
        for key in client.scan_iter(count=1000):
            dumped = client.dump(key)
            found += [key.decode("utf-8", "replace"), (dumped or b"").decode("latin-1")]
        return found


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


def _by_task(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        found[attempt.task].append(attempt)
    return found
