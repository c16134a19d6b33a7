"""PostgreSQL's index of each project's own trigrams: its function, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from projects.search.trigrams import GRAMS, gram
from testbed.services import PostgresServer

MINE = UUID("01a20cef-90dd-7d51-bb5b-c7dfcae2a61e")
OTHER = UUID("01a20cef-90dd-7d51-bb5b-c7dfcae2ffff")


def reckoned(project_id: str, letters: str) -> int:
    first, second, third = (ord(letter) for letter in letters)
    return int(project_id[-4:], 16) << 45 | first << 30 | second << 15 | third


@pytest.fixture(scope="module")
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE grams")
    with psycopg.connect(postgres.url("grams"), autocommit=True) as found:
        found.execute(GRAMS)
        yield found


def grams(connection: psycopg.Connection, project: UUID | None, text: str) -> set[int]:
    row = connection.execute("SELECT portal_grams(%s, %s)", [project, text]).fetchone()
    assert row
    return set(row[0] or [])


def test_a_text_is_the_trigrams_that_python_reckons_too(connection: psycopg.Connection) -> None:
    assert grams(connection, MINE, "nginx") == {
        reckoned(MINE.hex, letters) for letters in ("NGI", "GIN", "INX")
    }
    assert grams(connection, MINE, "镜像1") == {gram(MINE, "镜像1")}
    assert grams(connection, MINE, "x/\n") == {gram(MINE, "X/\n")} == {reckoned(MINE.hex, "X/\n")}
    assert grams(connection, MINE, "ng") == set()
    assert grams(connection, None, "ngi") == {reckoned("0000", "NGI")}


def test_projects_have_no_trigram_in_common_and_a_part_has_those_of_the_whole(
    connection: psycopg.Connection,
) -> None:
    whole = grams(connection, MINE, "registry.test:5000/Team5/镜像/nginx:1.27\n")
    assert not whole & grams(connection, OTHER, "registry.test:5000/Team5/镜像/nginx:1.27\n")
    assert grams(connection, MINE, "team5/镜像/NG") <= whole
    assert not grams(connection, MINE, "team6/") <= whole
