"""The sizes of files and folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import sizes


@pytest.mark.parametrize(("modules", "code"), [(sizes.MAX_MODULES, 0), (sizes.MAX_MODULES + 1, 1)])
def test_a_folder_of_too_many_modules_is_named(
    modules: int,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "hall"
    folder.mkdir()
    files = [folder / f"room_{number}.py" for number in range(modules)] + [folder / "__init__.py"]
    for file in files:
        file.write_text("")
    monkeypatch.setattr(sizes, "ROOT", tmp_path)
    monkeypatch.setattr(sizes, "project_files", lambda _suffix: files)
    assert sizes.main() == code
    assert ("hall has 21 modules" in capsys.readouterr().out) is bool(code)


def test_a_file_of_too_many_lines_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "long.py"
    file.write_text("\n" * (sizes.MAX_LINES + 1))
    monkeypatch.setattr(sizes, "ROOT", tmp_path)
    monkeypatch.setattr(sizes, "project_files", lambda _suffix: [file])
    assert sizes.main() == 1
    assert "long.py has 501 lines" in capsys.readouterr().out
