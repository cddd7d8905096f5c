"""A stand-in for an inference server, quick enough never to be what is measured.

Speaks just enough HTTP/1.1 for a proxy (keep-alive, Content-Length, no pipelining), from bytes that were made
before. It is no model: it repeats the request's mark among fixed words, and as a judge it always says no.

    python -m load.stand_in --port 0 --chunks 64

prints one JSON line with its port, and ends when its standard input does. A request's `seed` says how many
chunks a second it wants streamed; 0 is all at once.
"""

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import cast

import uvloop

from load.corpus import MODEL, answer_pieces, mark_in

CREATED = 1_700_000_000
MAX_REQUEST = 8 * 1024 * 1024  # a load driver's mistake must not fill the memory
JSON_TYPE = b"application/json"
RATE = re.compile(rb'"seed": ?(\d{1,4})')


def chunk_event(delta: dict[str, str], finish: str | None = None) -> bytes:
    """One event of a streamed answer, as it stands in the body."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": MODEL}
    return b"data: " + json.dumps({**event, "choices": [choice]}).encode() + b"\n\n"


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _framed(chunk_event(delta, finish))


def _framed(event: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(event), event)


def _usage(completion: int) -> dict[str, int]:
    return {"prompt_tokens": 800, "completion_tokens": completion, "total_tokens": 800 + completion}


class Script:
    """Every answer, ready to be sent. `pieces`: how many chunks of text a streamed answer has."""

    def __init__(self, pieces: int, *, mark_once: bool = False) -> None:
        words = answer_pieces(pieces, mark_once=mark_once)
        self.head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + _chunk({"role": "assistant", "content": ""})
        )
        # A marked chunk is framed when the mark is known: redaction may have changed its length.
        self.chunks = [word if "MARK" in word else _chunk({"content": word}) for word in words]
        self.tail = (
            _chunk({}, "stop") + self._usage_chunk(pieces) + _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        )
        self.whole = self._whole("".join(words[:64]), 64)
        self.verdict = _answer(json.dumps(_verdict()).encode())
        self.models = _answer(
            json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
        )
        self.health = _answer(b'{"status":"ok"}')

    def chunk(self, number: int, mark: bytes) -> bytes:
        ready = self.chunks[number]
        return _chunk({"content": ready.replace("MARK", mark.decode())}) if isinstance(ready, str) else ready

    def completion(self, mark: bytes) -> bytes:
        return _answer(self.whole.replace(b"MARK", mark))

    def _usage_chunk(self, pieces: int) -> bytes:
        event = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": MODEL}
        said = {**event, "choices": [], "usage": _usage(pieces)}
        return _framed(b"data: " + json.dumps(said).encode() + b"\n\n")

    def _whole(self, text: str, tokens: int) -> bytes:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        head = {"id": "chatcmpl-1", "object": "chat.completion", "created": CREATED, "model": MODEL}
        return json.dumps({**head, "choices": [choice], "usage": _usage(tokens)}).encode()


def _verdict() -> dict[str, object]:
    """A judge's no, as token log-probabilities. It judges nothing: it costs what a judge's answer costs."""
    top = [
        {"token": " No", "logprob": -0.01, "bytes": None},
        {"token": " Yes", "logprob": -5.0, "bytes": None},
    ]
    logprobs = {"content": [{"token": " No", "logprob": -0.01, "bytes": None, "top_logprobs": top}]}
    message = {"role": "assistant", "content": " No"}
    choice = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": "length"}
    head = {"id": "chatcmpl-2", "object": "chat.completion", "created": CREATED, "model": "judge"}
    return {**head, "choices": [choice], "usage": _usage(1)}


def _answer(body: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        JSON_TYPE,
        len(body),
        body,
    )


class Caller(asyncio.Protocol):
    """One connection."""

    def __init__(self, script: Script, loop: asyncio.AbstractEventLoop) -> None:
        self._script = script
        self._loop = loop
        self._came = b""
        self._next: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by its type

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - either way it has gone
        if self._next is not None:
            self._next.cancel()

    def data_received(self, data: bytes) -> None:
        self._came = self._came + data if self._came else data
        head, found, rest = self._came.partition(b"\r\n\r\n")
        if not found:
            return
        length = _content_length(head)
        if length > MAX_REQUEST:
            self._transport.abort()
        elif len(rest) >= length:
            self._came = b""
            self._reply(head, rest)

    def _reply(self, head: bytes, body: bytes) -> None:
        script = self._script
        if head.startswith(b"POST /v1/chat/completions "):
            if b'"logprobs"' in body:
                self._transport.write(script.verdict)
            elif b'"stream":true' in body or b'"stream": true' in body:
                self._transport.write(script.head)
                self._say(0, mark_in(body), _pause_s(body))
            else:
                self._transport.write(script.completion(mark_in(body)))
        elif head.startswith(b"GET /v1/models "):
            self._transport.write(script.models)
        elif head.startswith(b"GET /health "):
            self._transport.write(script.health)
        else:
            self._transport.write(_answer(b"{}", b"404 Not Found"))

    def _say(self, number: int, mark: bytes, pause_s: float) -> None:
        """One piece now and the next in its time; without a pause, all at once."""
        script = self._script
        if not pause_s:
            pieces = [script.chunk(index, mark) for index in range(len(script.chunks))]
            self._transport.write(b"".join(pieces) + script.tail)
        elif number < len(script.chunks):
            self._transport.write(script.chunk(number, mark))
            self._next = self._loop.call_later(pause_s, self._say, number + 1, mark, pause_s)
        else:
            self._transport.write(script.tail)


def _pause_s(body: bytes) -> float:
    rate = RATE.search(body)
    return 1 / int(rate[1]) if rate and int(rate[1]) else 0.0


def _content_length(head: bytes) -> int:
    """Of a request; one without has no body. A chunked one is a mistake of ours: it finds no room here."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
        if name.lower() == b"transfer-encoding":
            return MAX_REQUEST + 1
    return 0


async def serve(script: Script, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Caller(script, loop), "127.0.0.1", port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await until_input_ends()
    server.close()


async def until_input_ends() -> None:
    """So that nobody is left behind: a parent that is gone, however it went, has closed our input."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(sys.stdin, lambda: gone.set() if not os.read(sys.stdin.fileno(), 1) else None)
    await gone.wait()
    loop.remove_reader(sys.stdin)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m load.stand_in", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--chunks", type=int, default=64, help="pieces of a streamed answer (default 64)")
    parser.add_argument("--mark-once", action="store_true", help="no marks but in the first sentence")
    args = parser.parse_args(argv)
    uvloop.run(serve(Script(args.chunks, mark_once=args.mark_once), args.port))


if __name__ == "__main__":
    main()
