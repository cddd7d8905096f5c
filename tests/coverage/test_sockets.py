"""Every cell once more between two sockets: the upstream's and the client's see no canary."""

import json

import pytest

from proxy.wire.dialect import Dialect, Wire
from tests.coverage.answers import ALL_WIRES, places, way, with_canary_in
from tests.coverage.examples import ANSWERS, REFUSED, REQUESTS
from tests.coverage.house import gate, post
from tests.coverage.observe import ALL, CANARY
from tests.coverage.places import leaves, planted, with_canary

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
async def test_no_field_of_a_request_brings_a_canary_to_any_upstream(dialect: Dialect) -> None:
    passed = 0
    for wire in dialect.wires:
        async with gate(wire) as there:
            for example in REQUESTS[dialect.name]:
                for leaf in leaves(example):
                    if not isinstance(leaf.value, str) or leaf.path == ("model",):
                        continue
                    before = len(there.upstream.received)
                    body = with_canary(example, leaf, CANARY)
                    status, answer = await post(there.address, dialect.paths[0], json.dumps(body).encode())
                    assert CANARY.encode() not in b"".join(there.upstream.received[before:]), leaf.place
                    assert len(there.upstream.received) - before == (1 if status == 200 else 0), leaf.place
                    assert status == 200 or CANARY.encode() not in answer, leaf.place
                    passed += status == 200
    assert passed or not dialect.wires


@pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)
async def test_a_refused_field_reaches_no_upstream(dialect: Dialect) -> None:
    async with gate() as there:
        for name, value in REFUSED[dialect.name].items():
            body = planted(REQUESTS[dialect.name][0], tuple(name.split(".")), value)
            status, _ = await post(there.address, dialect.paths[0], json.dumps(body).encode())
            assert 400 <= status < 500, name
        assert there.upstream.received == []


@pytest.mark.parametrize("wire", ALL_WIRES, ids=lambda one: one.name)
async def test_no_field_of_an_answer_brings_a_canary_to_the_client(wire: Wire) -> None:
    dialect = way(wire)
    async with gate(wire.name) as there:
        for form, answer in ANSWERS[wire.name].items():
            body = {**REQUESTS[dialect.name][0], "stream": form == "stream"}
            if form == "whole":
                body.pop("stream_options", None)
            heard = 0
            for number, leaf in places(answer):
                if not isinstance(leaf.value, str):
                    continue
                there.upstream.said[form] = with_canary_in(answer, number, leaf)
                status, said = await post(there.address, dialect.paths[0], json.dumps(body).encode())
                assert CANARY.encode() not in said, leaf.place
                heard += status == 200
            assert heard
