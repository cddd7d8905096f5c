"""The connections to one server: kept ones are used again, the latest first, and never more than so many.

A connection is in one place at a time: in use, settling, or kept. One timer sweeps them all, for as long as
there are any. Nothing waits in a queue here: who finds no room is told so at once.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from proxy.edges.upstreams.connection import SETTLE_S, Connection
from proxy.edges.upstreams.credentials import Credentials
from proxy.edges.upstreams.target import Target
from proxy.errors import UpstreamUnreached

SWEEP_S: Final = SETTLE_S
"""The shortest time that is looked after, so that nothing lasts longer than twice that over its bound."""


class Pool:
    """`take` a connection, and `release` it. `silence_s`: of a server in the middle of its work."""

    def __init__(
        self, target: Target, credentials: Credentials, *, most: int, connect_s: float, silence_s: float
    ) -> None:
        self._target = target
        self._credentials = credentials
        self._most = most
        self._connect_s = connect_s
        self._silence_s = silence_s
        self._sweep_s = min(SWEEP_S, silence_s / 4)
        self._all: set[Connection] = set()
        self._kept: list[Connection] = []
        self._used: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Pool: {len(self._used)} in use, {len(self._kept)} kept>"

    @property
    def in_use(self) -> int:
        """Connections with a request on them, or being made for one."""
        return len(self._used)

    async def take(self) -> Connection:
        """A kept connection, or a new one. Raises UpstreamUnreached: nothing has been sent then."""
        if self._closed:
            raise UpstreamUnreached("The way to the model server is closed.")
        now = asyncio.get_running_loop().time()
        while self._kept:
            connection = self._kept.pop()
            if connection.usable(now):
                self._used.add(connection)
                return connection
            connection.close()
        return await self._connect()

    def release(self, connection: Connection, *, whole: bool = False) -> None:
        """See `Connection.release`. Once: a moment later it may be somebody else's."""
        self._used.discard(connection)
        connection.release(whole=whole)

    async def close(self) -> None:
        self._closed = True
        for connection in tuple(self._all):
            connection.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await asyncio.sleep(0)  # a transport lets go of its socket one turn of the loop after it is closed

    async def _connect(self) -> Connection:
        self._make_room()
        connection = Connection(self._kept.append, self._forget)
        self._all.add(connection)
        self._used.add(connection)
        made = False
        try:
            with _reasons():
                async with asyncio.timeout(self._connect_s):
                    await self._dial(connection)
            made = connection.usable(asyncio.get_running_loop().time())
        finally:
            if not made:
                connection.close()
        if not made:
            raise UpstreamUnreached("The model server closes its connections at once.")
        self._watch()
        return connection

    async def _dial(self, connection: Connection) -> None:
        loop, target = asyncio.get_running_loop(), self._target
        if target.socket is not None:
            await loop.create_unix_connection(lambda: connection, target.socket)
        else:
            context = self._credentials.context if target.tls else None
            name = target.host if context is not None else None
            await loop.create_connection(
                lambda: connection, target.host, target.port, ssl=context, server_hostname=name
            )

    def _make_room(self) -> None:
        """Of those at the bound, one that is only being let go by makes way."""
        if len(self._all) < self._most:
            return
        settling = next((one for one in self._all if one.settling), None)
        if settling is None:
            raise UpstreamUnreached("As many connections to the model server are open as are allowed.")
        settling.close()

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._used.discard(connection)
        if connection in self._kept:
            self._kept.remove(connection)

    def _watch(self) -> None:
        if self._timer is None and self._all and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._sweep_s, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for connection in tuple(self._all):
            connection.sweep(now, self._silence_s)
        self._watch()


@contextmanager
def _reasons() -> Iterator[None]:
    """Foreign errors of making a connection, without their words, which may quote addresses."""
    try:
        yield
    except ssl.SSLError:
        raise UpstreamUnreached("No connection to the model server can be trusted.") from None
    except TimeoutError:
        raise UpstreamUnreached("The model server took too long to connect.") from None
    except OSError:
        raise UpstreamUnreached("The model server cannot be reached.") from None
