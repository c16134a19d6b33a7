"""Other machines, as far as the kernel can play them: a network namespace each, a disk each, a name each.

All hang on one bridge. What runs on such a machine sees this one at :attr:`Network.address`, its own disk at ``/mnt``,
and of every other disk nothing that it could write or that a test has written.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

#: Set aside for tests between networks (RFC 2544): no real host has such an address.
NET: Final = "198.18"
#: Names begin so, followed by the id of the process that made them.
PREFIX: Final = "rpt"
#: Where a machine sees its own disk.
DISK: Final = Path("/mnt")

#: Everything is read-only but the machine's own disk, and what tests keep in ``$3`` is out of sight.
_ENTER: Final = """\
set -eu
hostname "$1"; disk=$2 hidden=$3; shift 3
mount --make-rprivate /
mount --bind "$disk" /mnt
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o ro tmpfs "$hidden"
mount -o remount,bind,ro /
cd /mnt
exec "$@"
"""


@dataclass(frozen=True)
class Machine:
    """One of them."""

    name: str
    disk: Path
    namespace: str
    link: str
    #: What it must not see.
    hidden: Path

    def command(self, argv: Sequence[str]) -> list[str]:
        """The argument vector that runs ``argv`` there; the process's id stays the same."""
        enter = ["unshare", "--mount", "--uts", "--", "sh", "-c", _ENTER, "sh"]
        about = [self.name, str(self.disk), str(self.hidden)]
        return ["ip", "netns", "exec", self.namespace, *enter, *about, *argv]

    def cut_off(self) -> None:
        """Pull its cable: nothing comes or goes any more, and nobody is told."""
        _ip("link", "set", self.link, "down")

    def connect(self) -> None:
        """Plug it in again."""
        _ip("link", "set", self.link, "up")


class Network:
    """A bridge of this machine, and the machines on it. A context manager; leaves nothing behind.

    :param disks: where their disks are made.
    """

    def __init__(self, disks: Path) -> None:
        self._disks = disks
        self._stack = ExitStack()
        self._count = 0
        self._name = f"{PREFIX}{os.getpid()}"
        self.address = ""

    def __enter__(self) -> Self:
        _remove_left_behind()
        subnet = _free_subnet()
        self.address = f"{subnet}.1"
        with self._stack:
            self._stack.callback(_ip, "link", "delete", self._name)
            _ip("link", "add", self._name, "type", "bridge")
            _ip("address", "add", f"{self.address}/24", "dev", self._name)
            _ip("link", "set", self._name, "up")
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def machine(self, name: str, *, hidden: Path) -> Machine:
        """A new machine with an empty disk, which is at ``disk`` here and at ``/mnt`` there."""
        self._count += 1
        namespace = link = f"{self._name}.{self._count}"
        disk = self._disks / name
        disk.mkdir(parents=True)
        self._stack.callback(_ip, "netns", "delete", namespace)
        _ip("netns", "add", namespace)
        peer = ("peer", "name", "eth0", "netns", namespace)
        _ip("link", "add", link, "type", "veth", *peer)
        _ip("link", "set", link, "master", self._name, "up")
        inside = f"{self.address.rpartition('.')[0]}.{self._count + 1}/24"
        _ip("-n", namespace, "address", "add", inside, "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", namespace, "link", "set", device, "up")
        return Machine(name, disk, namespace, link, hidden)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, (
        f"ip {' '.join(arguments)}: {done.stderr.strip()} (network namespaces need root)"
    )
    return done.stdout


def _free_subnet() -> str:
    taken = {each["local"] for link in json.loads(_ip("-json", "address")) for each in link["addr_info"]}
    for number in range(256):
        subnet = f"{NET}.{(os.getpid() + number) % 256}"
        if f"{subnet}.1" not in taken:
            return subnet
    raise AssertionError("every test network is in use")


def _remove_left_behind() -> None:
    """What a test run that was killed has left: namespaces outlive their processes."""
    for namespace in re.findall(rf"^({PREFIX}(\d+)\.\d+)", _ip("netns", "list"), re.MULTILINE):
        if not Path(f"/proc/{namespace[1]}").exists():
            _ip("netns", "delete", namespace[0])
    for link in json.loads(_ip("-json", "link", "show", "type", "bridge")):
        found = re.fullmatch(rf"{PREFIX}(\d+)", link.get("ifname", ""))
        if found and not Path(f"/proc/{found[1]}").exists():
            _ip("link", "delete", link["ifname"])
