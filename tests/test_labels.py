import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy import labels
from proxy.errors import EngineUnavailable, RequestInvalid, RequestTooLarge
from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire import tree
from proxy.wire.fences import find_fences
from proxy.wire.registers import DIALECTS
from tests.wire.openai_chat.requests import call, chat, read, user

NOTICE = "[withheld]"
SECRET = '<document id="secret" title="Plan B">attack at dawn</document>'
PUBLIC = '<document id="public">weather is fine</document>'


def found(exchange: Exchange) -> list[str | None]:
    return [one.id for one in labels.find_documents(exchange).documents]


def withheld(exchange: Exchange, **documents: bool) -> Exchange:
    """Withhold, and see that the new exchange is whole: its segments are what its body holds."""
    result = labels.withhold(exchange, documents, NOTICE)
    assert read(json.loads(tree.dump(result))).segments == result.segments
    return result


def content(exchange: Exchange, message: int = 0) -> Any:
    return exchange.body["messages"][message]["content"]


def test_a_request_without_documents_has_none() -> None:
    assert found(read(chat())) == []


def test_documents_of_the_field_come_first_then_fences_in_order() -> None:
    exchange = read(chat(user(f"{SECRET} and {PUBLIC}"), documents=["plain", {"id": "entry", "text": "x"}]))
    assert found(exchange) == ["#0", "entry", "secret", "public"]


@pytest.mark.parametrize(
    ("entry", "ids"),
    [
        ({"doc_id": "a", "text": "x"}, ["a"]),
        ({"Document-ID": "a", "text": "x"}, ["a"]),
        ({"id": 7, "text": "x"}, ["7"]),
        ({"id": "a", "doc_id": "a"}, ["a"]),
        ({"id": "a", "doc_id": "b"}, ["a", "b"]),
        ({"id": "", "text": "x"}, ["#0"]),
        ({"id": None, "text": "x"}, ["#0"]),
        ({"id": ["a"], "text": "x"}, ["#0"]),
        ({"id": True, "text": "x"}, ["#0"]),
        ({"title": "t"}, ["#0"]),
        ("text", ["#0"]),
    ],
)
def test_an_entry_claims_its_ids(entry: Any, ids: list[str]) -> None:
    assert found(read(chat(documents=[entry]))) == ids


def test_a_document_says_where_it_stands_and_how_long_it_is() -> None:
    exchange = labels.find_documents(
        read(chat(user("see " + SECRET), documents=[{"id": "e", "text": "four"}]))
    )
    entry, fence = exchange.documents
    assert [exchange.segments[i].text for i in entry.segments] == ["e", "four"]
    assert (entry.source, entry.chars) == ("field", 5)
    assert fence.span == (4, 4 + len(SECRET))
    assert exchange.segments[fence.segments[0]].text[slice(*fence.span)] == SECRET
    assert (fence.source, fence.chars) == ("fence", len(SECRET))


@pytest.mark.parametrize(
    "place",
    [
        lambda text: chat({"role": "system", "content": text}),
        lambda text: chat({"role": "developer", "content": text}),
        lambda text: chat({"role": "tool", "content": text, "tool_call_id": "c"}),
        lambda text: chat({"role": "assistant", "content": text}),
        lambda text: chat({"role": "assistant", "content": "", "reasoning_content": text}),
        lambda text: chat(user([{"type": "text", "text": text}])),
        lambda text: chat(call(json.dumps({"a": [{"b": text}]}))),
        lambda text: chat(documents=[{"id": "outer", "text": text}]),
        lambda text: chat(stop=[text]),
    ],
)
def test_fences_are_found_and_withheld_wherever_text_stands(place: Any) -> None:
    exchange = read(place(f"before {SECRET} after"))
    assert "secret" in found(exchange)
    result = withheld(exchange, secret=True)
    assert b"dawn" not in tree.dump(result)
    assert b"Plan B" not in tree.dump(result)
    assert b"before [withheld] after" in tree.dump(result)


def test_a_fence_over_several_parts_is_one_document() -> None:
    opening, closing = "<docu", 'ment id="secret">attack '
    parts = [
        {"type": "text", "text": text} for text in ("hello " + opening, closing, "at dawn", "</document> bye")
    ]
    exchange = read(chat(user(parts)))
    assert found(exchange) == ["secret"]
    [document] = labels.find_documents(exchange).documents
    assert document.segments == (0, 1, 2, 3)
    assert [part["text"] for part in content(withheld(exchange, secret=True))] == [
        "hello [withheld]",
        "",
        "",
        " bye",
    ]
    assert [part["text"] for part in content(withheld(exchange, secret=False))] == ["hello ", "", "", " bye"]


