"""TLS at the front: a caller counts from the moment it connects, and has bounded time to shake hands.

asyncio's own TLS server shows a connection only when its handshake is over: until then nobody would count it,
and its context could not change for those who come later.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, Final

from proxy.web.front_connection import Connection
from proxy.web.front_lobby import Lobby, peer_of

CLOSE_S: Final = 2.0
"""For the caller's word that it closes, too. Nothing is lost by not hearing it."""

PAUSE_S: Final = 0.1
"""After the system refused to accept: it usually has no file descriptor left, and some are freed soon."""

Context = Callable[[], ssl.SSLContext]
"""The one for a connection that comes now."""


class TlsListener:
    """Stands where an `asyncio.Server` would: `sockets`, `close` and `wait_closed` are the same."""

    def __init__(self, make: Callable[[], Connection], context: Context, lobby: Lobby[Any]) -> None:
        self._make = make
        self._context = context
        self._lobby = lobby
        self._accepting: asyncio.Task[None] | None = None
        self.sockets: list[socket.socket] = []

    async def listen(self, host: str, port: int, *, reuse_port: bool, backlog: int) -> None:
        """Raises OSError, as binding does."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            self.sockets.append(_bound(family, address, reuse_port=reuse_port, backlog=backlog))
        self._accepting = loop.create_task(self._accept_all())

    def close(self) -> None:
        """Ends the handshakes that are not over, too. Connections stay."""
        if self._accepting is not None:
            self._accepting.cancel()

    async def wait_closed(self) -> None:
        if self._accepting is not None:
            await asyncio.wait([self._accepting])

    async def _accept_all(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for listening in self.sockets:
                    group.create_task(self._accept(listening, group))
        finally:
            for listening in self.sockets:
                listening.close()

    async def _accept(self, listening: socket.socket, group: asyncio.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                caller, address = await loop.sock_accept(listening)
            except OSError as refused:
                self._lobby.fault("accept_failed", refused)
                await asyncio.sleep(PAUSE_S)
            else:
                group.create_task(self._admit(caller, peer_of(address)))

    async def _admit(self, caller: socket.socket, peer: str) -> None:
        """Before the handshake there are no words that a caller would understand: one too many is closed."""
        connection = self._make()
        if not self._lobby.crowd.admit(connection, peer):
            caller.close()
            return
        made = False
        try:
            made = await self._shake_hands(caller, connection)
        finally:
            if not made:  # else it leaves by itself
                self._lobby.crowd.leave(connection, peer)

    async def _shake_hands(self, caller: socket.socket, connection: Connection) -> bool:
        """Whether the connection was made."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                caller,
                ssl=self._context(),
                ssl_handshake_timeout=self._lobby.limits.header_s,
                ssl_shutdown_timeout=CLOSE_S,
            )
        except OSError:  # ssl.SSLError and TimeoutError are among them; their words may quote a certificate
            self._lobby.handshakes_failed += 1
            return False
        except Exception as fault:  # noqa: BLE001  a fault of ours ends this connection and no other
            self._lobby.fault("connection_fault", fault)
            caller.close()
            return False
        return True


def _bound(family: int, address: Any, *, reuse_port: bool, backlog: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:  # its IPv4 neighbour has a socket of its own
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.setblocking(False)
        listening.bind(address)
        listening.listen(backlog)
    except OSError:
        listening.close()
        raise
    return listening
