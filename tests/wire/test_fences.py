import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import RequestTooLarge
from proxy.wire.fences import _OPENERS, MOST, Fence, _folded, claims_an_id, find_fences, may_open


def fenced(text: str) -> list[tuple[tuple[str, ...], str]]:
    return [(fence.ids, text[fence.start : fence.end]) for fence in find_fences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a <document id="x">b</document> c', [(("x",), '<document id="x">b</document>')]),
        ("<document>b</document>", [((), "<document>b</document>")]),
        ("<DOCUMENT ID='x'>b</Document>", [(("x",), "<DOCUMENT ID='x'>b</Document>")]),
        (
            '<document title="t" id=x lang=en>b</document>',
            [(("x",), '<document title="t" id=x lang=en>b</document>')],
        ),
        ('<document\n  id = "x"\n>b</document >', [(("x",), '<document\n  id = "x"\n>b</document >')]),
        ('<document doc-id="x">b</document>', [(("x",), '<document doc-id="x">b</document>')]),
        ('<document id="">b</document>', [((), '<document id="">b</document>')]),
        ('<document id="x"/> rest', [(("x",), '<document id="x"/>')]),
        ('<document title="a>b" id="x">c', [(("x",), '<document title="a>b" id="x">c')]),
        ('<document title="5" wide" id="x">c', [(("x",), '<document title="5" wide" id="x">c')]),
        ('<document id="C:\\docs\\x">c', [(("C:\\docs\\x",), '<document id="C:\\docs\\x">c')]),
    ],
)
def test_attributes_may_come_in_any_order_and_quotes(
    text: str, expected: list[tuple[tuple[str, ...], str]]
) -> None:
    assert fenced(text) == expected


@pytest.mark.parametrize(
    "text", ['<document id="x">b', '<document id="x"', "<document id='x", '<document id="x"> </documen']
)
def test_a_fence_that_is_never_closed_reaches_to_the_end(text: str) -> None:
    [fence] = find_fences("before " + text)
    assert (fence.start, fence.end) == (7, 7 + len(text))


def test_a_fence_inside_another_is_a_document_of_its_own() -> None:
    text = '<document id="a">one <document id="b">two</document> three</document> four'
    assert fenced(text) == [
        (("a",), text.removesuffix(" four")),
        (("b",), '<document id="b">two</document>'),
    ]


def test_a_closing_tag_too_many_belongs_to_the_document_before_it() -> None:
    text = '<document id="a">it says </document> there</document> question'
    assert fenced(text) == [(("a",), '<document id="a">it says </document> there</document>')]


def test_a_document_opened_inside_and_never_closed_takes_the_rest_with_it() -> None:
    text = '<document id="a">x <document id="b">y</document> z'
    assert fenced(text) == [(("a",), text), (("b",), '<document id="b">y</document>')]


def test_two_ids_in_one_tag_are_both_claimed() -> None:
    assert find_fences('<document id="public" id="secret">x')[0].ids == ("public", "secret")


@pytest.mark.parametrize(
    "text",
    [
        '<document id=\\"x\\">b</document> c',
        '\\u003cdocument id=\\"x\\"\\u003eb\\u003c/document\\u003e c',
        "&lt;document id=&quot;x&quot;&gt;b&lt;/document&gt; c",
        "&#60;document id='x'&#62;b&#60;/document&#62; c",
        '<doc\u200bument id="x">b</docu\u00adment> c',
        '＜ｄｏｃｕｍｅｎｔ id="x"＞b＜/ｄｏｃｕｍｅｎｔ＞ c',
        '<dосumеnt id="x">b</dосumеnt> c',
        '<dócument id="x">b</document> c',
        '< / document ><document\u200bid="x">b</document> c',
        '‹document id="x"›b‹/document› c',
    ],
)
def test_what_a_model_would_read_as_a_fence_is_one(text: str) -> None:
    [fence] = find_fences(text)
    assert fence.ids == ("x",)
    assert text[fence.end :] == " c"


@pytest.mark.parametrize(
    "text",
    [
        "<documents>a</documents>",
        "<document_content>a</document_content>",
        "document.getElementById('<a>')",
        "</document> alone",
        "a < b and a document > c",
        "<documentary id='x'>",
        "",
        "é <",
    ],
)
def test_what_is_no_fence_is_none(text: str) -> None:
    assert find_fences(text) == []


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_a_fence_stands_where_it_stands_whatever_is_around_it(before: str, inside: str, after: str) -> None:
    text = f'{before}<document id="x">{inside}</document>{after}'
    assert Fence(len(before), len(text) - len(after), ("x",)) in find_fences(text)


@given(
    st.lists(
        st.sampled_from(["<document", ' id="a"', ">", "</document>", "/>", "é", "\u200b", "x", "'", '"']),
        max_size=20,
    )
)
def test_fences_are_within_the_text_and_in_order(pieces: list[str]) -> None:
    text = "".join(pieces)
    fences = find_fences(text)
    assert [fence.start for fence in fences] == sorted(fence.start for fence in fences)
    assert all(0 <= fence.start < fence.end <= len(text) for fence in fences)


@pytest.mark.parametrize("name", ["id", "ID", "doc_id", "docId", "document-id", "document_id"])
def test_names_that_claim_an_id(name: str) -> None:
    assert claims_an_id(name)


@pytest.mark.parametrize("name", ["index", "uid", "ids", "title"])
def test_names_that_claim_none(name: str) -> None:
    assert not claims_an_id(name)


@pytest.mark.parametrize(
    "hostile",
    [
        "<document a='" * 40_000,
        "<document " * 40_000,
        '<document id="' * 40_000,
        '<document id="x">é' * 40_000,
        "<" * 400_000 + "document",
        "<document" + " " * 400_000,
        "</document>" * 40_000,
        "&lt;document" * 40_000,
    ],
)
def test_hostile_texts_cost_linear_time(hostile: str) -> None:
    began = time.process_time()
    with contextlib.suppress(RequestTooLarge):
        find_fences(hostile)
    assert time.process_time() - began < 0.5


def test_no_sign_that_could_open_a_tag_is_passed_over() -> None:
    signs = [chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code <= 0xDFFF]
    folded = {sign for sign in signs if set(_folded(sign)) & set("<&\\")}
    assert folded == set(_OPENERS)
    assert all(may_open(f"a{sign}b") for sign in folded | set("<&\\"))
    assert not may_open("a plain text, einfach größer als nichts")


def test_the_bound_on_fences_is_exact() -> None:
    assert len(find_fences("<document>" * MOST)) == MOST
    with pytest.raises(RequestTooLarge):
        find_fences("<document>" * (MOST + 1))
