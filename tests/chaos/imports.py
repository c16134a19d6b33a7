"""The twenty imports of a chaos run, asked for again and again until the portal answers."""

from __future__ import annotations

import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Final

import requests

from stack.sample import Image, Layer, image_of, index_of
from testbed.images import random_layer
from testbed.scripted_registry import redirect
from tests.chaos.world import FORBIDDEN, SECRETS, World
from tests.support.house import KIB, MIB

PROJECTS: Final = ("red", "blue")
IMPORTS: Final = 20


@dataclass(frozen=True)
class Wanted:
    """One import to ask for."""

    project: str
    name: str
    tag: str
    body: dict[str, object]


def prepare(world: World, chance: random.Random) -> list[Wanted]:
    """Images at the source, old tags at the target, and what is to be asked for."""
    shared = random_layer(512 * KIB, seed=chance.randrange(10**6))
    wanted = []
    for number in range(IMPORTS):
        name = f"chaos/{number}"
        image = _image(chance, shared)
        world.house.source.add_image(name, "1", image)
        project = chance.choice(PROJECTS)
        body: dict[str, object] = {"image_url": world.house.reference(name)}
        if number % 4 == 0:
            body |= {"username": "someone", "password": SECRETS[number % len(SECRETS)]}
        if number % 3 == 0:
            old = image_of([random_layer(8 * KIB, seed=number)])
            world.house.put_before(f"{project}/{name}", "1", old)
        wanted.append(Wanted(project, name, "1", body))
    wanted.append(_forbidden(world, chance))
    return wanted


def _image(chance: random.Random, shared: Layer) -> Image:
    def layers(count: int) -> list[Layer]:
        sizes = [chance.randrange(8 * KIB, 2 * MIB) for _ in range(count)]
        return [random_layer(size, seed=chance.randrange(10**9)) for size in sizes]

    some = [*([shared] if chance.random() < 0.5 else []), *layers(chance.randint(1, 3))]
    if chance.random() < 0.25:
        return index_of([image_of(some), image_of(layers(1), platform="linux/arm64")])
    return image_of(some)


def _forbidden(world: World, chance: random.Random) -> Wanted:
    """Its layer is said to be at an address that no import may reach."""
    image = image_of([random_layer(16 * KIB, seed=chance.randrange(10**6))])
    world.house.source.add_image("chaos/lured", "1", image)
    layer = image.blobs[1].digest
    world.lure = (f"/blobs/{layer}", redirect(f"http://{FORBIDDEN}:{world.forbidden.port}{{path}}"))
    world.set_rules()
    return Wanted("red", "chaos/lured", "1", {"image_url": world.house.reference("chaos/lured")})


def submit_all(world: World, wanted: list[Wanted], *, seconds: float) -> threading.Thread:
    """Ask for all of them, spread over ``seconds``; the thread ends when every one was answered 202."""
    keys = {each.name: str(uuid.uuid4()) for each in wanted}

    def run() -> None:
        for each in wanted:
            time.sleep(seconds / len(wanted))
            _submit(world, each, keys[each.name])

    thread = threading.Thread(target=run, name="submissions", daemon=True)
    thread.start()
    return thread


def _submit(world: World, wanted: Wanted, key: str) -> None:
    """Until it is answered 202: the key makes sure that no answer lost makes a second import."""
    path = f"/projects/{world.house.project(wanted.project)}/images/import"
    while True:
        try:
            answer = world.portal.call("POST", path, wanted.body, Idempotency_Key=key)
        except requests.RequestException:
            time.sleep(0.3)
            continue
        if answer.status_code == 202:
            world.house.accepted.append(answer.json()["id"])
            return
        if answer.status_code < 500 and answer.status_code != 429:
            world.refused.append(f"{wanted.name}: {answer.status_code} {answer.text[:300]}")
            return
        time.sleep(0.3)
