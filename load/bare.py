"""The yardstick: an aiohttp server and an aiohttp client that pass bytes on, on uvloop, without any policy.

    python -m load.bare --upstream http://127.0.0.1:9000

prints one JSON line with its port, and ends when its standard input does.
"""

import argparse
import json
from collections.abc import Sequence

import aiohttp
import uvloop
from aiohttp import web

from load.stand_in import until_input_ends

PASSED_ON = ("Content-Type", "Authorization")


class Passthrough:
    def __init__(self, upstream: str, session: aiohttp.ClientSession) -> None:
        self._upstream = upstream
        self._session = session

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        url = self._upstream + request.path_qs
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            if answer.content_length is not None:
                whole = await answer.read()
                return web.Response(body=whole, status=answer.status, content_type=answer.content_type)
            return await self._stream(request, answer)

    async def _stream(self, request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        out = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
        await out.prepare(request)
        async for piece in answer.content.iter_any():
            await out.write(piece)
        await out.write_eof()
        return out


async def serve(upstream: str, port: int) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        runner = web.ServerRunner(web.Server(Passthrough(upstream, session).handle))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
        await until_input_ends()
        await runner.cleanup()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m load.bare", description=__doc__)
    parser.add_argument("--upstream", required=True, metavar="URL")
    parser.add_argument("--port", type=int, default=0)
    args = parser.parse_args(argv)
    uvloop.run(serve(args.upstream, args.port))


if __name__ == "__main__":
    main()
