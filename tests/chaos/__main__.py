"""Throws random faults at twenty imports, then checks the invariants from outside.

    python -m tests.chaos        (or: make chaos)

``CHAOS_SECONDS`` (60): how long faults are thrown. ``CHAOS_SEED``: which ones; a random seed is printed.
``CHAOS_DATABASE``: ``sqlite`` or ``postgres``. Exit code 0 when every invariant holds; else what is wrong, and where
the logs are.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.imports import prepare, submit_all
from tests.chaos.world import MAX_OF_PROJECT, MOST, SECRETS, World
from tests.support import invariants
from tests.support.rows import ENDED

#: How long imports may still take once nothing is broken any more. Seconds.
PATIENCE = 240.0
#: Of faults that are thrown at the same time.
AT_ONCE = 2


def main() -> int:
    seconds = float(os.environ.get("CHAOS_SECONDS") or 60)
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))
    database = os.environ.get("CHAOS_DATABASE") or "sqlite"
    say(f"CHAOS_SEED={seed} CHAOS_SECONDS={seconds:g} CHAOS_DATABASE={database}")
    world = World(database)
    with world:
        wrong = run(world, random.Random(seed), seconds)
    if wrong:
        say(f"seed {seed} on {database}: {len(wrong)} violations; logs are in {world.directory}")
        print(*wrong, sep="\n")
        return 1
    shutil.rmtree(world.directory, ignore_errors=True)
    say(f"seed {seed} on {database}: every invariant holds")
    return 0


def run(world: World, chance: random.Random, seconds: float) -> list[str]:
    """One run; what is wrong in the end."""
    wanted = prepare(world, chance)
    for project in sorted({each.project for each in wanted}):
        world.house.project(project)
    world.players.begin()
    world.set_rules()
    submissions = submit_all(world, wanted, seconds=seconds / 3)
    throw(world, chance, seconds)
    world.heal()
    say("healed; waiting for the imports to end")
    submissions.join(PATIENCE)
    others = wait_for(world.players.others_have_ended)
    say(f"everybody else's imports have ended after {others:.0f} s")
    wrong = world.players.fair_share()
    if not world.players.others_have_ended():
        wrong.append(f"imports of others have not ended {PATIENCE:g} s after the last fault")
    world.players.release()
    waited = wait_for(lambda: all(task.status in ENDED for task in world.house.rows.tasks().values()))
    say(
        f"ended: {dict(Counter(task.status for task in world.house.rows.tasks().values()))} after {waited:.0f} s"
    )
    return [*wrong, *check(world)]


def throw(world: World, chance: random.Random, seconds: float) -> None:
    """Faults one after the other and some at once; which and when is the seed's."""
    began = time.monotonic()
    threads = [
        threading.Thread(
            target=_throw, args=(world, random.Random(chance.random()), began, seconds), daemon=True
        )
        for _ in range(AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if world.broken:
        raise RuntimeError(f"the run itself is broken: {world.broken}")


def _throw(world: World, chance: random.Random, began: float, seconds: float) -> None:
    faults, weights = zip(*FAULTS.items(), strict=True)
    while time.monotonic() - began < seconds:
        time.sleep(chance.uniform(0.2, 2.5))
        fault: Fault = chance.choices(faults, weights)[0]
        say(f"{time.monotonic() - began:5.1f} s  {fault.__name__}")
        with world.exclusive(fault.__name__):
            try:
                fault(world, chance)
            except Exception as exc:  # noqa: BLE001 - told when all threads have ended
                world.broken.append(f"{fault.__name__}: {exc!r}")
                return


def wait_for(has_come: Callable[[], bool]) -> float:
    """Until something has come, or for as long as we are patient; how long it took.

    A machine that was suspended meanwhile gets no less patience: one step counts for a few seconds at most.
    """
    waited, before = 0.0, time.monotonic()
    while waited < PATIENCE:
        if has_come():
            break
        time.sleep(0.5)
        now = time.monotonic()
        waited, before = waited + min(now - before, 5.0), now
    return waited


def check(world: World) -> list[str]:
    """Everything that an onlooker can tell."""
    house = world.house
    world.watch.look()
    return [
        *world.refused,
        *house.check(),
        *world.watch.violations,
        *invariants.limits_were_held(house.rows, most=MOST, most_of_project=MAX_OF_PROJECT),
        *invariants.secrets_are_hidden(
            SECRETS,
            rows=house.rows,
            redis_url=world.redis.url,
            texts=[world.portal.output()],
            pids=world.portal.pids(),
        ),
        *_lured(world),
    ]


def _lured(world: World) -> list[str]:
    """6: the address that nobody may reach was not reached, and people are told why."""
    rows = [task for task in world.house.rows.tasks().values() if task.target_name == "chaos/lured"]
    wrong = [
        f"{task.id}: lured, and {task.status} {task.error_code}" for task in rows if task.status == "success"
    ]
    if world.forbidden.connections:
        wrong.append(f"the forbidden address was reached {world.forbidden.connections} times")
    return wrong


def say(text: str) -> None:
    print(f"chaos    | {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
