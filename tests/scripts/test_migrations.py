"""What the check of migrations lets pass, and what not."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import migrations, models

from scripts import migrations as check

Operation = migrations.operations.base.Operation


def judged(*found: Operation, **attributes: Any) -> list[str]:
    made = type("Migration", (migrations.Migration,), {"operations": list(found), **attributes})
    return list(check.judge(made("0099_later", "imageimport")))


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("importtask", "new", models.TextField(null=True)),
        migrations.AddField("importtask", "new", models.TextField(db_default="")),
        migrations.AddIndex("importtask", models.Index(fields=["status"], name="x")),
        migrations.CreateModel("New", [("id", models.AutoField(primary_key=True))]),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField("importtask", "old")]),
    ],
)
def test_what_only_adds_may_pass(operation: Operation) -> None:
    assert judged(operation) == []


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("importtask", "new", models.TextField(default="")),
        migrations.RemoveField("importtask", "old"),
        migrations.RenameField("importtask", "old", "new"),
        migrations.DeleteModel("Old"),
        migrations.SeparateDatabaseAndState([migrations.RemoveField("importtask", "old")]),
    ],
)
def test_what_the_release_before_could_not_live_with_is_named(operation: Operation) -> None:
    (problem,) = judged(operation)
    assert problem.startswith("imageimport.0099_later: ")


def test_what_nobody_reads_any_more_may_go() -> None:
    assert judged(migrations.RemoveField("importtask", "old"), contracts="unread since 0.2.0") == []


def test_the_migrations_that_there_are_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main() == 0, capsys.readouterr().out