def test_a_fence_that_the_next_message_of_the_role_closes_is_one_document() -> None:
    exchange = read(chat(user('a <document id="secret">one'), user("two"), user("three</document> b")))
    [document] = labels.find_documents(exchange).documents
    assert document.id == "secret"
    assert document.segments == (0, 1, 2)
    kept = withheld(exchange, secret=True)
    assert [content(kept, number) for number in range(3)] == [f"a {NOTICE}", "", " b"]


def test_a_fence_goes_over_two_results_of_tools_and_not_into_the_words_of_another_role() -> None:
    said = {"role": "assistant", "content": "three</document> is how it ends."}
    exchange = read(chat(user("How does <document> end?"), said, user("And </document>?")))
    assert [one.segments for one in labels.find_documents(exchange).documents] == [(0,)]


def test_messages_between_two_fences_stay_where_each_is_closed_in_its_own() -> None:
    fenced = '<document id="{}">x</document>'
    exchange = read(chat(user(fenced.format("a")), user("between"), user(fenced.format("b") + "</document>")))
    assert [one.segments for one in labels.find_documents(exchange).documents] == [(0,), (2,)]


def test_a_closing_tag_in_the_next_message_takes_no_message_along_where_nothing_is_open() -> None:
    exchange = read(chat(user("<document>one</document>"), user("and </document> ends it")))
    assert [one.segments for one in labels.find_documents(exchange).documents] == [(0,)]


def test_a_fence_that_nobody_closes_takes_no_message_along() -> None:
    exchange = read(chat(user("<document>one"), user("two"), user("<document>three</document>")))
    assert [one.segments for one in labels.find_documents(exchange).documents] == [(0,), (2,)]


NESTED = st.recursive(
    st.sampled_from([["x"], ["<document/>"], []]),
    lambda inner: st.lists(inner, max_size=3).map(
        lambda parts: ["<document>", *(tag for part in parts for tag in part), "</document>"]
    ),
    max_leaves=6,
)


@given(st.lists(NESTED, max_size=3), st.data())
def test_however_a_text_is_parted_into_messages_its_documents_stay_documents(
    nested: list[list[str]], choice: st.DataObject
) -> None:
    tags = [tag for part in nested for tag in part]
    cuts = sorted(choice.draw(st.lists(st.integers(0, len(tags)), max_size=4)))
    texts = ["".join(tags[start:end]) for start, end in zip([0, *cuts], [*cuts, len(tags)], strict=True)]
    exchange = read(chat(*(user(text) for text in texts)))
    fenced = {number for one in labels.find_documents(exchange).documents for number in one.segments}
    places = [number for number, text in enumerate(texts) for _ in text]
    for fence in find_fences("".join(tags)):
        assert fenced.issuperset(places[fence.start : fence.end])


def test_a_fence_does_not_reach_into_the_next_message() -> None:
    exchange = read(chat(user('<document id="secret">dawn'), user("question")))
    result = withheld(exchange, secret=False)
    assert (content(result, 0), content(result, 1)) == ("", "question")


OPENED = '<document id="secret">attack'
CALLED: dict[str, Any] = {"type": "tool_use", "id": "call-1", "name": "look", "input": {"at": "</document>"}}


def blocks(*content: Any) -> list[Any]:
    """Each is a block of Anthropic's messages, or the text of one."""
    return [{"type": "text", "text": one} if isinstance(one, str) else one for one in content]


def result(content: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "call-1", "content": content}


def messages(role: str, *content: Any) -> Exchange:
    said = {"model": "m", "max_tokens": 9, "messages": [{"role": role, "content": blocks(*content)}]}
    return DIALECTS["anthropic_messages"].parse(said, exchange_id="exchange-1", limits=Limits())


@pytest.mark.parametrize(
    ("role", "between"),
    [
        ("assistant", {"type": "thinking", "thinking": "</document>"}),
        ("assistant", CALLED),
        ("user", result("</document>")),
        ("user", result(blocks("x", "</document>"))),
    ],
)
def test_a_fence_does_not_end_in_a_block_that_servers_move_elsewhere(role: str, between: Any) -> None:
    """They put thoughts, calls and results beside the words, so that these stand together again."""
    kept = labels.withhold(messages(role, OPENED, between, " at dawn"), {"secret": True}, NOTICE)
    [message] = kept.body["messages"]
    assert message["content"] == blocks(NOTICE, between, "")


def test_a_fence_over_parts_of_one_result_does_not_reach_into_the_next() -> None:
    exchange = messages("user", result(blocks("<docu", 'ment id="secret">dawn')), result("rain"), "question")
    kept = labels.withhold(exchange, {"secret": True}, NOTICE)
    [message] = kept.body["messages"]
    assert message["content"] == blocks(result(blocks(NOTICE, "")), result("rain"), "question")


