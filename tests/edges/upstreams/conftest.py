"""What the tests of this folder share: an authority, and both event loops where sockets are concerned."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

from tests.edges.fakes_certificates import Authority

Factory = Callable[[], asyncio.AbstractEventLoop]

ASYNCIO: Mapping[str, Factory] = {"asyncio": asyncio.new_event_loop}
UVLOOP: Mapping[str, Factory] = {"uvloop": uvloop.new_event_loop}
BOTH: Mapping[str, Factory] = {**ASYNCIO, **UVLOOP}
AT_SOCKETS = {"test_upstreams.py", "test_pool.py", "test_tls.py", "test_cancels.py"}


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.hookimpl(tryfirst=True)
def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Factory]:
    """The proxy runs on uvloop; asyncio's own loop, whose transports differ in their moments, finds more."""
    if item.path.name not in AT_SOCKETS:
        return ASYNCIO
    return UVLOOP if item.get_closest_marker("slow") else BOTH
