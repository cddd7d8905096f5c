from collections import Counter
from typing import Any

import pytest

from proxy.errors import UpstreamUnavailable
from proxy.exchange import Head, Usage
from proxy.wire import answers
from proxy.wire.strict_json import LARGEST_INTEGER


def test_a_body_is_whole_and_bounded() -> None:
    body = answers.Body()
    body.hold(b"ab")
    body.hold(b"c")
    assert body.take() == b"abc"
    body.hold(b"x" * (answers.WHOLE_BYTES - 3))
    with pytest.raises(UpstreamUnavailable):
        body.hold(b"x")


@pytest.mark.parametrize("payload", [b"", b"NaN", b"1e999", b"{", b'"\xff"', "words"])
def test_what_is_no_json_is_no_answer(payload: bytes | str) -> None:
    with pytest.raises(UpstreamUnavailable) as refused:
        answers.parsed(payload)
    assert "words" not in refused.value.reason


@pytest.mark.parametrize("value", [None, [], "words", 1, {"error": "words"}, {"error": {}}])
def test_an_error_under_the_status_of_a_success_is_no_answer(value: Any) -> None:
    with pytest.raises(UpstreamUnavailable) as refused:
        answers.members(value)
    assert "words" not in refused.value.reason


def test_an_error_that_is_null_is_none() -> None:
    assert answers.members({"error": None}) == {"error": None}


@pytest.mark.parametrize("value", [None, {}, "words", [{}, None], [[]]])
def test_a_list_of_objects_holds_nothing_else(value: Any) -> None:
    with pytest.raises(UpstreamUnavailable):
        answers.objects(value, "data")


def test_what_nobody_knows_is_counted_by_name_where_it_held_something() -> None:
    dropped: Counter[str] = Counter()
    given = {"known": 1, "new": "x", "empty": "", "none": None, "two words": 1}
    answers.count_unknown(dropped, given, frozenset({"known"}))
    assert dropped == {"new": 1, "?": 1}


def test_an_odd_envelope_says_nothing() -> None:
    whole = {"id": "a-1", "created": 7, "system_fingerprint": "fp"}
    assert answers.head(whole) == Head(7)
    odd = {"id": "two words", "created": -1, "system_fingerprint": "ä"}
    assert answers.head(odd) == Head(0)
    for created in (True, "7", 1.5, LARGEST_INTEGER):
        assert answers.head({"created": created}).created == 0


@pytest.mark.parametrize("value", [-1, 3, True, "0", 0.0, None])
def test_a_number_of_something_is_whole_and_in_its_range(value: Any) -> None:
    assert answers.index(2, 3) == 2
    with pytest.raises(UpstreamUnavailable):
        answers.index(value, 3)


def test_usage_is_read_where_it_is_told() -> None:
    assert answers.usage({}) == Usage(0, 0)
    told = {
        "prompt_tokens": 3,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    assert answers.usage(told) == Usage(3, 5, 2, 1)
    assert answers.usage({"prompt_tokens": 3, "prompt_tokens_details": None}) == Usage(3, 0)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"prompt_tokens": -1},
        {"prompt_tokens": "3"},
        {"prompt_tokens": True},
        {"completion_tokens": 1.5},
        {"prompt_tokens": LARGEST_INTEGER + 1},
        {"prompt_tokens_details": []},
    ],
)
def test_usage_that_is_none_is_no_answer(value: Any) -> None:
    with pytest.raises(UpstreamUnavailable):
        answers.usage(value)


@pytest.mark.parametrize("value", ["", "two words", "ä", "x" * 257, None, 7, "a\n"])
def test_names_leave_no_room_for_prose(value: Any) -> None:
    assert answers.printable("call_9", "a name") == "call_9"
    assert answers.printable_or(value) is None
    with pytest.raises(UpstreamUnavailable, match="a name"):
        answers.printable(value, "a name")