def test_fences_that_take_turns_in_a_message_stand_in_the_order_in_which_they_open() -> None:
    exchange = messages("user", "hello", result(PUBLIC), SECRET)
    assert found(exchange) == ["public", "secret"]
    kept = labels.withhold(exchange, {"secret": False}, NOTICE)
    assert [one.id for one in kept.documents] == ["public"]


def test_a_document_between_words_belongs_to_the_fence_around_it() -> None:
    """Unlike what a tool gave, it is read where it stands."""
    source = {"type": "text", "media_type": "text/plain", "data": "at dawn"}
    exchange = messages("user", OPENED, {"type": "document", "source": source}, "</document> bye")
    kept = labels.withhold(exchange, {"secret": True}, NOTICE)
    assert b"dawn" not in tree.dump(kept)
    assert b" bye" in tree.dump(kept)


def test_a_fence_that_begins_in_the_context_of_a_document_holds_its_text() -> None:
    """Chat says title and context before the text, whatever stands first in the block."""
    source = {"type": "text", "media_type": "text/plain", "data": "attack at dawn"}
    block = {"type": "document", "source": source, "title": "weather", "context": OPENED}
    kept = labels.withhold(messages("user", block), {"secret": True}, NOTICE)
    assert b"dawn" not in tree.dump(kept)


def test_withholding_one_of_several_leaves_the_rest_word_for_word() -> None:
    exchange = read(chat(user(f"a {SECRET} b {PUBLIC} c")))
    assert content(withheld(exchange, secret=True)) == f"a {NOTICE} b {PUBLIC} c"
    assert content(withheld(exchange, secret=False)) == f"a  b {PUBLIC} c"
    assert content(withheld(exchange, public=False, secret=True)) == f"a {NOTICE} b  c"


def test_all_documents_of_one_id_go() -> None:
    exchange = read(chat(user(SECRET), user(SECRET), documents=[{"id": "secret", "text": "dawn"}]))
    assert found(exchange) == ["secret"] * 3
    result = withheld(exchange, secret=False)
    assert b"dawn" not in tree.dump(result)
    assert "documents" not in result.body


def test_a_document_with_two_ids_goes_if_either_is_withheld() -> None:
    exchange = read(chat(documents=[{"id": "public", "doc_id": "secret", "text": "dawn"}]))
    assert b"dawn" not in tree.dump(withheld(exchange, secret=True))
    assert b"dawn" not in tree.dump(withheld(exchange, public=True))


def test_silence_is_stricter_than_a_notice_for_a_document_with_two_ids() -> None:
    exchange = read(chat(documents=[{"id": "a", "doc_id": "b", "text": "dawn"}]))
    assert "documents" not in withheld(exchange, a=True, b=False).body


def test_an_entry_that_is_withheld_with_notice_keeps_its_place_and_nothing_else() -> None:
    secret = {
        "title": "Plan B",
        "id": "secret",
        "contents": "attack",
        "score": 123456,
        "more": {"note": "dawn"},
    }
    exchange = read(chat(documents=["first", secret, {"id": "public", "text": "last"}]))
    result = withheld(exchange, secret=True)
    assert result.body["documents"] == ["first", {"contents": NOTICE}, {"id": "public", "text": "last"}]
    assert [one.id for one in result.documents] == ["#0", "secret", "public"]
    assert found(result) == ["#0", "#1", "public"]


def test_an_entry_that_is_withheld_silently_is_gone() -> None:
    exchange = read(
        chat(documents=["first", {"id": "secret", "text": "dawn"}, {"id": "public", "text": "last"}])
    )
    result = withheld(exchange, secret=False)
    assert result.body["documents"] == ["first", {"id": "public", "text": "last"}]
    assert [one.id for one in result.documents] == ["#0", "public"]


def test_entries_can_be_withheld_both_ways_at_once() -> None:
    entries = [{"id": name, "text": f"text {name}"} for name in "abcd"]
    result = withheld(read(chat(documents=entries)), a=False, b=True, c=False)
    assert result.body["documents"] == [{"text": NOTICE}, entries[3]]


def test_documents_without_an_id_are_named_in_order_and_can_be_withheld() -> None:
    exchange = read(chat(user("<document>one</document><document>two</document>"), documents=["zero"]))
    assert found(exchange) == ["#0", "#1", "#2"]
    result = labels.withhold(exchange, {"#0": False, "#1": True}, NOTICE)
    assert content(result) == f"{NOTICE}<document>two</document>"
    assert [one.id for one in result.documents] == ["#2"]  # it keeps its name


