"""How fast the engine copies, against ``skopeo copy --all`` in the same run: real Distribution on loopback,
both ways.

    python -m bench.engine [--rounds 3] [--layers 6x100,40x2]

Prints a line for each shape: the median of both, and their ratio. Each round copies into a fresh repository
of an emptied target, so nothing is found there; the two take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from oci.copy.image_copier import ImageCopier
from oci.egress.door import Door, EgressPolicy
from oci.registry.client import RegistryClient
from oci.registry.retry import RetryBudget
from stack.ports import free_port
from stack.push import push_image
from stack.registry_server import RegistryPlan, registry_service
from stack.sample import index_of, random_image
from tests.support.processes import Running

MEGABYTE = 1_000_000
LINE = "{layers:>7}  engine {engine_seconds:6.2f} s  skopeo {skopeo_seconds:6.2f} s  ratio {ratio:.2f}"


def shape(text: str) -> list[int]:
    """``6x100`` as the sizes of six layers of 100 MB."""
    count, _, megabytes = text.partition("x")
    return [int(float(megabytes) * MEGABYTE)] * int(count)


class Registry:
    """A Distribution of one's own."""

    def __init__(self, directory: Path, *, access_log: bool = False) -> None:
        directory.mkdir()
        extra = {"log": {"level": "error", "accesslog": {"disabled": False}}} if access_log else {}
        self.plan = RegistryPlan(directory=directory, port=free_port(), extra=extra)
        self.running = Running(registry_service(self.plan), directory / "registry.log")

    @property
    def host(self) -> str:
        return f"{self.plan.host}:{self.plan.port}"

    def start(self) -> None:
        self.running.start()

    def empty(self) -> None:
        """Forget everything, in memory too."""
        self.running.stop()
        shutil.rmtree(self.plan.directory / "data", ignore_errors=True)
        self.running.start()


def by_engine(source: Registry, target: Registry) -> None:
    hosts = frozenset({source.host, target.host})
    door = Door(EgressPolicy(trusted_hosts=hosts))
    budget = RetryBudget()
    reader = RegistryClient(registry=source.host, base_url=source.plan.url, door=door, budget=budget)
    writer = RegistryClient(
        registry=target.host, base_url=target.plan.url, door=door, budget=budget, role="target"
    )
    copier = ImageCopier(
        source=reader,
        source_repository="bench/image",
        wanted="v1",
        target=writer,
        target_repository="copy/image",
        target_tag="v1",
    )
    try:
        copier.sign_in()
        copier.pull()
        copier.tag()
        copier.push()
    finally:
        copier.cleanup()
        reader.close()
        writer.close()


def by_skopeo(source: Registry, target: Registry) -> None:
    subprocess.run(
        [
            *("skopeo", "copy", "--all", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"),
            f"docker://{source.host}/bench/image:v1",
            f"docker://{target.host}/copy/image:v1",
        ],
        check=True,
        env={"HOME": "/nonexistent", "PATH": "/usr/bin:/bin", "TMPDIR": str(target.plan.directory)},
    )


def timed(copy: Callable[[Registry, Registry], None], source: Registry, target: Registry) -> float:
    target.empty()
    started = time.perf_counter()
    copy(source, target)
    return time.perf_counter() - started


def compare(text: str, rounds: int, source: Registry, target: Registry) -> dict[str, object]:
    """Copy one shape by both, in turns."""
    if text.endswith("p"):
        platforms = ("linux/amd64", "linux/arm64", "linux/s390x", "linux/ppc64le")
        children = [random_image(shape(text[:-1]), seed=n, platform=each) for n, each in enumerate(platforms)]
        image = index_of(children)
    else:
        image = random_image(shape(text))
    push_image(source.plan.url, "bench/image", "v1", image)
    del image
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(rounds):
        theirs.append(timed(by_skopeo, source, target))
        ours.append(timed(by_engine, source, target))
    engine, skopeo = statistics.median(ours), statistics.median(theirs)
    return {
        "layers": text,
        "engine_seconds": round(engine, 3),
        "skopeo_seconds": round(skopeo, 3),
        "ratio": round(engine / skopeo, 3),
        "all": {"engine": [round(each, 2) for each in ours], "skopeo": [round(each, 2) for each in theirs]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--layers", default="6x100,40x2,1x3,3x10p", help="count x megabytes; p: for four platforms"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        source, target = Registry(Path(directory) / "source"), Registry(Path(directory) / "target")
        source.start()
        target.start()
        try:
            for text in options.layers.split(","):
                source.empty()
                result = compare(text, options.rounds, source, target)
                if options.json:
                    print(json.dumps(result), flush=True)
                else:
                    print(LINE.format(**result), flush=True)
        finally:
            source.running.stop()
            target.running.stop()


if __name__ == "__main__":
    main()
