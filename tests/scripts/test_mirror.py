"""A module whose tests nobody finds fails the check, and so does a line of the table that is no longer true."""

from __future__ import annotations

import pytest

from scripts.mirror import main, unmirrored, where_tested

TESTS = [
    "tests/oci/http/test_dial.py",
    "tests/oci/copy/blob_copier/test_waiting.py",
    "tests/system/test_faults.py",
]


def test_tests_are_found_by_the_path_as_a_file_or_a_directory() -> None:
    assert unmirrored(["oci/http/dial.py", "oci/copy/blob_copier.py"], TESTS, {}) == []


def test_a_module_without_tests_is_told() -> None:
    (line,) = unmirrored(["oci/http/idle.py"], TESTS, {})
    assert line.startswith("oci/http/idle.py: no tests/oci/http/idle")


def test_the_table_says_it_of_a_module() -> None:
    assert unmirrored(["oci/http/idle.py"], TESTS, {"oci/http/idle.py": "tests/system/test_faults.py"}) == []


def test_the_table_has_no_line_for_what_may_still_come() -> None:
    found = unmirrored(["oci/http/idle.py"], TESTS, {"oci/http/": "tests/system/test_faults.py"})
    assert [line.split()[0].removesuffix(":") for line in found] == ["oci/http/idle.py", "oci/http/"]


def test_where_a_modules_tests_are_is_said_for_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    table = {"oci/http/idle.py": "tests/system/test_faults.py"}
    assert where_tested("oci/copy/blob_copier.py", TESTS, table) == [
        "tests/oci/copy/blob_copier/test_waiting.py"
    ]
    assert where_tested("oci/http/idle.py", TESTS, table) == ["tests/system/test_faults.py"]
    assert where_tested("oci/gone.py", TESTS, table) == []
    assert main(["scripts/gone.py"]) == 1
    assert capsys.readouterr().out == "scripts/gone.py: none\n"


def test_lines_that_are_no_longer_true_are_told() -> None:
    found = unmirrored(
        ["oci/http/dial.py", "oci/urls.py"],
        TESTS,
        {
            "oci/http/dial.py": "tests/system/test_faults.py",
            "oci/gone.py": "tests/system",
            "oci/urls.py": "tests/gone",
        },
    )
    assert [line.split()[0].removesuffix(":") for line in found] == [
        "oci/http/dial.py",
        "oci/gone.py",
        "tests/gone",
    ]
