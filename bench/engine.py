"""How fast the engine copies, against ``skopeo copy --all`` in the same run: real Distribution on loopback,
both ways.

    python -m bench.engine [--rounds 3] [--layers 6x100,40x2]
    python -m bench.engine --processor [--rounds 3]

Prints a line for each shape: the median of both, and their ratio. Each round copies into a fresh repository
of an emptied target, so nothing is found there; the two take turns, so that a busy machine slows both.

The second compares the processor time of all that take part in a copy of 6 × 100 MB with that of the floor, which
uploads the same blobs from memory: unlike the seconds of a clock it hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from oci.copy.context import CopyOptions
from oci.copy.image_copier import ImageCopier
from oci.egress.door import Door, EgressPolicy
from oci.registry.client import RegistryClient
from oci.registry.options import ClientOptions
from oci.registry.repository import Repository
from stack.push import push_image
from stack.sample import Image, index_of
from stack.services.ports import free_port
from stack.services.registry_server import Listener, RegistryPlan, registry_service
from testbed.copying import alone
from testbed.images import random_image
from testbed.processes import Running

MEGABYTE = 1_000_000
#: Blobs in flight of the floor and of the portal (IMPORT_PARALLEL_BLOBS).
PARALLEL = 4
LINE = "{layers:>7}  engine {engine_seconds:6.2f} s  skopeo {skopeo_seconds:6.2f} s  ratio {ratio:.2f}"


def shape(text: str) -> list[int]:
    """``6x100`` as the sizes of six layers of 100 MB."""
    count, _, megabytes = text.partition("x")
    return [int(float(megabytes) * MEGABYTE)] * int(count)


class Registry:
    """A Distribution of one's own.

    :param http: where it listens; a free port by default.
    :param options: of its :class:`RegistryPlan`.
    """

    def __init__(
        self, directory: Path, *, http: Listener | None = None, access_log: bool = False, **options: Any
    ) -> None:
        directory.mkdir()
        extra = {"log": {"level": "error", "accesslog": {"disabled": False}}} if access_log else {}
        extra |= options.pop("extra", {})
        self.plan = RegistryPlan(
            directory=directory, http=http or Listener(free_port()), extra=extra, **options
        )
        self.running = Running(registry_service(self.plan), directory / "registry.log")

    @property
    def host(self) -> str:
        return self.plan.http.address

    def start(self) -> None:
        self.running.start()

    def empty(self) -> None:
        """Forget everything, in memory too."""
        self.running.stop()
        shutil.rmtree(self.plan.directory / "data", ignore_errors=True)
        self.running.start()


def by_engine(source: Registry, target: Registry) -> None:
    """Copy the image with this project's engine."""
    hosts = frozenset({source.host, target.host})
    door = Door(EgressPolicy(trusted_hosts=hosts))
    options = ClientOptions()
    reader = RegistryClient(source.host, door, base_url=source.plan.url, options=options)
    writer = RegistryClient(target.host, door, role="target", base_url=target.plan.url, options=options)
    copier = ImageCopier(
        Repository(reader, "bench/image"),
        "v1",
        Repository(writer, "copy/image"),
        "v1",
        options=CopyOptions(),
        context=alone(cancel=options.cancel, documents=options.documents),
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
    """Copy the image with skopeo."""
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
    """How long a copy into an empty target takes, in seconds."""
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


def upload_all(host: str, repository: str, image: Image) -> None:
    """What the floor does."""
    blobs = [(blob.digest, blob.data) for blob in image.all_blobs()]
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda blob: _upload(host, repository, *blob), blobs))


def _upload(host: str, repository: str, digest: str, content: bytes) -> None:
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("POST", f"/v2/{repository}/blobs/uploads/")
    answer = connection.getresponse()
    answer.read()
    location = answer.getheader("Location") or ""
    glue = "&" if "?" in location else "?"
    path = location.removeprefix(f"http://{host}")
    headers = {"Content-Type": "application/octet-stream"}
    connection.request("PUT", f"{path}{glue}digest={digest}", body=content, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 201, (answer.status, answer.read())
    connection.close()


def compare_processor_time(source: Registry, target: Registry, rounds: int) -> None:
    image = random_image(shape("6x100"), seed=1)
    push_image(source.plan.url, "bench/image", "v1", image)
    ratios: list[float] = []
    print("| round | who | itself, s | source, s | target, s | together, s |\n|---|---|---|---|---|---|")
    for number in range(1, rounds + 1):
        sums: dict[str, float] = {}
        runs: dict[str, Callable[[], None]] = {
            "engine": lambda: by_engine(source, target),
            "floor": lambda: upload_all(target.host, "floor/image", image),
        }
        for who, run in runs.items():
            target.empty()
            before = _taken(source, target)
            run()
            spent = [now - then for now, then in zip(_taken(source, target), before, strict=True)]
            sums[who] = sum(spent)
            cells = " | ".join(f"{each:.2f}" for each in (*spent, sums[who]))
            print(f"| {number} | {who} | {cells} |", flush=True)
        ratios.append(sums["engine"] / sums["floor"])
    print(f"\nengine ÷ floor: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    print(f"load: {', '.join(f'{each:.1f}' for each in os.getloadavg())}")


def _taken(source: Registry, target: Registry) -> list[float]:
    """Seconds so far, of this process and of both registries."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return [own.ru_utime + own.ru_stime, *(_of(each.running.pid) for each in (source, target))]


def _of(pid: int) -> float:
    """By ``/proc/<pid>/stat``: user and system time are its fields 14 and 15."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--layers", default="6x100,40x2,1x3,3x10p", help="count x megabytes; p: for four platforms"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--processor", action="store_true", help="processor time, beside the floor")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        source, target = Registry(Path(directory) / "source"), Registry(Path(directory) / "target")
        source.start()
        target.start()
        try:
            if options.processor:
                compare_processor_time(source, target, options.rounds)
                return
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
