"""Every cell once more between two sockets: the upstream's and the client's see no canary."""

import json

import pytest

from proxy.wire.dialect import Dialect, Wire
from tests.coverage.answers import ALL_WIRES, places, request, with_canary_in
from tests.coverage.examples import ANSWERS, REFUSED, REQUESTS
from tests.coverage.house import gate, post
from tests.coverage.observe import ALL, CANARY, with_refused
from tests.coverage.places import leaves, with_canary

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
async def test_no_field_of_a_request_brings_a_canary_to_any_upstream(dialect: Dialect) -> None:
    tried, words = 0, False
    for wire in dialect.wires:
        async with gate(wire) as there:
            for example in REQUESTS[dialect.name]:
                for leaf in leaves(example):
                    if not isinstance(leaf.value, str) or leaf.path == ("model",):
                        continue
                    words = True
                    before = len(there.upstream.received)
                    body = with_canary(example, leaf, CANARY)
                    status, answer = await post(there.address, dialect.paths[0], json.dumps(body).encode())
                    assert CANARY.encode() not in b"".join(there.upstream.received[before:]), leaf.place
                    sent = len(there.upstream.received) - before
                    assert sent <= (0 if 400 <= status < 500 else 1), leaf.place
                    assert status == 200 or CANARY.encode() not in answer, leaf.place
                    tried += sent
    assert tried or not words, "every call was refused: nothing was tried"


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
async def test_a_refused_field_reaches_no_upstream(dialect: Dialect) -> None:
    async with gate() as there:
        for name in REFUSED[dialect.name]:
            for body in with_refused(dialect, name):
                status, _ = await post(there.address, dialect.paths[0], json.dumps(body).encode())
                assert 400 <= status < 500, name
        assert there.upstream.received == []


@pytest.mark.parametrize("wire", ALL_WIRES, ids=lambda one: one.name)
async def test_no_field_of_an_answer_brings_a_canary_to_the_client(wire: Wire) -> None:
    async with gate(wire.name) as there:
        for form, answer in ANSWERS[wire.name].items():
            dialect, body = request(wire, stream=form == "stream")
            heard = 0
            for number, leaf in places(answer):
                if not isinstance(leaf.value, str):
                    continue
                there.upstream.said[form] = with_canary_in(answer, number, leaf)
                status, said = await post(there.address, dialect.paths[0], json.dumps(body).encode())
                assert CANARY.encode() not in said, leaf.place
                heard += status == 200
            assert heard or not any(isinstance(leaf.value, str) for _, leaf in places(answer))
