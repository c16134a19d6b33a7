"""Scripted registries for tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from oci.registry import listing, uploads
from testbed import copying
from testbed.scripted_auth import TokenServer
from testbed.scripted_http import Reply
from testbed.scripted_registry import ScriptedRegistry
from tests.oci.copying import MADE


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    """And forget what registries lack and hold: the next one may listen on the same port."""
    listing.LACKING.clear()
    uploads.DISTRIBUTIONS.clear()
    copying.ANNOUNCEMENTS._lists.clear()
    yield
    while MADE:
        MADE.pop().close()


@pytest.fixture
def make_scripted() -> Iterator[Callable[..., ScriptedRegistry]]:
    """Starts a scripted registry; takes what :class:`ScriptedRegistry` takes."""
    with ExitStack() as stack:

        def make(**options: Any) -> ScriptedRegistry:
            made = ScriptedRegistry(**options)
            stack.enter_context(made)
            return made

        yield make


@pytest.fixture
def source(make_scripted: Callable[..., ScriptedRegistry]) -> ScriptedRegistry:
    """An open registry to copy from."""
    return make_scripted()


@pytest.fixture
def target(make_scripted: Callable[..., ScriptedRegistry]) -> ScriptedRegistry:
    """An open registry to copy to."""
    return make_scripted()


@pytest.fixture
def make_tokens() -> Iterator[Callable[..., TokenServer]]:
    """Starts a token server; takes what :class:`TokenServer` takes, and what it answers instead of a token."""
    with ExitStack() as stack:

        def make(*, answer: Reply | None = None, **options: Any) -> TokenServer:
            server = TokenServer(**options)
            server.answer = answer
            stack.enter_context(server)
            return server

        yield make
