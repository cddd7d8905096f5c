from typing import Any

import pytest

from proxy.errors import RequestInvalid
from proxy.settings import Limits
from proxy.wire import checks, nested
from proxy.wire.draft import Draft

TABLE = {
    "words": nested.strings(2, 5),
    "most": nested.whole(1, 9, "max_tokens"),
    "heat": nested.number(0, 2),
    "quick": nested.boolean(),
    "mine": nested.kept("false", checks.one_of("x")),
    "deep": nested.refused("it reaches into the server"),
}


def read(value: Any, limits: Limits | None = None) -> tuple[Draft, dict[str, Any]]:
    draft = Draft(limits or Limits())
    return draft, nested.read(draft, ("options",), value, TABLE)


def test_what_is_governed_is_a_segment_with_its_path() -> None:
    draft, taken = read({"words": ["a", "b"]})
    assert taken == {"words": ["a", "b"]}
    assert [(one.text, one.path) for one in draft.segments] == [
        ("a", ("options", "words", 0)),
        ("b", ("options", "words", 1)),
    ]


def test_policies_know_a_member_by_its_name_in_openais_chat() -> None:
    draft, taken = read({"heat": 1, "most": 4, "quick": True})
    assert taken == {"heat": 1, "most": 4, "quick": True}
    assert draft.parameters == {"max_tokens": 4, "heat": 1, "quick": True}


def test_members_are_forwarded_in_the_tables_order_whatever_way_they_are_written() -> None:
    assert list(read({"quick": True, "heat": 1, "words": ["a"]})[1]) == ["words", "heat", "quick"]


def test_what_is_kept_here_is_checked_and_not_forwarded() -> None:
    assert read({"mine": "x"})[1] == {}
    with pytest.raises(RequestInvalid):
        read({"mine": "y"})


def test_nulls_and_empty_lists_are_members_that_are_not_there() -> None:
    draft, taken = read(dict.fromkeys(TABLE) | {"words": []})
    assert taken == {}
    assert not draft.parameters


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ("x", "options"),
        ({"words": "a"}, "options/words"),
        ({"words": ["a", "b", "c"]}, "options/words"),
        ({"words": ["a", 1]}, "options/words/1"),
        ({"words": ["abcdef"]}, "options/words/0"),
        ({"most": 0}, "options/most"),
        ({"most": True}, "options/most"),
        ({"heat": 3}, "options/heat"),
        ({"quick": 1}, "options/quick"),
        ({"deep": 1}, "options/deep"),
        ({"other": 1}, "options/other"),
    ],
)
def test_what_is_not_of_the_table_is_refused_by_its_place(value: Any, param: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        read(value)
    assert refused.value.param == param


def test_an_unknown_member_is_left_out_and_counted_where_the_operator_wants() -> None:
    draft, taken = read({"other": "words"}, Limits(unknown_fields="drop"))
    assert taken == {}
    assert draft.dropped == ["options/other"]
