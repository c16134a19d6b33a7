"""What allauth does not promise is used in one place."""

from __future__ import annotations

import re

from stack.paths import ROOT

APPS = ("accounts", "projects", "imageimport", "registry_portal")


def test_one_module_uses_what_allauth_does_not_promise() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        if re.search(r"^from allauth\S*\.internal", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == {"accounts/sign_in/allauth_internals.py"}
