"""Which ports a stranger's registry may have."""

from __future__ import annotations

import pytest

from oci.egress.ports import is_usual_port


@pytest.mark.parametrize("port", [80, 443, 1024, 4443, 5000, 5001, 8000, 8080, 8443, 30500, 65535])
def test_a_registry_may_be_there(port: int) -> None:
    assert is_usual_port(port)


@pytest.mark.parametrize(
    "port",
    [0, 1, 22, 23, 25, 53, 110, 389, 445, 631, 1023, 1433, 2049, 2375, 2376, 2379, 3306, 3389, 5432,
     5672, 5900, 6000, 6379, 6443, 8500, 9200, 10250, 11211, 26379, 27017, 65536, -1],
)  # fmt: skip
def test_a_registry_is_not_there(port: int) -> None:
    assert not is_usual_port(port)
