"""Lines of an htpasswd file."""

from __future__ import annotations

import pytest

from stack.services import htpasswd


@pytest.mark.parametrize("password", ["correct horse", "a:b$c", "p\u00e4ssw\u00f6rt"])
def test_a_line_holds_a_hash_of_the_password_and_no_other_fits(password: str) -> None:
    line = htpasswd.htpasswd_line("puller", password)
    name, _, hashed = line.removesuffix("\n").partition(":")
    assert name == "puller"
    assert hashed.startswith("$2b$05$") and len(hashed) == 60
    assert htpasswd._crypt(password, hashed) == hashed
    assert htpasswd._crypt(f"{password}!", hashed) != hashed
    assert htpasswd.htpasswd_line("puller", password) != line, "each has a salt of its own"


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "a\rb"])
def test_a_name_that_no_line_can_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="htpasswd"):
        htpasswd.htpasswd_line(name, "x")
