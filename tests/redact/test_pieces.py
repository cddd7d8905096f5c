import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.pieces import OVERLAP_CHARS, PIECE_CHARS, Piece, batches, pieces, rejoin
from proxy.redact.spans import Span, merge
from tests.redact.texts import found_in

LONG = st.lists(
    st.sampled_from(
        ["word ", "x" * 30, "jane@example.com", " ", "4111 1111 1111 1111", "\n", "Jane Doe", "."]
    ),
    max_size=120,
).map("".join)


@given(LONG)
def test_pieces_cover_the_text_and_are_no_longer_than_asked(text: str) -> None:
    cut = pieces(text, size=200, overlap=64)
    covered = {at for piece in cut for at in range(piece.start, piece.end)}
    assert covered == set(range(len(text)))
    assert all(text[piece.start : piece.end] == piece.text and len(piece.text) <= 200 for piece in cut)


@given(LONG)
def test_neighbours_overlap(text: str) -> None:
    cut = pieces(text, size=200, overlap=64)
    assert all(32 <= left.end - right.start <= 64 for left, right in pairwise(cut))


@given(LONG)
def test_nothing_that_the_whole_text_shows_is_lost_in_pieces(text: str) -> None:
    cut = pieces(text, size=200, overlap=64)
    found = merge(rejoin(text, cut, [found_in(piece.text) for piece in cut]))
    whole = {at for span in found_in(text) for at in range(span.start, span.end)}
    assert whole <= {at for span in found for at in range(span.start, span.end)}


@pytest.mark.parametrize("shift", range(0, 200, 3))
def test_an_entity_with_spaces_at_a_seam_is_seen_whole(shift: int) -> None:
    text = "w " * 40 + "x" * shift + " 4111 1111 1111 1111 " + "w " * 100
    cut = pieces(text, size=200, overlap=64)
    assert any("4111 1111 1111 1111" in piece.text for piece in cut)


def test_a_link_longer_than_the_overlap_is_found_to_its_end() -> None:
    link = "https://example.com/" + "a" * 300
    text = "word " * 20 + link + " word" * 20
    cut = pieces(text, size=200, overlap=64)
    spans = [
        [Span(at, len(piece.text.split("https", 1)[1].split(" ")[0]) + at + 5, "URL", 0.6)]
        if (at := piece.text.find("https")) >= 0
        else []
        for piece in cut
    ]
    [found] = merge(rejoin(text, cut, spans))
    assert text[found.start : found.end] == link


def test_a_finding_at_the_start_of_a_piece_grows_back_over_its_word() -> None:
    text = "alpha betagamma delta"
    cut = [Piece(0, "alpha beta"), Piece(10, "gamma delta")]
    [found] = rejoin(text, cut, [[], [Span(0, 5, "X", 1.0)]])
    assert text[found.start : found.end] == "betagamma"


def test_findings_inside_a_piece_do_not_grow() -> None:
    text = "alpha jane@example.com, beta"
    assert rejoin(text, pieces(text), [[Span(6, 22, "EMAIL_ADDRESS", 1.0)]]) == [
        Span(6, 22, "EMAIL_ADDRESS", 1.0)
    ]


def test_a_finding_in_a_word_that_a_seam_cuts_takes_the_whole_word() -> None:
    text = "see " + "x" * 150 + "@example." + "y" * 400 + " end"
    cut = pieces(text, size=200, overlap=64)
    assert len(cut) > 2
    spans = [[Span(4, 160, "X", 1.0)], *([] for _ in cut[1:])]
    [found] = rejoin(text, cut, spans)
    assert text[found.start : found.end] == text[4:-4]
    [found] = rejoin(text, cut, [*([] for _ in cut[1:]), [Span(3, 5, "X", 1.0)]])
    assert (found.start, found.end) == (4, cut[-1].start + 5)


def test_a_text_of_one_word_is_rejoined_in_time() -> None:
    text = "a@b.co," * 50_000
    cut = pieces(text)
    spans = [[Span(at, at + 6, "X", 1.0) for at in range(0, len(piece.text) - 6, 7)] for piece in cut]
    started = time.perf_counter()
    assert merge(rejoin(text, cut, spans)) == (Span(0, len(text), "X", 1.0),)
    assert time.perf_counter() - started < 3.0  # 0.2 on a quiet machine


@pytest.mark.parametrize("text", ["", "short", "x" * PIECE_CHARS])
def test_a_short_text_is_one_piece(text: str) -> None:
    assert pieces(text) == [Piece(0, text)]


def test_a_piece_shows_no_text() -> None:
    assert "secret" not in repr(Piece(0, "secret"))


@given(st.lists(st.integers(0, 30), max_size=20))
def test_batches_keep_the_order_and_their_size(lengths: list[int]) -> None:
    cut = [Piece(0, "x" * length) for length in lengths]
    batched = list(batches(cut, size=20))
    assert [piece for batch in batched for piece in batch] == cut
    assert all(len(batch) == 1 or sum(len(piece.text) for piece in batch) <= 20 for batch in batched)
    assert all(batched)


def test_the_overlap_is_longer_than_any_entity_with_spaces() -> None:
    assert OVERLAP_CHARS > 64
