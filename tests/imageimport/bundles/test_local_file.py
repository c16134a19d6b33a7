"""A file that is whole or not there, written by one and continued where it stopped."""

from __future__ import annotations

import fcntl
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from tests.imageimport.bundles.conftest import Giving
from tests.imageimport.bundles.exporting import export, names_of
from tests.support.content.bundles import Layout

pytestmark = pytest.mark.django_db


def test_what_was_interrupted_anywhere_continues_to_the_same_bytes(giving: Giving, tmp_path: Path) -> None:
    goal, part = tmp_path / "a.tar", tmp_path / "a.tar.part"
    export(goal, *names_of(giving))
    whole = goal.read_bytes()
    chance = random.Random(3)
    for number in range(20):
        goal.unlink()
        left = bytearray(whole[: chance.randrange(len(whole))])
        if number % 2 and left:
            left[chance.randrange(len(left))] ^= 1
        part.write_bytes(left + bytes(number))
        export(goal, *names_of(giving))
        assert hashlib.sha256(goal.read_bytes()).digest() == hashlib.sha256(whole).digest()
        assert not part.exists()


def test_two_runs_do_not_write_one_file(giving: Giving, tmp_path: Path) -> None:
    goal = tmp_path / "a.tar"
    with (tmp_path / "a.tar.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="another run is writing it") as refused:
            export(goal, names_of(giving)[0])
    assert refused.value.returncode == 3
    assert not goal.exists()
    export(goal, names_of(giving)[0])
    Layout.of(goal.read_bytes())


def test_a_run_that_opened_the_file_before_another_finished_it_leaves_that_alone(
    giving: Giving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goal, part = tmp_path / "a.tar", tmp_path / "a.tar.part"
    real = fcntl.flock

    def late(file: Any, how: int) -> None:
        if part.exists():
            file.write(b"whole")
            file.flush()
            part.replace(goal)
        real(file, how)

    monkeypatch.setattr("fcntl.flock", late)
    with pytest.raises(CommandError, match="another run is writing it"):
        export(goal, names_of(giving)[0])
    assert goal.read_bytes() == b"whole"


def test_a_file_that_cannot_be_written_ends_with_three(giving: Giving, tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        export(tmp_path / "no" / "a.tar", names_of(giving)[0])
    assert refused.value.returncode == 3
