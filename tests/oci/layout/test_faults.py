"""What is said of an archive that is not complete."""

from __future__ import annotations

import pytest

from oci.layout.faults import Incomplete, incomplete


@pytest.mark.parametrize(("count", "named"), [(1, "0"), (5, "0, 1, 2, 3, 4"), (7, "0, 1, 2, 3, 4, …")])
def test_some_of_what_is_missing_is_named_and_all_of_it_is_known(count: int, named: str) -> None:
    missing = [str(number) for number in range(count)]
    error = incomplete("app.tar", missing[::-1])
    assert isinstance(error, Incomplete)
    assert error.missing == missing
    assert str(error).startswith(f"app.tar doesn't contain {named}, and")
    assert not error.retryable
