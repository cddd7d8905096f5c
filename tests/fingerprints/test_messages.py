"""Copied passages become documents of the exchange, and go from it when they must."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ContentUnscannable, RequestInvalid, RequestTooLarge
from proxy.exchange import Document, Exchange, Segment
from proxy.fingerprints.copies import Copied
from proxy.fingerprints.messages import Found, messages, with_copies, without_copies
from proxy.labels import DOCUMENTS, find_documents
from tests.conductor.plays import chat
from tests.fingerprints.test_copies import FINDER
from tests.fingerprints.texts import MEMO

NOTICE = "[gone]"


def parts(*texts: str) -> Exchange:
    content = [{"type": "text", "text": text} for text in texts]
    return chat(messages=[{"role": "user", "content": content}])


def found(exchange: Exchange) -> Found:
    return [(message, FINDER.find(message.text)) for message in messages(exchange)]


def without(exchange: Exchange, withheld: Mapping[str, bool] = {"memo": True}) -> list[str]:
    return [one.text for one in without_copies(exchange, found(exchange), withheld, NOTICE).segments]


def texts_of(exchange: Exchange) -> list[str]:
    return [one.text for one in exchange.segments]


def test_a_passage_is_a_document_with_its_place() -> None:
    exchange = chat("Hello.", f"Read this.\n\n{MEMO}")
    start = len("Read this.\n\n")
    copied = with_copies(exchange, found(exchange)).documents
    index = texts_of(exchange).index(f"Read this.\n\n{MEMO}")
    assert copied == (Document("memo", "fingerprint", (index,), (start, start + len(MEMO)), len(MEMO)),)


def test_documents_that_have_a_label_stay_listed_and_a_message_lists_each_copied_one_once() -> None:
    half, rest = " ".join(MEMO.split()[:35]), " ".join(MEMO.split()[35:])
    exchange = find_documents(
        chat(f'<document id="a">x</document>\n\n{half}\n\n{"so " * 99}\n\n{rest}', MEMO)
    )
    listed = with_copies(exchange, found(exchange)).documents
    assert [(one.id, one.source) for one in listed] == [
        ("a", "fence"),
        ("memo", "fingerprint"),
        ("memo", "fingerprint"),
    ]
    assert listed[1].span is None  # it stands in two places
    assert listed[1].chars == len(half) + len(rest)


def test_without_copies_the_exchange_is_the_same_object() -> None:
    exchange = chat("Hello.")
    assert with_copies(exchange, found(exchange)) is exchange
    assert without_copies(exchange, found(exchange), {"memo": True}, NOTICE) is exchange


def test_a_withheld_passage_goes_with_a_notice_or_without_a_word() -> None:
    exchange = chat(f"Read this.\n\n{MEMO}\n\nThen sleep.")
    assert f"Read this.\n\n{NOTICE}\n\nThen sleep." in without(exchange)
    assert "Read this.\n\n\n\nThen sleep." in without(exchange, {"memo": False})
    assert without(exchange, {"other": True}) == texts_of(exchange)


def test_nothing_left_is_a_sign_that_says_nothing_for_servers_refuse_an_empty_text() -> None:
    assert "-" in without(chat(MEMO), {"memo": False})
    assert NOTICE in without(chat(MEMO))


@given(st.lists(st.integers(0, len(MEMO)), max_size=6))
def test_a_passage_over_several_parts_is_found_however_they_are_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(MEMO)]
    pieces = [MEMO[start:end] for start, end in pairwise(places) if start < end]
    left = "".join(without(parts(*pieces)))
    assert "Halden" not in left
    assert "Ghent" not in left
    assert "auditors" not in left


def test_parts_may_end_within_words_or_between_them() -> None:
    letters = [MEMO[start : start + 7] for start in range(0, len(MEMO), 7)]
    for pieces in (letters, MEMO.split()):
        left = "".join(without(parts(*pieces)))
        assert "Hal" not in left
        assert "Ghent" not in left


def test_overlapping_passages_go_as_one_and_silence_is_stricter_than_a_notice() -> None:
    exchange = chat("0123456789")
    [message] = [one for one in messages(exchange) if one.text == "0123456789"]
    copies = [Copied("a", 1, 4, 15), Copied("b", 3, 7, 15), Copied("c", 8, 9, 15)]
    cut = without_copies(exchange, [(message, copies)], {"a": True, "b": False, "c": True}, NOTICE)
    assert f"07{NOTICE}9" in texts_of(cut)


def test_a_passage_in_a_key_refuses_the_request() -> None:
    call = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": '{"%s": 1}'}}
    text = MEMO.replace("\n", " ")
    call["function"]["arguments"] = f'{{"{text}": 1}}'
    message: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": [call]}
    exchange = chat(messages=[{"role": "user", "content": "x"}, message])
    with pytest.raises(ContentUnscannable):
        without(exchange)


def test_a_passage_that_hides_a_fence_refuses_the_request() -> None:
    half, rest = " ".join(MEMO.split()[:35]), " ".join(MEMO.split()[35:])
    with pytest.raises(RequestInvalid, match="fence"):
        without(chat(f'{half} <document id="a">{rest}</document>'))


def test_a_passage_inside_a_fence_leaves_the_fence_and_what_else_is_in_it() -> None:
    exchange = chat(f'<document id="a">{MEMO}</document> So?')
    assert f'<document id="a">{NOTICE}</document> So?' in without(exchange)


def test_more_documents_than_policies_are_asked_about_are_refused() -> None:
    exchange = chat(*["x"] * (DOCUMENTS + 1))
    copied = [(message, [Copied("memo", 0, 1, 15)]) for message in messages(exchange)]
    with pytest.raises(RequestTooLarge):
        with_copies(exchange, copied)
    assert len(with_copies(exchange, copied[:DOCUMENTS]).documents) == DOCUMENTS


def test_text_and_words_stay_out_of_a_repr() -> None:
    exchange = replace(chat("x"), segments=(Segment("secret", "user", "message", ("messages", 0)),))
    assert "secret" not in repr(messages(exchange))
