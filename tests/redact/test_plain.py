"""The copy to look for entities in: escapes read, the invisible left out, and every place kept."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.plain import plainly


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"card:\n4111", "card:\n4111"),
        (r"card:\\\n4111", "card:\n4111"),
        (r"emma\u0040example.com", "emma@example.com"),
        (r"J\u00fcrgen", "Jürgen"),
        (r"https:\/\/example.com", "https://example.com"),
        (r"\ud83d", "\ufffd"),
        ("em\u200bma", "emma"),
        ("４１１１＠", "4111@"),
    ],
)
def test_a_text_is_read_as_a_reader_would(text: str, read: str) -> None:
    plain = plainly(text)
    assert plain is not None
    assert plain[0] == read


@pytest.mark.parametrize("text", ["", "plain words", "naïve café", r"C:\x and \d+", "C:\\"])
def test_most_texts_need_no_copy(text: str) -> None:
    assert plainly(text) is None


@given(st.text(alphabet="ab4 @\\nu0\u200b４é\n"))
def test_every_character_of_the_copy_has_its_place(text: str) -> None:
    plain = plainly(text)
    if plain is None:
        return
    copy, places = plain
    assert len(places) == len(copy) + 1
    assert list(places) == sorted(set(places))
    assert places[-1] == len(text)
    unspelled = [
        at for at, letter in zip(places, copy, strict=False) if letter in "ab @é" and text[at] != "\\"
    ]
    assert all(text[at] == copy[places.index(at)] for at in unspelled)


@given(st.text())
def test_a_span_of_the_copy_covers_its_spelling_in_json(words: str) -> None:
    text = json.dumps({"note": f"before {words}\nafter"})
    plain = plainly(text)
    assert plain is not None
    copy, places = plain
    start = copy.index("after")
    assert text[places[start] : places[start + 5]] == "after"
