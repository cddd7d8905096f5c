"""Words in base64 and hex are read once, and what is found in them stands for the whole run."""

import base64
import json
from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.decode import LEAST_RUN, decoded, readings

MAIL = "jane@example.com"
WORDS = f"write to {MAIL} about 4111 1111 1111 1111"

CODINGS: dict[str, Callable[[str], str]] = {
    "base64": lambda words: base64.b64encode(words.encode()).decode(),
    "base64 without its end": lambda words: base64.b64encode(words.encode()).decode().rstrip("="),
    "base64 for links": lambda words: base64.urlsafe_b64encode(words.encode()).decode(),
    "base64 of UTF-16": lambda words: base64.b64encode(words.encode("utf-16-le")).decode(),
    "hex": lambda words: words.encode().hex(),
    "HEX": lambda words: words.encode().hex().upper(),
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("before", ["", "see ", "data:text/plain;base64,", "token-", "key=", "x/", '"', "0x"])
def test_what_is_found_inside_stands_for_the_whole_run(coding: str, before: str) -> None:
    run = CODINGS[coding](WORDS)
    text = f"{before}{run} and more"
    reading = decoded(text)
    assert reading is not None
    start = reading.text.index(MAIL)
    first, last = reading.place(start, start + len(MAIL))
    assert first <= len(before)
    assert last == len(before) + len(run)


@pytest.mark.parametrize("coding", CODINGS)
@given(
    words=st.text(
        st.characters(codec="utf-8", exclude_characters=[*map(chr, range(32))]), min_size=9, max_size=60
    )
)
def test_words_are_read_again_whatever_they_are(coding: str, words: str) -> None:
    if coding == "base64 of UTF-16" and not words.isascii():
        return
    reading = decoded(CODINGS[coding](words))
    assert reading is None or words in reading.text or not words.isascii() or "\x7f" in words
    if all(" " <= letter <= "~" for letter in words) and not _word(CODINGS[coding](words)):
        assert reading is not None
        assert words in reading.text


def _word(run: str) -> bool:
    return run.isalpha() and run[1:].islower()


def test_hexadecimal_behind_a_digit_too_many_is_read() -> None:
    text = "f" + WORDS.encode().hex()
    reading = decoded(text)
    assert reading is not None
    assert MAIL in reading.text


@pytest.mark.parametrize("size", [64, 76])
def test_base64_in_lines_is_one_run(size: int) -> None:
    letters = base64.b64encode((WORDS * 3).encode()).decode()
    run = "\r\n".join(letters[at : at + size] for at in range(0, len(letters), size))
    reading = decoded(f"{run}\r\n\r\nend")
    assert reading is not None
    assert reading.text == WORDS * 3 + "\n\n"
    assert reading.place(0, 5) == (0, len(run))


@given(st.integers(0, 40), st.integers(0, 40))
def test_a_run_that_was_cut_anywhere_still_shows_the_words_that_are_left(front: int, back: int) -> None:
    run = base64.b64encode(f"{'word ' * 12}{MAIL}{' word' * 12}".encode()).decode()
    reading = decoded(run[front : len(run) - back])
    assert reading is not None
    assert MAIL in reading.text


def test_several_runs_are_read_one_after_the_other_and_apart() -> None:
    runs = [base64.b64encode(words.encode()).decode() for words in ("first words", MAIL)]
    text = " and ".join(runs)
    reading = decoded(text)
    assert reading is not None
    assert reading.text == f"first words\n\n{MAIL}\n\n"
    assert reading.place(13, 13 + len(MAIL)) == (len(text) - len(runs[1]), len(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "internationalization, electroencephalography and Wissenschaftssprache",
        "/usr/lib/python3/site-packages and C-3PO",
        "d41d8cd98f00b204e9800998ecf8427e e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "550e8400-e29b-41d4-a716-446655440000",
        "[EMAIL_ADDRESS_3fa9c0d2e4b5a697]",
        base64.b64encode(b"".join(sha256(bytes([at])).digest() for at in range(99))).decode(),
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "4111111111111111",
    ],
)
def test_what_holds_no_words_is_not_read(text: str) -> None:
    assert decoded(text) is None


def test_it_is_decoded_once_and_not_twice() -> None:
    twice = CODINGS["base64"](CODINGS["base64"](WORDS))
    assert all(MAIL not in reading.text for reading in readings(twice))


def test_what_is_encoded_in_json_is_read_plainly_too() -> None:
    text = "see " + CODINGS["base64"](json.dumps({"note": "card:\n4111111111111111", "to": MAIL}))
    plain = readings(text)[-1]
    start = plain.text.index("\n4111111111111111")
    assert plain.place(start, start + 17) == (4, len(text))


def test_what_is_encoded_behind_a_disguise_is_read() -> None:
    text = "see " + CODINGS["base64"](WORDS).replace("=", "%3D").replace("d", "%64")
    reading = readings(text)[-1]
    start = reading.text.index(MAIL)
    assert reading.place(start, start + len(MAIL)) == (4, len(text))


def test_a_plain_text_has_no_other_reading() -> None:
    assert readings("The quick brown fox jumps over the lazy dog. Call 212-555-0143.") == []


@given(st.text(alphabet="aB4+/=-_ %40\n\\u6a", max_size=200))
def test_every_reading_stands_in_the_text_and_is_no_longer(text: str) -> None:
    for reading in readings(text):
        assert len(reading.starts) == len(reading.ends) == len(reading.text)
        assert len(reading.text) <= len(text) + LEAST_RUN
        assert all(
            0 <= start < end <= len(text) for start, end in zip(reading.starts, reading.ends, strict=True)
        )
