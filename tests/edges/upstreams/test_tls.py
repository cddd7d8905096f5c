"""TLS: only whom we trust, by the name we asked for, and with our own certificate where one is wanted."""

import asyncio
import os
from pathlib import Path

import pytest

from proxy.edges.upstreams.connection import REST_S
from proxy.errors import UpstreamUnavailable, UpstreamUnreached
from proxy.settings import UpstreamTls
from tests.edges.fakes_certificates import Authority
from tests.edges.fakes_upstream import LAST, STREAM, answer, asked, chunk, door, scripted, then


async def test_a_trusted_server_is_asked_and_its_connection_kept(
    tmp_path: Path, authority: Authority
) -> None:
    script = [answer(b"hi."), STREAM + chunk(b"a.") + LAST]
    trust = UpstreamTls(ca_file=authority.file(tmp_path))
    async with (
        scripted(*script, tls=authority.server(tmp_path)) as server,
        door(server.url, tls=trust) as upstreams,
    ):
        assert await asked(upstreams) == "hi"
        assert await asked(upstreams, stream=True) == "a"
        await asyncio.sleep(REST_S * 1.5)
        assert await asked(upstreams, stream=True, body=b"x" * 3_000_000) == "a"
        assert server.connections == 1
        assert len(server.requests[2]) > 3_000_000


async def test_an_address_is_checked_like_a_name(tmp_path: Path, authority: Authority) -> None:
    trust = UpstreamTls(ca_file=authority.file(tmp_path))
    async with (
        scripted(answer(b"hi."), tls=authority.server(tmp_path, hosts=("127.0.0.1",))) as server,
        door(f"https://127.0.0.1:{server.port}", tls=trust) as upstreams,
    ):
        assert await asked(upstreams) == "hi"
        async with door(f"https://localhost:{server.port}", tls=trust) as others:
            with pytest.raises(UpstreamUnreached, match="trusted"):
                await asked(others)


async def test_a_server_of_another_authority_gets_nothing(tmp_path: Path, authority: Authority) -> None:
    other = Authority("other")
    async with scripted(answer(b"hi."), tls=other.server(tmp_path)) as server:
        for trust in (UpstreamTls(ca_file=authority.file(tmp_path)), UpstreamTls()):
            async with door(server.url, tls=trust) as upstreams:
                with pytest.raises(UpstreamUnreached, match="trusted"):
                    await asked(upstreams)
                assert upstreams.routes("small")
        assert server.requests == []


async def test_a_server_that_speaks_no_tls_gets_nothing(tmp_path: Path, authority: Authority) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.write(answer(b"hi."))
        writer.close()

    heard: list[bytes] = []
    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server, door(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as upstreams:
        with pytest.raises(UpstreamUnreached):
            await asked(upstreams)
    assert b"POST" not in heard[0]


async def test_a_server_that_asks_for_a_certificate_gets_ours(tmp_path: Path, authority: Authority) -> None:
    files = authority.files(tmp_path, "client")
    ours = UpstreamTls(authority.file(tmp_path), files.certificate, files.key)
    async with (
        scripted(answer(b"hi."), tls=authority.server(tmp_path, ask=True)) as server,
        door(server.url, tls=ours) as upstreams,
    ):
        assert await asked(upstreams) == "hi"
        async with door(server.url, tls=UpstreamTls(ca_file=authority.file(tmp_path))) as strangers:
            with pytest.raises(UpstreamUnavailable):
                await asked(strangers)
    assert len(server.requests) == 1


async def test_a_changed_certificate_is_used_for_the_next_connection(
    tmp_path: Path, authority: Authority
) -> None:
    stranger = Authority("stranger")
    server_files, ours = tmp_path / "server", tmp_path / "ours"
    server_files.mkdir()
    ours.mkdir()
    files = stranger.files(ours, "client")
    tls = UpstreamTls(authority.file(ours), files.certificate, files.key)
    listed = answer(b'{"data": []}')
    async with (
        scripted(listed, answer(b"hi."), tls=authority.server(server_files, ask=True)) as server,
        door(server.url, tls=tls) as upstreams,
    ):
        assert (await upstreams.refresh())["one"]
        renewed = authority.files(server_files, "client")
        os.replace(renewed.certificate, files.certificate)
        os.replace(renewed.key, files.key)
        assert await upstreams.refresh() == {"one": ""}
        assert await asked(upstreams) == "hi"


async def test_an_answer_that_is_cut_under_tls_is_an_error(tmp_path: Path, authority: Authority) -> None:
    trust = UpstreamTls(ca_file=authority.file(tmp_path))
    script = then(STREAM + chunk(b"half"))
    async with (
        scripted(script, tls=authority.server(tmp_path)) as server,
        door(server.url, tls=trust) as upstreams,
    ):
        with pytest.raises(UpstreamUnavailable):
            await asked(upstreams, stream=True)
