"""Hidden requests, sent to us directly and through nginx and HAProxy: at the model's socket each accepted
request is one well-formed request, and no caller ever gets another's answer."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.flows.callers import Caller, head, request
from tests.flows.counting_upstream import CountingUpstream
from tests.flows.peers import in_front
from tests.flows.program import Program, running
from tests.flows.smuggling import SMUGGLING

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

WAYS = ("directly", "nginx", "haproxy")
QUIET_S = 0.25


@dataclass
class Place:
    program: Program
    upstream: CountingUpstream
    ways: dict[str, str]

    async def attack(self, way: str, raw: bytes) -> bytes:
        """What the attacker hears until it is quiet."""
        caller = await Caller.at(self.ways[way])
        caller.send(raw)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while True:
                async with asyncio.timeout(QUIET_S if answer else 3 * QUIET_S):
                    piece = await caller.reader.read(65_536)
                if not piece:
                    break
                answer += piece
        caller.leave()
        return answer

    async def victim(self, way: str, words: str) -> bytes:
        caller = await Caller.at(self.ways[way])
        caller.send(request(self.program, words, "Connection: close", stream=False))
        return await caller.rest()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder: Path = tmp_path_factory.mktemp("peers")
    async with (
        CountingUpstream.listening() as upstream,
        running(folder, upstream.url) as program,
        _in_front(program, folder) as ways,
    ):
        yield Place(program, upstream, ways)


@asynccontextmanager
async def _in_front(program: Program, folder: Path) -> AsyncIterator[dict[str, str]]:
    async with (
        in_front("nginx", program.url, folder) as nginx,
        in_front("haproxy", program.url, folder) as haproxy,
    ):
        yield {"directly": program.url, "nginx": nginx, "haproxy": haproxy}


@pytest.mark.parametrize("way", WAYS)
async def test_a_plain_request_and_a_stream_pass(place: Place, way: str) -> None:
    assert b"plain words" in await place.victim(way, "plain words")
    caller = await Caller.at(place.ways[way])
    caller.send(request(place.program, "streamed words", "Connection: close"))
    answer = await caller.rest()
    assert b"streamed" in answer
    assert b"data: [DONE]" in answer


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SMUGGLING)
async def test_no_request_hides_in_another(place: Place, way: str, name: str) -> None:
    tag = f"{way}-{re.sub('[^a-z0-9]+', '-', name.lower())}"
    own = _body(f"outer-{tag}")
    hidden = request(place.program, f"hidden-{tag}", "Connection: close", stream=False)
    raw = SMUGGLING[name](_open_head(place.program), own, hidden)
    assert b"hidden-" in raw
    before = len(place.upstream.asked)
    heard = await place.attack(way, raw)
    nonces = [f"victim-{number}-{tag}" for number in range(3)]
    answers = await asyncio.gather(*[place.victim(way, nonce) for nonce in nonces])
    for nonce, answer in zip(nonces, answers, strict=True):
        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer.startswith(b"HTTP/1.1 200")
        assert re.findall(rb"(?:victim|outer|hidden)-[a-z0-9-]+", answer) == [nonce.encode()]
    asked = place.upstream.asked[before:]
    theirs = [words for words in asked if not words.startswith("victim")]
    assert len(asked) - len(theirs) == len(nonces)
    # Each that reached the model was answered to the one who sent it, with its own words and in their order.
    told = re.findall(rb"(?:outer|hidden)-[a-z0-9-]+", heard)
    assert [words.encode() for words in theirs] == told
    assert len(set(theirs)) == len(theirs)
    assert heard.count(b"HTTP/1.1 200") + heard.count(b"HTTP/1.0 200") >= len(theirs)
    assert place.upstream.faults == []
    assert tag not in "".join(place.program.said)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["plain pipelining", "pipelined chunks"])
async def test_two_good_requests_behind_each_other_are_two(place: Place, way: str, name: str) -> None:
    """So that the attacks do not pass for want of anybody who listens to a second request."""
    hidden = request(place.program, "second", "Connection: close", stream=False)
    before = len(place.upstream.asked)
    heard = await place.attack(way, SMUGGLING[name](_open_head(place.program), _body("first"), hidden))
    chunked = way == "directly" and "chunks" in name  # there a chunked request is the last of its connection
    words = ["first"] if chunked else ["first", "second"]
    assert place.upstream.asked[before:] == words
    assert heard.count(b"HTTP/1.1 200") == len(words)


# These are one good request each, or two. Behind a proxy it is that one's reading of the others that we get.
OUTER_IS_PLAIN = {
    "plain pipelining",
    "pipelined chunks",
    "kept alive on 1.0",
    "length with an underscore",
    "chunk extension",
    "length taken for a hop's own",
    "key taken for a hop's own",
    "host taken for a hop's own",
    "waiting for leave",
    "waiting for leave, in chunks",
    "upgrade to h2c",
    "upgrade to a web socket",
    "chunk size with zeros",
    "empty lines first",
}


@pytest.mark.parametrize("name", sorted(set(SMUGGLING) - OUTER_IS_PLAIN))
async def test_what_can_be_read_in_two_ways_never_reaches_the_model_directly(place: Place, name: str) -> None:
    before = len(place.upstream.asked)
    hidden = request(place.program, "hidden", "Connection: close", stream=False)
    heard = await place.attack("directly", SMUGGLING[name](_open_head(place.program), _body("outer"), hidden))
    assert heard.count(b"HTTP/1.1 ") <= 1
    assert not heard or 400 <= int(heard.split(b" ")[1]) < 500 or name.startswith("CL.0 at a GET")
    assert len(place.upstream.asked) == before


def _open_head(program: Program) -> bytes:
    """The head of a good POST, without its framing and its end."""
    lines = head(program, 0).removesuffix(b"\r\n\r\n").split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b"Content-Length")) + b"\r\n"


def _body(words: str) -> bytes:
    return json.dumps({"model": "smollm2", "messages": [{"role": "user", "content": words}]}).encode()
