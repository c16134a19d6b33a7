"""The engine's errors: codes that are known, sentences with their parameters."""

from __future__ import annotations

import pytest

from oci.errors import OciError


def test_a_code_that_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="'no_such_code'"):
        OciError("no_such_code", "Any sentence.")


def test_a_sentence_has_its_parameters_and_one_without_any_may_have_percent_signs() -> None:
    assert (
        str(OciError("no_space", "Only %(count)d left on %(host)s.", count=3, host="a"))
        == "Only 3 left on a."
    )
    assert str(OciError("no_space", "100% of the disk is used.")) == "100% of the disk is used."
