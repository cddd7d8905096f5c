"""TLS at the front, over real sockets, on asyncio's own loop and on the one that the proxy runs on."""

import asyncio
import contextlib
import socket
import ssl
import struct
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.edges.fakes_certificates import Authority
from tests.edges.fakes_identity import until
from tests.web.fakes_front import House, house, request, status_of, talk

HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


Scene = Callable[["Site"], Coroutine[Any, Any, None]]


def on_both_loops(scene: Scene) -> Callable[["Site", Any], None]:
    """asyncio's own loop, and the one that the proxy runs on."""

    def played(site: "Site", loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner(loop_factory=loop) as runner:
            runner.run(scene(site))
            runner.run(asyncio.sleep(0.05))  # transports close a moment after they were told to

    played.__name__ = scene.__name__
    loops = pytest.mark.parametrize(
        "loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
    )
    return loops(played)


class Site:
    """A front's authority and certificates. `current` is its context for who comes now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority()
        self.current = self.server()

    def server(self, *, ask: bool = False) -> ssl.SSLContext:
        return self.authority.server(self.folder, ask=ask)

    def caller(self, *, signed_by: Authority | None = None, **certificate: Any) -> ssl.SSLContext:
        """A context that trusts the front, with a certificate if one is described."""
        context = ssl.create_default_context(cafile=str(self.authority.file(self.folder)))
        if signed_by or certificate:
            files = (signed_by or self.authority).files(self.folder, "caller", **certificate)
            context.load_cert_chain(files.certificate, files.key)
        return context


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@asynccontextmanager
async def serving(site: Site, **limits: Any) -> AsyncIterator[House]:
    async with house(tls=lambda: site.current, **limits) as there:
        yield there


async def refused(there: House, context: ssl.SSLContext) -> bool:
    """TLS 1.3 tells a caller only when it reads that its certificate was not taken."""
    try:
        return await talk(there, HELLO, tls=context) == b""
    except (ssl.SSLError, ConnectionError):
        return True


@on_both_loops
async def test_a_request_is_answered_over_tls(site: Site) -> None:
    async with serving(site) as there:
        answer = await talk(there, HELLO, tls=site.caller())
        assert answer.endswith(b"hello")
        body = b"x" * 300_000
        assert b"got 300000" in await talk(there, request(body=body), tls=site.caller())
        await until(lambda: not there.front._lobby.crowd.members)


@on_both_loops
async def test_many_requests_at_once_are_each_answered(site: Site) -> None:
    context = site.caller()
    async with serving(site) as there:
        answers = await asyncio.gather(*(talk(there, HELLO, tls=context) for _ in range(40)))
        assert {status_of(answer) for answer in answers} == {200}


@on_both_loops
async def test_a_request_that_comes_in_one_packet_with_the_handshakes_end_is_not_lost(site: Site) -> None:
    """The caller's last flight and its first request in one segment: they are put there by hand."""
    async with serving(site) as there:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = site.caller().wrap_bio(incoming, outgoing, server_hostname="localhost")
        reader, writer = await asyncio.open_connection(there.host, there.port)
        while True:
            try:
                secured.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        secured.write(HELLO)
        writer.write(outgoing.read())
        answer = b""
        async with asyncio.timeout(5):
            while not answer.endswith(b"hello"):
                incoming.write(await reader.read(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    answer += secured.read(65536)
        writer.close()


@on_both_loops
async def test_http_1_1_is_all_that_is_agreed_on(site: Site) -> None:
    context = site.caller()
    context.set_alpn_protocols(["h2", "http/1.1"])
    site.current.set_alpn_protocols(["http/1.1"])
    async with serving(site) as there:
        _reader, writer = await asyncio.open_connection(
            there.host, there.port, ssl=context, server_hostname="localhost"
        )
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()


@on_both_loops
async def test_tls_1_1_is_refused(site: Site) -> None:
    context = site.caller()
    context.set_ciphers("ALL:@SECLEVEL=0")  # or OpenSSL would not even ask for it
    with warnings.catch_warnings(action="ignore"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(site) as there:
        assert await refused(there, context)


@on_both_loops
async def test_a_certificate_of_our_authority_is_let_in_and_no_other(site: Site) -> None:
    site.current = site.server(ask=True)
    other = Authority("test authority")
    good, foreign = site.caller(uris=("spiffe://acme/a",)), site.caller(signed_by=other)
    expired, none = site.caller(until=-timedelta(hours=1)), site.caller()
    async with serving(site) as there:
        assert status_of(await talk(there, HELLO, tls=good)) == 200
        for context in (foreign, expired, none):
            assert await refused(there, context)
        await until(lambda: sum(int(event["count"]) for event in there.events("tls_handshakes_failed")) == 3)
        assert not there.front._lobby.crowd.members
        assert "spiffe" not in repr(there.log)


@on_both_loops
async def test_who_comes_after_a_change_gets_the_new_certificate_and_who_is_there_stays(site: Site) -> None:
    before = site.caller()
    after = Site(site.folder)
    async with serving(site) as there:
        reader, writer = await asyncio.open_connection(
            there.host, there.port, ssl=before, server_hostname="localhost"
        )
        site.current = after.current
        assert status_of(await talk(there, HELLO, tls=after.caller())) == 200
        assert await refused(there, before)
        writer.write(HELLO)
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
        writer.close()


@on_both_loops
async def test_an_authority_that_was_taken_away_lets_nobody_in_any_more(site: Site) -> None:
    site.current = site.server(ask=True)
    caller = site.caller(uris=("spiffe://acme/a",))
    async with serving(site) as there:
        assert status_of(await talk(there, HELLO, tls=caller)) == 200
        renewed = site.server(ask=False)
        renewed.load_verify_locations(Authority("another").file(site.folder))
        renewed.verify_mode = ssl.CERT_REQUIRED
        site.current = renewed
        assert await refused(there, caller)


@on_both_loops
async def test_a_handshake_that_does_not_go_on_is_ended_in_time(site: Site) -> None:
    async with serving(site, header_s=0.3) as there:
        for start in (b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
            reader, writer = await asyncio.open_connection(there.host, there.port)
            writer.write(start)
            async with asyncio.timeout(3):
                with contextlib.suppress(ConnectionError):
                    while await reader.read(1024):
                        pass
            writer.close()
        await until(lambda: not there.front._lobby.crowd.members)


@on_both_loops
async def test_handshakes_count_among_the_connections(site: Site) -> None:
    async with serving(site, connections_per_peer=3) as there:
        waiting = [await asyncio.open_connection(there.host, there.port) for _ in range(3)]
        await until(lambda: len(there.front._lobby.crowd.members) == 3)
        assert await refused(there, site.caller())
        for _, writer in waiting:
            writer.close()
        await until(lambda: not there.front._lobby.crowd.members)
        assert status_of(await talk(there, HELLO, tls=site.caller())) == 200


@on_both_loops
async def test_a_caller_that_resets_in_the_middle_of_its_handshake_leaves_nothing_behind(site: Site) -> None:
    async with serving(site) as there:
        for _ in range(10):
            plain = socket.create_connection((there.host, there.port))
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            plain.send(b"\x16\x03\x01\x02")
            plain.close()
        await until(lambda: not there.front._lobby.crowd.members)
        assert there.events("connection_fault") == []
        assert status_of(await talk(there, HELLO, tls=site.caller())) == 200


@on_both_loops
async def test_draining_does_not_wait_for_handshakes(site: Site) -> None:
    async with serving(site, header_s=30.0) as there:
        _reader, writer = await asyncio.open_connection(there.host, there.port)
        await until(lambda: len(there.front._lobby.crowd.members) == 1)
        async with asyncio.timeout(3):
            await there.front.drain(10)
        writer.close()


@on_both_loops
async def test_a_context_that_fails_ends_the_connection_and_is_told(site: Site) -> None:
    def fails() -> ssl.SSLContext:
        raise ValueError("words")

    async with house(tls=fails) as there:
        assert await refused(there, site.caller())
        await until(lambda: bool(there.events("connection_fault")))
        assert not there.front._lobby.crowd.members
        assert "words" not in repr(there.log)
