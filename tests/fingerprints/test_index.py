"""An index tells the documents of a fingerprint, holds no word of them, and is taken whole or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigInvalid
from proxy.fingerprints import index as index_module
from proxy.fingerprints.index import NAMED, Index, IndexBuilder, _table
from proxy.fingerprints.winnowing import Winnower
from tests.fingerprints.texts import MEMO, prose

KEY = b"k" * 32


def built(documents: dict[str, str], *excepted: str, key: bytes = KEY) -> bytes:
    builder = IndexBuilder(key)
    for name, text in documents.items():
        builder.add(name, text)
    for text in excepted:
        builder.leave_out(text)
    return builder.built()


WHOLE = built({"memo": MEMO})


def named(index: Index, text: str) -> set[str]:
    marks = index.winnower.mark(text).marks
    return {index.ids[number] for _, mark in marks for number in index.documents_with(mark)}


def test_each_fingerprint_tells_the_documents_that_it_stands_in() -> None:
    index = Index(built({"one": prose(300, 1), "two": prose(300, 2), "both": prose(300, 1)}), KEY)
    for _, mark in Winnower(KEY).mark(prose(300, 1)).marks:
        assert [index.ids[number] for number in index.documents_with(mark)] == ["one", "both"]
    assert named(index, prose(300, 2)) == {"two"}
    assert named(index, prose(300, 3)) == set()


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.integers(1, 9), max_size=200))
def test_what_is_put_into_the_table_is_found_there_and_nothing_else(sets: dict[int, int]) -> None:
    marks, numbers = _table(sets)
    assert {mark: number for mark, number in zip(marks, numbers, strict=True) if number} == sets
    assert len(marks) >= 1.5 * len(sets)
    for mark in sets:  # no free place between where it belongs and where it stands
        place = mark % len(marks)
        while marks[place] != mark or not numbers[place]:
            assert numbers[place]
            place = (place + 1) % len(marks)


def test_an_index_of_nothing_finds_nothing() -> None:
    assert named(Index(built({}), KEY), MEMO) == set()
    assert named(Index(built({"short": "four words and no", "empty": ""}), KEY), MEMO) == set()


def test_what_is_left_out_is_no_document_s_whatever_was_added_first() -> None:
    index = Index(built({"memo": f"{MEMO} {prose(100, 1)}"}, MEMO), KEY)
    assert named(index, prose(100, 1)) == {"memo"}
    assert named(index, MEMO) == set()


def test_of_many_documents_with_one_passage_the_first_are_named() -> None:
    index = Index(built({f"copy-{number:03}": MEMO for number in range(NAMED + 5)}), KEY)
    assert named(index, MEMO) == {f"copy-{number:03}" for number in range(NAMED)}


def test_an_index_holds_no_word_of_the_documents_and_the_same_documents_make_the_same_index() -> None:
    whole = built({"memo": MEMO})
    assert whole == built({"memo": MEMO})
    assert not [word for word in MEMO.split() if len(word) > 4 and word.encode() in whole]


@given(st.data())
def test_one_changed_byte_is_found(chosen: st.DataObject) -> None:
    whole = bytearray(WHOLE)
    whole[chosen.draw(st.integers(0, len(whole) - 1))] ^= chosen.draw(st.integers(1, 255))
    with pytest.raises(ConfigInvalid):
        Index(bytes(whole), KEY)


@given(st.integers(0, 4_000))
def test_an_index_that_was_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ConfigInvalid):
        Index(WHOLE[: min(length, len(WHOLE) - 1)], KEY)


def test_an_index_of_another_key_or_another_reckoning_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigInvalid, match="another key"):
        Index(WHOLE, b"j" * 32)
    monkeypatch.setattr(index_module, "SAMPLE", "as if numbers were hashed in another way on this machine")
    with pytest.raises(ConfigInvalid, match="make it again"):
        Index(WHOLE, KEY)
