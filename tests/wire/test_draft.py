import pytest

from proxy.errors import RequestInvalid, RequestTooLarge
from proxy.settings import Limits
from proxy.wire.draft import SEGMENTS, Draft, bounded_tree, where
from proxy.wire.tree import Embedded

PLACE = ("messages", 0)


def test_the_bound_on_texts_is_exact() -> None:
    draft = Draft(Limits())
    for _ in range(SEGMENTS):
        draft.text("x", "user", "message", PLACE)
    with pytest.raises(RequestTooLarge):
        draft.text("x", "user", "message", PLACE)


def test_a_tree_of_too_many_texts_is_refused_before_it_is_read_to_the_end() -> None:
    draft = Draft(Limits())
    with pytest.raises(RequestTooLarge):
        draft.leaves(["x"] * 1_000_000, "user", "document", PLACE)
    assert len(draft.segments) == SEGMENTS


def test_arguments_in_json_are_read_leaf_by_leaf_past_their_escapes() -> None:
    draft = Draft(Limits())
    arguments = draft.arguments('{"\\u0074o": "\\u0041nna", "phone": 5551234567, "n": 3}', PLACE)
    assert isinstance(arguments, Embedded)
    assert [(one.text, one.key) for one in draft.segments] == [
        ("to", True),
        ("Anna", False),
        ("phone", True),
        ("5551234567", False),
        ("n", True),
    ]


@pytest.mark.parametrize("text", ["", "plain words", '"a string"', "5551234567", '{"a":1,"a":2}', "{'a': 1}"])
def test_arguments_that_are_no_json_object_are_one_text(text: str) -> None:
    draft = Draft(Limits())
    assert draft.arguments(text, PLACE) == text
    assert [one.text for one in draft.segments] == [text]


@pytest.mark.parametrize("text", ['{"a":"\\u0041","a":2}', "{'a': '\\u0041'}", '"\\u0041nna"', "\\"])
def test_escapes_that_only_a_forgiving_parser_would_read_are_refused(text: str) -> None:
    with pytest.raises(RequestInvalid):
        Draft(Limits()).arguments(text, PLACE)


def test_the_bounds_on_a_tree_are_exact() -> None:
    value = {"a": {"b": "x"}}
    assert bounded_tree(value, PLACE, size=15, depth=2) is value
    for size, depth in ((14, 2), (15, 1)):
        with pytest.raises(RequestInvalid):
            bounded_tree(value, PLACE, size=size, depth=depth)
    with pytest.raises(RequestInvalid):
        bounded_tree([], PLACE, size=15, depth=2)


def test_a_place_is_named_as_callers_see_it() -> None:
    assert where(("messages", 2, "content")) == "messages/2/content"
