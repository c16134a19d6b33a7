"""What nothing uses is found; what templates, settings and frameworks use by name is not."""

from __future__ import annotations

from pathlib import Path

from scripts.deadcode import unused

CODE = """
def used(): ...
def left_over(): ...
def shown(): ...
class Middleware: ...
class Form:
    def clean_name(self): ...
    def forgotten(self): ...
MIDDLEWARE = ["here.Middleware"]
used(Form)
"""


def test_only_what_nothing_names_is_told(tmp_path: Path) -> None:
    path = tmp_path / "here.py"
    path.write_text(CODE)
    assert unused([path], "{{ form.shown }}") == [
        "here.py:3: unused function left_over",
        "here.py:8: unused method forgotten",
    ]
