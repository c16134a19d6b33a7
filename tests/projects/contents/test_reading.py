"""Configurations as the portal tells them and as skopeo does."""

from __future__ import annotations

import json
import random
import subprocess
from typing import Any

import pytest

from projects.contents.reading import opened_place, read_image
from stack.sample import DOCKER_LAYER_GZIP, Image, file_layer, image_of, sample_image
from testbed.services import RegistryServer
from tests.support.content.inside import made, row_of
from tests.support.factories import ProjectFactory

pytestmark = pytest.mark.django_db
LAYERS = [file_layer({"a": b"1"}), file_layer({"b": b"2"})]
LINE = {"created": "2024-05-01T10:00:00Z", "created_by": "RUN make", "comment": "buildkit"}


def images() -> dict[str, Image]:
    """Images of each kind of history and configuration."""
    config = {
        "Env": ["PATH=/bin", "EMPTY="], "Entrypoint": ["/app", "--flag"], "Cmd": ["x y"], "User": "1000:1000",
        "ExposedPorts": {"80/tcp": {}}, "Volumes": {"/data": {}}, "WorkingDir": "/srv", "StopSignal": "SIGINT",
        "Labels": {"org.opencontainers.image.source": "https://example.test", "é": "ü"},
    }  # fmt: skip
    whole = {"created": "2024-05-01T10:00:00.123456789Z", "os": "linux", "architecture": "amd64"}
    roots = {"rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in LAYERS]}}
    empty = {**LINE, "empty_layer": True}
    return {
        "full": made({**whole, **roots, "config": config, "history": [LINE, empty, LINE]}, LAYERS),
        "squashed": made({**whole, **roots, "config": {}, "history": [empty, empty, LINE]}, LAYERS[:1]),
        "silent": made({**whole, **roots, "config": {"Cmd": ["sh"]}}, LAYERS),
        "variant": made(
            {"os": "linux", "architecture": "arm", "variant": "v7", **roots, "config": {}}, LAYERS
        ),
        "docker": image_of([file_layer({"c": b"3"}, media_type=DOCKER_LAYER_GZIP)], docker=True),
        "index": sample_image(),
        **{f"any{number}": any_image(random.Random(number)) for number in range(24)},
    }


def any_image(chance: random.Random) -> Image:
    """An image of up to four layers whose configuration and history are whatever builders leave out or put in."""
    layers = [file_layer({f"f{chance.random()}": b"x"}) for _ in range(chance.randint(1, 4))]
    lines: list[dict[str, Any]] = [{} for _ in layers] + [
        {"empty_layer": True} for _ in range(chance.randint(0, 3))
    ]
    chance.shuffle(lines)
    for line in lines:
        line["created_by"] = f"RUN step {chance.random()}"
        line |= {key: value for key, value in LINE.items() if key != "created_by" and chance.random() < 0.6}
    config = {
        "Env": [f"N{number}={chance.random()}" for number in range(chance.randint(1, 5))],
        "Cmd": ["sh", "-c", "x y"],
        "Entrypoint": ["/entry", "é"],
        "User": chance.choice(["0", "app", "1000:1000"]),
        "ExposedPorts": {f"{chance.randint(1, 65535)}/{chance.choice(['tcp', 'udp'])}": {}},
        "Volumes": {"/v": {}},
        "WorkingDir": "/srv",
        "Labels": {f"label.{number}": "v" * number for number in range(chance.randint(1, 6))},
        "StopSignal": "SIGTERM",
    }
    kept = {key: value for key, value in config.items() if chance.random() < 0.7}
    top: dict[str, Any] = {"os": "linux", "architecture": "amd64", "config": kept}
    if chance.random() < 0.8:
        top["created"] = f"20{chance.randint(10, 25)}-0{chance.randint(1, 9)}-11T10:00:00Z"
    if chance.random() < 0.9:
        top["history"] = lines
    return made(
        {**top, "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]}}, layers
    )


def by_skopeo(registry: RegistryServer, name: str) -> Any:
    command = ["skopeo", "inspect", "--config", "--tls-verify=false", f"docker://{registry.host}/{name}:1"]
    options = ["--override-os", "linux", "--override-arch", "arm" if name.endswith("variant") else "amd64"]
    done = subprocess.run([command[0], *options, *command[1:]], check=True, capture_output=True, timeout=60)
    return json.loads(done.stdout)


def test_every_value_equals_what_skopeo_says(registry: RegistryServer, settings: Any) -> None:
    settings.REGISTRY_URL, settings.REGISTRY_AUTH = registry.url, "none"
    project = ProjectFactory(name="bothsay")
    made_of_each_kind = images()
    assert len(made_of_each_kind) == 30
    for name, image in made_of_each_kind.items():
        registry.push(f"bothsay/{name}", "1", image)
        row = row_of(project, name, "1", image)
        with opened_place(row, None) as place:
            read = read_image(place, row.digest)
        found, said = read.configuration, by_skopeo(registry, f"bothsay/{name}")
        assert (found.os, found.architecture) == (said["os"], said["architecture"]), name
        assert found.created == said.get("created", ""), name
        assert dict(found.config) == said["config"], name
        told = [step for step in found.history if step.created_by or step.empty_layer]
        lines = said.get("history", [])
        assert [(s.created, s.created_by, s.comment, s.empty_layer) for s in told] == [
            (
                line.get("created", ""),
                line.get("created_by", ""),
                line.get("comment", ""),
                line.get("empty_layer", False),
            )
            for line in lines
        ], name
        layers = [step.layer for step in found.history if step.layer]
        assert layers == [layer.digest for layer in read.manifest.layers], name
