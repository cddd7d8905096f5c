"""Nothing that an upstream says in any field reaches a client ungoverned, however the bytes are cut."""

import pytest

from proxy.wire.dialect import Wire
from tests.coverage.answers import ALL_WIRES, answer_cells, listen, places, with_canary_in
from tests.coverage.examples import ANSWERS
from tests.coverage.observe import CANARY

each = pytest.mark.parametrize("wire", ALL_WIRES, ids=lambda one: one.name)


@each
async def test_every_field_of_an_answer_is_governed_refused_or_kept_here(wire: Wire) -> None:
    assert await answer_cells(wire)


@each
@pytest.mark.slow
async def test_no_cut_of_the_bytes_lets_a_canary_through(wire: Wire) -> None:
    """All fields that are read hold it at once; the stream is cut in two at every byte."""
    for form, answer in ANSWERS[wire.name].items():
        stream = form == "stream"
        full = answer
        for number, leaf in places(answer):
            planted = with_canary_in(full, number, leaf) if isinstance(leaf.value, str) else full
            if (await listen(wire, [planted], stream=stream)).error is None:
                full = planted
        whole = await listen(wire, [full], stream=stream)
        words = [leaf for _, leaf in places(answer) if isinstance(leaf.value, str)]
        assert CANARY in full.decode() or not words
        step = 1 if stream else 97  # an answer that is not streamed is read when it is whole
        for cut in range(0, len(full), step):
            heard = await listen(wire, [full[:cut], full[cut:]], stream=stream)
            assert heard.error is None
            assert CANARY.encode() not in heard.said
            assert heard.events == whole.events, cut
