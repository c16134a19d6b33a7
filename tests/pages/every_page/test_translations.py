"""The Chinese catalogue is complete and says what the glossary says."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext

from imageimport.choices import Status
from imageimport.worker.progress import STAGE_MESSAGES

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = ROOT / "locale/zh_Hans/LC_MESSAGES/django.po"
#: Words that are the same in both languages.
_SAME = {
    "URL",
    "：%(detail)s",
    "Webhook",
    "digest",
    "Docker Engine",
    "Helm chart",
    "Pod",
    "%(done)s / %(total)s",
    "%(here)s / %(total)s",
}


def entries() -> list[tuple[str, str]]:
    """Each text and its translation; of one with a plural the plural, as Chinese has one form for all numbers."""
    unquote = re.compile(r'"((?:[^"\\]|\\.)*)"')
    found = []
    for block in CATALOGUE.read_text(encoding="utf-8").split("\n\n")[1:]:
        assert "#, fuzzy" not in block, block
        parts = re.split(r"^msgstr(?:\[0\])? ", block, flags=re.MULTILINE)
        source = re.split(r"^msgid(?:_plural)? ", parts[0], flags=re.MULTILINE)[-1]
        found.append(tuple("".join(unquote.findall(text)) for text in (source, parts[1])))
    return found  # type: ignore[return-value]


def test_no_text_of_the_code_is_missing_empty_or_fuzzy() -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    looked = subprocess.run(
        [sys.executable, "-m", "scripts.translations"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert looked.returncode == 0, looked.stdout + looked.stderr[-2000:]


def test_no_text_stands_inside_an_f_string() -> None:
    """xgettext before 0.23 does not look there: the text would be in no catalogue, and nobody would miss it."""
    marks = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext"}
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for app in ("accounts", "imageimport", "oci", "projects", "registry_portal", "stack", "workloads")
        for path in (ROOT / app).rglob("*.py")
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(text, ast.JoinedStr)
        for call in ast.walk(text)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in marks
    ]
    assert found == []


def test_no_text_is_left_in_english() -> None:
    for source, text in entries():
        assert text, source
        assert re.search(r"[\u4e00-\u9fff]", text) or text in _SAME, source


def test_placeholders_are_the_same_in_both_languages() -> None:
    for source, text in entries():
        assert sorted(re.findall(r"%\(\w+\)[sd]", source)) == sorted(re.findall(r"%\(\w+\)[sd]", text)), (
            source
        )


def test_sentences_end_with_full_width_marks() -> None:
    for source, text in entries():
        if source.endswith("."):
            assert not text.endswith("."), text
        assert not re.search(r"[\u4e00-\u9fff][,;?!]", text), text


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Add from URL", "从 URL 添加"),
        ("Import image", "导入镜像"),
        ("Image URL", "镜像 URL"),
        ("Target name", "目标镜像名"),
        ("Target tag", "目标标签"),
        ("Username", "用户名"),
        ("Password", "密码"),
        ("Start import", "开始导入"),
        ("Retry", "重试"),
        ("Cancel", "取消"),
        ("Close", "关闭"),
        ("Public", "公开"),
        ("Private", "私有"),
        ("Internal", "内部"),
    ],
)
def test_contracted_names_are_exact(english: str, chinese: str) -> None:
    with translation.override("zh-hans"):
        assert gettext(english) == chinese


def test_statuses_and_stages_are_those_of_the_glossary() -> None:
    with translation.override("zh-hans"):
        assert [str(status.label) for status in Status] == [
            "待批准",
            "等待中",
            "进行中",
            "正在取消",
            "成功",
            "失败",
            "已取消",
        ]
        assert [gettext(sentence) for sentence in STAGE_MESSAGES.values()] == [
            "开始导入镜像",
            "正在登录源仓库",
            "正在拉取镜像",
            "正在重新标记镜像",
            "正在推送到私有仓库",
            "正在清理",
            "完成",
        ]
