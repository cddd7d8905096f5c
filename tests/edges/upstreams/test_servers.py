"""Several servers of one model: whom to ask, whom next, whom not for a while."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from proxy.edges.upstreams import server as server_module
from proxy.edges.upstreams.breaker import TRIP_AFTER
from proxy.edges.upstreams.upstreams import Upstreams
from proxy.errors import (
    UpstreamBusy,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    UpstreamUnreached,
)
from proxy.settings import Limits
from tests.edges.fakes_upstream import (
    STREAM,
    Script,
    answer,
    asked,
    chunk,
    door,
    doors,
    opened,
    scripted,
    then,
    until_gone,
    upstream,
)

BUSY = answer(b"no", status="503 Service Unavailable", more="Retry-After: 1\r\n")
NOBODY = "http://127.0.0.1:1"


def order(upstreams: Upstreams, model: str = "small") -> list[str]:
    return [route.upstream for route in upstreams.routes(model)]


async def test_a_model_of_several_tables_has_them_all_in_turn() -> None:
    async with doors(*(upstream(NOBODY, name) for name in "abc")) as upstreams:
        assert {len(order(upstreams)) for _ in range(6)} == {3}
        assert Counter(order(upstreams)[0] for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


async def test_the_one_with_the_fewest_requests_comes_first() -> None:
    hanging = then(STREAM + chunk(b"half"), hang=True)
    async with (
        scripted(hanging) as first,
        scripted(hanging) as second,
        doors(upstream(first.url, "a"), upstream(second.url, "b")) as upstreams,
    ):
        began = [await opened(upstreams, stream=True) for _ in range(10)]
        assert (first.connections, second.connections) == (5, 5)
        gone = [one for one in began if one._server.name == "b"]
        for one in gone:
            await one.close()
        assert {order(upstreams)[0] for _ in range(4)} == {"b"}
        for one in began:
            await one.close()


async def test_a_server_that_is_not_ready_comes_last_and_not_never() -> None:
    async with (
        scripted(answer(b'{"data": []}')) as alive,
        doors(upstream(NOBODY, "dead"), upstream(alive.url, "alive")) as upstreams,
    ):
        await upstreams.refresh()
        assert {tuple(order(upstreams)) for _ in range(4)} == {("alive", "dead")}
        assert upstreams.status() == {"dead": "The model server cannot be reached.", "alive": ""}
        assert upstreams.cut_off() == [], "another serves all of its models"


async def test_what_only_a_silent_server_has_is_cut_off() -> None:
    async with scripted(answer(b'{"data": []}')) as alive:
        dead = upstream(NOBODY, "dead", models={"small": "s", "only-here": "x"})
        async with doors(dead, upstream(alive.url, "alive")) as upstreams:
            await upstreams.refresh()
            assert upstreams.cut_off() == ["dead"]


async def test_replicas_are_one_upstream_and_share_its_requests() -> None:
    async with (
        scripted(answer(b"hi.")) as first,
        scripted(answer(b"hi.")) as second,
        door(first.url, replicas=(second.url,)) as upstreams,
    ):
        assert order(upstreams) == ["one"]
        for _ in range(10):
            await asked(upstreams)
        places = {f"one ({url.removeprefix('http://')})" for url in (first.url, second.url)}
        assert upstreams.status().keys() == places
    assert (len(first.requests), len(second.requests)) == (5, 5)


@pytest.mark.parametrize("first_answer", [None, BUSY, answer(b"", status="429 Too Many Requests")])
async def test_a_replica_that_has_not_begun_makes_way_for_the_next(first_answer: bytes | None) -> None:
    async with scripted(first_answer or b"") as first, scripted(answer(b"hi.")) as second:
        url = first.url if first_answer else NOBODY
        async with door(url, replicas=(second.url,)) as upstreams:
            for _ in range(4):
                assert await asked(upstreams) == "hi"
    assert len(second.requests) == 4


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (then(b""), UpstreamUnavailable),
        (then(b"HTTP/1.1 200 OK\r\n"), UpstreamUnavailable),
        (until_gone, UpstreamTimeout),
        (answer(b"", status="500 Oops"), UpstreamRefused),
        (answer(b"", status="400 Bad"), UpstreamRefused),
        (answer(b"hi.", media_type="text/html"), UpstreamUnavailable),
    ],
)
async def test_a_replica_that_may_have_begun_is_the_only_one_that_is_asked(
    script: bytes | Script, error: type[Exception]
) -> None:
    async with (
        scripted(script) as first,
        scripted(script) as second,
        door(first.url, replicas=(second.url,), silence_s=0.2) as upstreams,
    ):
        with pytest.raises(error) as caught:
            await asked(upstreams)
        assert not isinstance(caught.value, UpstreamUnreached | UpstreamBusy)
    assert len(first.requests + second.requests) == 1


async def test_when_all_are_busy_the_last_word_is_that_they_are() -> None:
    async with scripted(BUSY) as first, door(first.url, replicas=(first.url + "/",)) as upstreams:
        with pytest.raises(UpstreamBusy):
            await asked(upstreams)
    assert len(first.requests) == 2


async def test_a_server_that_fails_in_a_row_is_left_alone_without_being_asked() -> None:
    async with scripted(then(b"")) as server, door(server.url) as upstreams:
        for _ in range(TRIP_AFTER):
            with pytest.raises(UpstreamUnavailable):
                await asked(upstreams)
        with pytest.raises(UpstreamUnreached, match="left alone"):
            await asked(upstreams)
        assert len(server.requests) == TRIP_AFTER


async def test_a_left_alone_server_comes_last() -> None:
    async with (
        scripted(then(b"")) as bad,
        scripted(answer(b"hi.")) as good,
        doors(upstream(bad.url, "bad"), upstream(good.url, "good")) as upstreams,
    ):
        for _ in range(TRIP_AFTER):
            route = next(one for one in upstreams.routes("small") if one.upstream == "bad")
            server = upstreams._groups[route.upstream].servers[0]
            server._breaker.failed(asyncio.get_running_loop().time())
        assert {tuple(order(upstreams)) for _ in range(4)} == {("good", "bad")}


async def test_a_good_probe_lets_one_request_try_and_its_answer_opens_the_way() -> None:
    ready = answer(b'{"data": []}')
    script: list[bytes | Script] = [*[then(b"")] * TRIP_AFTER, ready, answer(b"hi.")]
    async with scripted(*script) as server, door(server.url) as upstreams:
        for _ in range(TRIP_AFTER):
            with pytest.raises(UpstreamUnavailable):
                await asked(upstreams)
        assert await upstreams.refresh() == {"one": ""}
        assert await asked(upstreams) == "hi"
        assert await asked(upstreams) == "hi"


@pytest.mark.parametrize("status", ["500 Oops", "400 Bad", "429 Slow down", "404 What"])
async def test_no_callers_request_can_take_a_server_from_the_others(status: str) -> None:
    async with scripted(answer(b"no", status=status)) as server, door(server.url) as upstreams:
        for _ in range(TRIP_AFTER * 2):
            with pytest.raises(UpstreamRefused):
                await asked(upstreams)
        assert len(server.requests) == TRIP_AFTER * 2


async def test_cancelled_requests_say_nothing_about_a_server() -> None:
    async with scripted(until_gone) as server, door(server.url) as upstreams:
        for _ in range(TRIP_AFTER * 2):
            asking = asyncio.create_task(asked(upstreams))
            await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait([asking])
        assert len(server.requests) == TRIP_AFTER * 2


async def test_a_health_path_is_asked_instead_of_the_list() -> None:
    well = answer(b"anything", media_type="text/plain")
    async with scripted(well, BUSY) as server, door(server.url, health="/health") as upstreams:
        assert await upstreams.refresh() == {"one": ""}
        assert (await upstreams.refresh())["one"]
    assert [request.split(b" ")[1] for request in server.requests] == [b"/health", b"/health"]


async def test_without_a_table_the_list_is_asked_beside_the_health_path() -> None:
    listed = answer(b'{"data": [{"id": "m"}]}')
    async with (
        scripted(answer(b""), listed) as server,
        door(server.url, health="/health", models={}) as upstreams,
    ):
        await upstreams.refresh()
        assert upstreams.names() == ("m",)
    assert server.connections == 1


async def test_a_listed_model_goes_only_to_the_replicas_that_list_it() -> None:
    one, two = answer(b'{"data": [{"id": "m"}]}'), answer(b'{"data": [{"id": "n"}]}')
    async with (
        scripted(one, answer(b"first.")) as first,
        scripted(two, answer(b"second.")) as second,
        door(first.url, replicas=(second.url,), models={}) as upstreams,
    ):
        await upstreams.refresh()
        for _ in range(4):
            assert await asked(upstreams, model="m") == "first"
            assert await asked(upstreams, model="n") == "second"


async def test_servers_are_looked_after_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was not there is found when it comes, and one that goes is missed."""
    monkeypatch.setattr(server_module, "RETRY_S", 0.02)
    listed = answer(b'{"data": [{"id": "m"}]}')
    async with scripted(listed) as early:
        port = early.port
    async with door(f"http://127.0.0.1:{port}", models={}, health_s=0.05) as upstreams:
        await upstreams.refresh()
        assert upstreams.cut_off() == ["one"]
        running = asyncio.create_task(upstreams.run())
        async with scripted(listed, port=port), asyncio.timeout(2):
            while upstreams.cut_off():
                await asyncio.sleep(0.01)
            assert upstreams.names() == ("m",)
        async with asyncio.timeout(2):
            while not upstreams.cut_off():
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])


async def test_a_probe_that_is_never_answered_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "PROBE_S", 0.1)
    async with scripted(until_gone) as server, door(server.url) as upstreams:
        assert "in time" in (await upstreams.refresh())["one"]
        await asyncio.wait_for(server.gone.wait(), 1)


async def test_there_are_never_more_connections_than_exchanges_and_a_probe() -> None:
    async with scripted(until_gone) as server, door(server.url, limits=Limits(exchanges=3)) as upstreams:
        asking = [asyncio.create_task(asked(upstreams)) for _ in range(4)]
        await asyncio.sleep(0.1)
        with pytest.raises(UpstreamUnreached, match="As many"):
            await asked(upstreams)
        assert server.open == 4
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
