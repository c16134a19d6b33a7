"""A port that is taken is named."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from testbed.portal import PortalProcess

MakePortal = Callable[..., PortalProcess]


def test_a_taken_port_is_named(make_portal: MakePortal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        portal = make_portal(start=False, PORT=str(port))
        with pytest.raises(AssertionError, match=f"Can't listen on 127.0.0.1, port {port}"):
            portal.start()
