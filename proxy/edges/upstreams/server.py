"""One server of an upstream: its connections, its health, and whether it may be asked just now."""

import asyncio
from typing import Final

from proxy.edges.upstreams import requests
from proxy.edges.upstreams.balance import Rank
from proxy.edges.upstreams.breaker import Breaker
from proxy.edges.upstreams.connection import Connection
from proxy.edges.upstreams.credentials import Credentials
from proxy.edges.upstreams.framing import Head
from proxy.edges.upstreams.pool import Pool
from proxy.edges.upstreams.probes import LIST_BYTES, probe_of
from proxy.edges.upstreams.target import Target
from proxy.errors import UpstreamBusy, UpstreamRefused, UpstreamUnavailable, UpstreamUnreached
from proxy.settings import Limits, Upstream
from proxy.wire import http_rules
from proxy.wire.dialect import JSON, UpstreamRequest, Wire

PROBE_S: Final = 2.0  # a server that does not answer a probe in this time is not ready to answer either
RETRY_S: Final = 1.0  # between probes of a server that is not ready: most are only loading their weights

_GONE: Final = frozenset({502, 503, 504})
"""A gateway without a server behind it, or a server out of service. Not 500: a caller may find a prompt that
crashes a model, and must not take the model away from everybody with it."""

_BUSY: Final = frozenset({429, 503})
"""Nothing was begun: "too many requests", "currently unable to handle the request" (RFC 6585, section 4;
RFC 9110, section 15.6.4)."""


class Server:
    """`post` a request and read its answer from the connection; `let_go` of that, whatever happens."""

    def __init__(self, upstream: Upstream, target: Target, credentials: Credentials, limits: Limits) -> None:
        self.name = f"{upstream.name} ({target.place})" if upstream.replicas else upstream.name
        self.listed: tuple[str, ...] = ()  # the models that it said it has
        self.problem = ""  # of the last probe
        self._upstream = upstream
        self._target = target
        self._credentials = credentials
        self._probe = probe_of(upstream)
        self._breaker = Breaker()
        # As many as exchanges, and one for a probe: more are never needed, and fewer would make some wait.
        self._pool = Pool(
            target,
            credentials,
            most=limits.exchanges + 1,
            connect_s=upstream.connect_s,
            silence_s=upstream.silence_s,
        )
        self._heads: dict[tuple[str, bool], bytes] = {}
        self._heads_key: str | None = None

    def __repr__(self) -> str:
        return f"<Server {self.name}>"

    @property
    def pause_s(self) -> float:
        """Until the next `check`."""
        return min(RETRY_S, self._upstream.health_s) if self.problem else self._upstream.health_s

    def rank(self, now: float) -> Rank:
        return (bool(self.problem) or not self._breaker.admits(now), self._pool.in_use)

    async def close(self) -> None:
        await self._pool.close()

    async def post(self, wire: Wire, request: UpstreamRequest) -> tuple[Connection, Head]:
        """The head of its answer, on the connection that the body will come on.

        Raises UpstreamUnreached when nothing has been sent. Whatever happens later is not that, for "a proxy
        MUST NOT automatically retry non-idempotent requests" (RFC 9110, section 9.2.2): once a byte has left,
        on a kept connection too, the model may be at work, and its work is somebody's bill.
        """
        loop = asyncio.get_running_loop()
        if not self._breaker.enter(loop.time()):
            raise UpstreamUnreached("The model server has failed again and again, and is left alone for now.")
        try:
            connection, head = await self._send(wire, request)
        except UpstreamUnavailable:
            self._breaker.failed(loop.time())
            raise
        except BaseException:
            self._breaker.left()
            raise
        if head.status in _GONE:
            self._breaker.failed(loop.time())
        else:
            self._breaker.succeeded()
        return connection, head

    def let_go(self, connection: Connection, *, whole: bool) -> None:
        """`whole`: its answer is, as far as anybody wants to know; else the connection is closed at once."""
        self._pool.release(connection, whole=whole)

    async def check(self) -> None:
        """Ask whether it is ready, and for its models; read credentials that have changed. Not for the path
        of an exchange."""
        if self._credentials.from_files:
            await asyncio.to_thread(self._credentials.reload)
        try:
            async with asyncio.timeout(PROBE_S):
                await self._check()
        except TimeoutError:
            self.problem = "The model server does not answer in time."
        except (UpstreamUnavailable, UpstreamRefused) as error:
            self.problem = error.reason
        else:
            self.problem = self._credentials.problem
            self._breaker.hint()

    async def _check(self) -> None:
        if self._upstream.health:
            await self._get(self._upstream.health, None)
        if not self._upstream.health or not self._upstream.models:
            self.listed = self._probe.names(await self._get(self._probe.path, JSON))

    async def _get(self, path: str, content_type: str | None) -> bytes:
        headers = http_rules.upstream_headers(requests.AGENT, self._credentials.key)
        connection = await self._pool.take()
        whole = False
        try:
            head = await connection.ask(requests.get(self._target, path, headers), b"")
            check(head, content_type)
            body = await connection.read(LIST_BYTES)
            whole = True
            return body
        finally:
            self.let_go(connection, whole=whole)

    async def _send(self, wire: Wire, request: UpstreamRequest) -> tuple[Connection, Head]:
        start = self._head(wire, stream=request.stream)
        connection = await self._pool.take()
        answered = False
        try:
            head = await connection.ask(requests.with_length(start, len(request.body)), request.body)
            answered = True
        finally:
            if not answered:
                self.let_go(connection, whole=False)
        return connection, head

    def _head(self, wire: Wire, *, stream: bool) -> bytes:
        """Made once, as long as the key is the same."""
        key = self._credentials.key
        if key is not self._heads_key:
            self._heads.clear()
            self._heads_key = key
        made = self._heads.get((wire.name, stream))
        if made is None:
            path = wire.stream_path if stream and wire.stream_path else wire.path
            headers = {
                **http_rules.upstream_headers(requests.AGENT, key),
                **wire.headers,
                "accept": wire.stream_type if stream else JSON,
            }
            made = self._heads[wire.name, stream] = requests.post_head(self._target, path, headers)
        return made


def check(head: Head, content_type: str | None) -> None:
    """Raises UpstreamBusy, UpstreamRefused or UpstreamUnavailable unless it is what was asked for."""
    if head.status in _BUSY:
        raise UpstreamBusy(head.status)
    if 300 <= head.status < 400:
        raise UpstreamUnavailable("The model server redirects, and redirects are not followed.")
    if head.status != 200:
        raise UpstreamRefused(head.status)
    if content_type is not None and head.content_type != content_type:
        raise UpstreamUnavailable("The model server's answer is of another type than was asked for.")
    if head.content_coding != "identity":
        raise UpstreamUnavailable("The model server's answer is compressed, which was not asked for.")
