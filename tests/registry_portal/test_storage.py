"""Static files have hashed names where they were collected, and are found where they were not."""

from __future__ import annotations

from pathlib import Path

from registry_portal.storage import StaticStorage


def test_a_file_that_was_not_collected_keeps_its_plain_name(tmp_path: Path) -> None:
    storage = StaticStorage(location=tmp_path, base_url="/static/")
    assert storage.stored_name("css/tokens.css") == "css/tokens.css"


def test_a_collected_file_carries_its_hash(tmp_path: Path) -> None:
    (tmp_path / "plain.css").write_text("a {}")
    storage = StaticStorage(location=tmp_path, base_url="/static/")
    assert storage.stored_name("plain.css").startswith("plain.")
    assert storage.stored_name("plain.css") != "plain.css"
