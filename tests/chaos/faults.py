"""The faults of a chaos run. Each breaks something, waits, and makes it whole again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
import redis
import requests

from testbed.portal import alive, parent_of
from testbed.processes import Running
from testbed.scripted_registry import Act, cut, hang_up, refuse, stall, too_many
from tests.chaos.world import World
from tests.support.house import BEAT, WEB, WORKER
from tests.support.rows import Task

Fault = Callable[[World, random.Random], None]


# --- processes ---------------------------------------------------------------------------------------------------


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _main(world: World, name: str) -> int:
    """A service's own process, 0 while it is being started again."""
    assert world.portal.process is not None
    runner = world.portal.process.pid
    return next((pid for pid in world.portal.pids(name) if parent_of(pid) == runner), 0)


def _children(world: World) -> list[int]:
    parent = _main(world, WORKER)
    return [pid for pid in world.portal.pids(WORKER) if parent and parent_of(pid) == parent]


def _tasks(world: World) -> list[Task]:
    """Every import; none while the other thread of faults has the database down or locked."""
    try:
        return list(world.house.rows.tasks().values())
    except (sqlite3.OperationalError, psycopg.OperationalError):
        return []


def _busy(world: World) -> list[int]:
    """Worker children that hold a lease."""
    living = set(_children(world))
    return [task.worker_pid for task in _tasks(world) if task.lease_owner and task.worker_pid in living]


def kill_child(world: World, chance: random.Random) -> None:
    if found := _busy(world) or _children(world):
        _signal(chance.choice(found), signal.SIGKILL)


def freeze_child(world: World, chance: random.Random) -> None:
    """For less or for more than a lease."""
    if found := _busy(world):
        pid = chance.choice(found)
        _signal(pid, signal.SIGSTOP)
        time.sleep(chance.uniform(0.5, 7))
        if alive(pid):
            _signal(pid, signal.SIGCONT)


def kill_worker(world: World, _chance: random.Random) -> None:
    if pid := _main(world, WORKER):
        _signal(pid, signal.SIGKILL)


def stop_worker(world: World, _chance: random.Random) -> None:
    if pid := _main(world, WORKER):
        _signal(pid, signal.SIGTERM)


def kill_beat(world: World, _chance: random.Random) -> None:
    if pid := _main(world, BEAT):
        _signal(pid, signal.SIGKILL)


def kill_web(world: World, chance: random.Random) -> None:
    if found := list(world.portal.pids(WEB)):
        _signal(chance.choice(found), signal.SIGKILL)


def kill_everything(world: World, _chance: random.Random) -> None:
    """The portal's own processes at once; the runner starts them again."""
    for name in (WORKER, BEAT, WEB):
        for pid in world.portal.pids(name):
            _signal(pid, signal.SIGKILL)


# --- services ----------------------------------------------------------------------------------------------------


@contextmanager
def _frozen(running: Running) -> Iterator[None]:
    running.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.signal(signal.SIGCONT)


def restart_redis(world: World, chance: random.Random) -> None:
    _down(world, world.redis.running, chance)


def flush_redis(world: World, _chance: random.Random) -> None:
    with contextlib.suppress(redis.RedisError):
        redis.Redis.from_url(world.redis.url, socket_timeout=2).flushall()


def freeze_redis(world: World, chance: random.Random) -> None:
    with _frozen(world.redis.running):
        time.sleep(chance.uniform(0.5, 5))


def restart_target(world: World, chance: random.Random) -> None:
    _down(world, world.target.running, chance)


def freeze_target(world: World, chance: random.Random) -> None:
    with _frozen(world.target.running):
        time.sleep(chance.uniform(0.5, 4))


def _down(world: World, running: Running, chance: random.Random) -> None:
    """Stopped or killed, for a while."""
    if chance.random() < 0.5:
        running.kill()
    else:
        running.stop()
    time.sleep(chance.uniform(0, 3))
    world.start(running)


def cut_target(world: World, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 3)):
        world.target_wire.reset_all()
        time.sleep(0.2)


def refuse_target(world: World, chance: random.Random) -> None:
    world.target_wire.refuse()
    time.sleep(chance.uniform(0.5, 3))
    world.target_wire.accept()


def lose_an_answer(world: World, _chance: random.Random) -> None:
    """The next write is done and its answer never arrives."""
    world.target_wire.trip(rb"^PUT /v2/", lambda: _reset(world), answered=True)


def _reset(world: World) -> None:
    world.target_wire.reset_all()


def break_database(world: World, chance: random.Random) -> None:
    """PostgreSQL: cut, refused, frozen or restarted; SQLite: locked by somebody else."""
    if world.database_wire is None or world.postgres is None:
        world.lock_sqlite(chance.uniform(0.5, 5))
        return
    wire = world.database_wire
    how = chance.choice(("cut", "refuse", "freeze", "restart"))
    if how == "cut":
        wire.reset_all()
    elif how == "refuse":
        wire.refuse()
        time.sleep(chance.uniform(0.5, 5))
        wire.accept()
    elif how == "freeze":
        wire.freeze()
        time.sleep(chance.uniform(0.5, 5))
        wire.thaw()
    else:
        world.postgres.running.stop()
        world.start(world.postgres.running)


# --- the source --------------------------------------------------------------------------------------------------


def source_fault(world: World, chance: random.Random) -> None:
    """The next requests for blobs or manifests go wrong."""
    acts: Mapping[str, Act] = {
        "cut": cut(chance.randrange(1, 400_000), chance.choice(("reset", "end"))),
        "stall": stall(chance.randrange(0, 100_000), 8.0),
        "5xx": lambda _request, _proceed: refuse(chance.choice((500, 502, 503)), "UNAVAILABLE"),
        "429": too_many(chance.choice((None, "1", "2"))),
        "hang up": hang_up(),
    }
    act = acts[chance.choice(sorted(acts))]
    method, path = chance.choice((("GET", "/blobs/"), ("GET", "/blobs/"), ("", "/manifests/")))
    rule = world.house.source.rule(method, path, act, times=chance.randint(1, 3))
    # Rules come in turn: before the one that makes everything slow.
    world.house.source.rules.remove(rule)
    world.house.source.rules.insert(0, rule)


# --- people ------------------------------------------------------------------------------------------------------


def cancel_one(world: World, chance: random.Random) -> None:
    _ask_for_one(world, chance, {"pending", "running"}, "cancel")


def retry_one(world: World, chance: random.Random) -> None:
    _ask_for_one(world, chance, {"failed", "canceled"}, "retry")


def _ask_for_one(world: World, chance: random.Random, statuses: set[str], verb: str) -> None:
    rows = [task for task in _tasks(world) if task.status in statuses]
    if not rows:
        return
    task = chance.choice(sorted(rows, key=lambda row: row.id))
    project = world.house.project(task.project)
    with contextlib.suppress(requests.RequestException):
        answer = world.portal.call("POST", f"/projects/{project}/images/import/{task.id}/{verb}")
        if answer.status_code == 202:
            world.house.accepted.append(answer.json()["id"])


#: How often each is drawn.
FAULTS: Mapping[Fault, int] = {
    kill_child: 5,
    freeze_child: 4,
    kill_worker: 2,
    stop_worker: 2,
    kill_beat: 1,
    kill_web: 2,
    kill_everything: 1,
    restart_redis: 2,
    flush_redis: 2,
    freeze_redis: 2,
    restart_target: 2,
    freeze_target: 2,
    cut_target: 3,
    refuse_target: 2,
    lose_an_answer: 3,
    break_database: 4,
    source_fault: 8,
    cancel_one: 2,
    retry_one: 3,
}