def test_an_inner_document_goes_alone_and_an_outer_one_takes_it_along() -> None:
    text = '<document id="a">one <document id="b">two</document> three</document> four'
    exchange = read(chat(user(text)))
    assert content(withheld(exchange, b=True)) == f'<document id="a">one {NOTICE} three</document> four'
    assert content(withheld(exchange, a=True)) == f"{NOTICE} four"
    assert content(withheld(exchange, a=True, b=False)) == f"{NOTICE} four"
    assert content(withheld(exchange, a=True, b=True)) == f"{NOTICE} four"


def test_a_fence_inside_an_entry_goes_with_the_entry() -> None:
    exchange = read(chat(documents=[{"id": "a", "text": f"x {SECRET}"}]))
    assert withheld(exchange, a=True, secret=True).body["documents"] == [{"text": NOTICE}]


@pytest.mark.parametrize("name", ["#0", "#1", "#", "#secret"])
def test_a_caller_cannot_claim_a_name_that_the_proxy_gives(name: str) -> None:
    for exchange in (read(chat(documents=[{"id": name}])), read(chat(user(f'<document id="{name}">x')))):
        with pytest.raises(RequestInvalid):
            labels.find_documents(exchange)


def test_the_bounds_on_documents_and_ids_are_exact() -> None:
    longest = "x" * labels.ID_CHARS
    assert found(read(chat(documents=[{"id": longest}]))) == [longest]
    with pytest.raises(RequestInvalid):
        found(read(chat(documents=[{"id": longest + "x"}])))
    most = "<document/>" * labels.DOCUMENTS
    assert len(found(read(chat(user(most))))) == labels.DOCUMENTS
    with pytest.raises(RequestTooLarge):
        found(read(chat(user(most + "<document/>"))))
    with pytest.raises(RequestTooLarge):
        found(read(chat(user(most), user("<document/>"))))


def test_withholding_what_is_not_there_fails_closed() -> None:
    with pytest.raises(EngineUnavailable):
        labels.withhold(read(chat(user(PUBLIC))), {"secret": True}, NOTICE)
    with pytest.raises(EngineUnavailable):
        labels.withhold(read(chat(user(PUBLIC))), {"public": True, "secret": True}, NOTICE)


def test_taking_a_fence_out_cannot_make_another() -> None:
    exchange = read(chat(user(f'x <docu{PUBLIC}ment id="secret">dawn')))
    with pytest.raises(RequestInvalid):
        labels.withhold(exchange, {"public": False}, NOTICE)


def test_the_old_exchange_is_left_alone() -> None:
    exchange = read(chat(user(SECRET), documents=[{"id": "secret", "text": "dawn"}]))
    before = tree.dump(exchange)
    labels.withhold(exchange, {"secret": True}, NOTICE)
    assert tree.dump(exchange) == before


words = st.text(alphabet=" abé\n", max_size=6)
names = st.sampled_from(["a", "b", "c"])


@st.composite
def stories(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """A body with documents here and there, and the id of each; the text of a document is `<id>!`."""
    ids: list[str] = []

    def fence() -> str:
        name = draw(names)
        ids.append(name)
        return f'{draw(words)}<document id="{name}">{draw(words)}{name}!</document>'

    messages = [user("".join(fence() for _ in range(draw(st.integers(0, 3)))) + "end")]
    parts = [{"type": "text", "text": fence()} for _ in range(draw(st.integers(1, 3)))]
    messages.append(user(parts))
    entries = draw(st.lists(names, max_size=3))
    ids.extend(entries)
    documents: list[Any] = [{"id": name, "text": f"{name}!"} for name in entries]
    return chat(*messages, documents=documents), ids


@given(stories(), st.dictionaries(names, st.booleans(), min_size=1))
def test_nothing_of_what_is_withheld_stays_and_nothing_else_goes(
    story: tuple[dict[str, Any], list[str]], asked: dict[str, bool]
) -> None:
    body, ids = story
    asked = {name: noted for name, noted in asked.items() if name in ids}
    text = tree.dump(withheld(read(body), **asked)).decode()
    for name in "abc":
        assert text.count(f"{name}!") == (0 if name in asked else ids.count(name))
    assert text.count(NOTICE) == sum(ids.count(name) for name, noted in asked.items() if noted)


def test_a_fence_in_the_key_of_an_object_refuses_the_request() -> None:
    asked = read(chat(user("Hi"), documents=[{"id": "public", SECRET: "x"}]))
    with pytest.raises(RequestInvalid, match="key"):
        labels.find_documents(asked)
