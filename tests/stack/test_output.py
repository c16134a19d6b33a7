"""What services say: whose it is, and no more than fits."""

from __future__ import annotations

import re

from stack.services.supervisor import Supervisor
from tests.stack.services.supervising import sh, supervised, until


def test_output_says_whose_it_is() -> None:
    async def act(supervisor: Supervisor) -> None:
        service = supervisor.add(sh("talker", "echo one; echo two >&2; sleep 60"))
        await until(lambda: len(service.last_lines) == 2)

    assert re.findall(r"^talker +\| (\w+)$", supervised(act), re.MULTILINE) == ["one", "two"]


def test_an_endless_line_does_not_fill_the_memory() -> None:
    async def act(supervisor: Supervisor) -> None:
        service = supervisor.add(
            sh("babbler", "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo done; sleep 60")
        )
        await until(lambda: "done" in service.last_lines)

    assert len(supervised(act)) < 1_000_000
