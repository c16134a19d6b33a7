"""Records have few fields, or a line that says who defines them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import records
from scripts.records import MAX_FIELDS, complaints, widths

WIDE = MAX_FIELDS + 1


def fields(count: int, *, of: str = "one") -> str:
    return "".join(f"    {of}{number}: int\n" for number in range(count))


def written(name: str, count: int, *, bases: str = "") -> str:
    return f"@dataclass(frozen=True)\nclass {name}{bases}:\n{fields(count, of=name.lower())}"


def test_fields_of_dataclasses_and_named_tuples_are_counted() -> None:
    text = (
        written("Plain", 2)
        + f"@dataclasses.dataclass\nclass Other:\n{fields(3)}"
        + f"class Pair(NamedTuple):\n{fields(4)}"
        + f"class NoRecord:\n{fields(9)}"
    )
    assert widths({"a.py": text}) == {"a.py:Plain": 2, "a.py:Other": 3, "a.py:Pair": 4}


def test_what_can_not_be_given_is_no_field() -> None:
    text = written("State", 1) + (
        "    _: KW_ONLY\n"
        "    shared: ClassVar[int] = 1\n"
        "    begun: bool = field(default=False, init=False)\n"
        "    kept: int = field(default=0, repr=False)\n"
        "    name = 'state'\n"
        "    def act(self) -> None:\n        local: int = 1\n"
    )
    assert widths({"a.py": text}) == {"a.py:State": 2}


def test_fields_of_the_records_below_count_and_those_of_others_do_not() -> None:
    sources = {
        "oci/base.py": written("Base", 4) + written("Nearer", 2, bases="(Base)"),
        "client/portal_client/far.py": written("Far", 3),
        "oci/top.py": "from oci.base import Nearer as Below\nfrom portal_client.far import Far\n"
        + written("Top", 1, bases="(Below, Far, Generic[T])")
        + "@dataclass\nclass Again(Below):\n    nearer0: str\n",
    }
    found = widths(sources)
    assert found["oci/base.py:Nearer"] == 6
    assert found["oci/top.py:Top"] == 10
    assert found["oci/top.py:Again"] == 6, "a field that is said once more is one field"


def test_a_wide_record_needs_a_reason_and_a_reason_a_wide_record() -> None:
    found = {"a.py:Wide": WIDE, "a.py:Format": WIDE, "a.py:Narrow": MAX_FIELDS}
    assert complaints(found, {"a.py:Wide": "a row", "a.py:Format": "a format"}) == []
    (wide,) = complaints(found, {"a.py:Format": "a format"})
    assert "a.py:Wide has 7 fields" in wide
    narrow, gone = complaints(
        found,
        {"a.py:Wide": "a row", "a.py:Format": "a format", "a.py:Narrow": "a row", "a.py:Gone": "a row"},
    )
    assert "a.py:Narrow" in narrow and "a.py:Gone" in gone
    (silent,) = complaints(found, {"a.py:Wide": " ", "a.py:Format": "a format"})
    assert "a.py:Wide in wide_records.toml has no reason" in silent


@pytest.mark.parametrize(("folder", "code"), [("oci", 1), ("client", 1), ("tests", 0), ("bench", 0)])
def test_the_product_is_looked_at_and_nothing_else(
    folder: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file, table = tmp_path / folder / "thing.py", tmp_path / "table.toml"
    file.parent.mkdir()
    file.write_text(written("Thing", WIDE))
    table.write_text("")
    monkeypatch.setattr(records, "ROOT", tmp_path)
    monkeypatch.setattr(records, "TABLE", table)
    monkeypatch.setattr(records, "project_files", lambda _suffix: [file])
    assert records.main() == code
    assert (f"{folder}/thing.py:Thing has 7 fields" in capsys.readouterr().out) is bool(code)
