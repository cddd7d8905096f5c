"""The copy to look for entities in: escapes read, the invisible left out, and every place kept."""

import html
import json
import quopri
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.plain import Reading, plainly

MAIL = "jane@example.com"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (r"card:\n4111", "card:\n4111"),
        (r"card:\\\n4111", "card:\n4111"),
        (r"emma\u0040example.com", "emma@example.com"),
        (r"emma\x40example.com", "emma@example.com"),
        (r"emma\u{40}example.com", "emma@example.com"),
        (r"emma\U00000040example.com", "emma@example.com"),
        (r"J\u00fcrgen", "Jürgen"),
        (r"https:\/\/example.com", "https://example.com"),
        (r"\ud83d\ude00", "😀"),
        (r"\ud83d", "\ufffd"),
        (r"\ud83d\u0041", "\ufffdA"),
        (r"\UFFFFFFFF", "\ufffd"),
        ("emma&#64;example&period;com", "emma@example.com"),
        ("emma&#x40;example.com", "emma@example.com"),
        ("emma&commat;example.com", "emma@example.com"),
        ("emma%40example.com", "emma@example.com"),
        ("J%C3%BCrgen", "Jürgen"),
        ("J%FCrgen", "Jürgen"),
        ("emma=40example.com", "emma@example.com"),
        ("J=C3=BCrgen", "Jürgen"),
        ("emma@exam=\r\nple.com", "emma@example.com"),
        ("em\u200bma", "emma"),
        ("em\u00adma", "emma"),
        ("j\u0301ane", "jane"),
        ("Jose\u0301", "José"),
        ("J\u200bu\u0308rgen", "Jürgen"),
        ("４１１１＠", "4111@"),
        ("𝐞𝐦𝐦𝐚", "emma"),
        ("①②", "12"),
        ("٤١١١", "4111"),
        ("४१११", "4111"),
        ("4111\u00a01111\u20121111", "4111 1111-1111"),
        ("ex\u0430mple.\u0441om", "example.com"),
        ("P\u03b1ul", "Paul"),
        ("emma@example.\u0441\u043em", "emma@example.com"),
    ],
)
def test_a_text_is_read_as_a_reader_would(text: str, read: str) -> None:
    plain = plainly(text)
    assert plain is not None
    assert plain.text == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain words",
        "naïve café",
        r"C:\x and \d+",
        "C:\\",
        "Tom & Jerry, R&D; AT&T;x",
        "100 % of it, 5%",
        "x=4111 and y=4000 and a = b",
        "=====\nTitle",
        "well\u2026 \u201cso\u201d \u2013 he said\u00a0: 5\u00a0%",
        "Москва, улица Ленина; СМС-код",
        "Αθήνα",
        "你好，世界。",
        "สวัสดีครับ हिन्दी",
        "👨\u200d👩\u200d👧 ❤\ufe0f",
    ],
)
def test_most_texts_need_no_copy(text: str) -> None:
    assert plainly(text) is None


def test_what_is_found_in_the_copy_takes_whole_runs_of_the_text() -> None:
    text = "to %C3%BC&commat;\ufb01\u200b."
    plain = plainly(text)
    assert plain is not None
    assert plain.text == "to ü@fi."
    assert [text[slice(*plain.place(at, at + 1))] for at in range(3, 8)] == [
        *("%C3%BC", "&commat;", "\ufb01\u200b", "\ufb01\u200b", "."),
    ]


SPELLINGS = {
    "JSON": lambda letter: rf"\u{ord(letter):04x}",
    "JavaScript": lambda letter: rf"\u{{{ord(letter):x}}}",
    "Python": lambda letter: rf"\x{ord(letter):02x}",
    "HTML": lambda letter: f"&#{ord(letter)};",
    "HTML, hexadecimal": lambda letter: f"&#x{ord(letter):x};",
    "a link": lambda letter: f"%{ord(letter):02X}",
    "invisible": lambda letter: f"{letter}\u200d",
    "marked": lambda letter: f"{letter}\u0336",
    "wide": lambda letter: chr(ord(letter) + 0xFEE0),
}


@pytest.mark.parametrize("name", SPELLINGS)
@given(which=st.sets(st.sampled_from(range(len(MAIL))), min_size=1))
def test_an_address_is_read_whichever_of_its_letters_are_disguised(name: str, which: set[int]) -> None:
    letters = [SPELLINGS[name](letter) if at in which else letter for at, letter in enumerate(MAIL)]
    text = "to " + "".join(letters) + " now"
    plain = plainly(text)
    assert plain is not None
    start = plain.text.index(MAIL)
    assert plain.place(start, start + len(MAIL)) == (3, len(text) - 4)


@given(st.text(alphabet="ab4 @%&=\\nux0;#{}\u200b４éй\u0301а\u00a0ﬁ\n"))
def test_every_character_of_the_copy_has_its_place(text: str) -> None:
    plain = plainly(text)
    if plain is not None:
        check_places(text, plain)


@given(st.text())
def test_every_character_of_any_copy_has_its_place(text: str) -> None:
    plain = plainly(text)
    if plain is not None:
        check_places(text, plain)


def check_places(text: str, plain: Reading) -> None:
    assert len(plain.starts) == len(plain.ends) == len(plain.text)
    runs = list(zip(plain.starts, plain.ends, strict=True))
    assert runs == sorted(runs)
    for place, (start, end) in enumerate(runs):
        assert 0 <= start < end <= len(text)
        assert (start, end) in (runs[place - 1 : place]) or place == 0 or start >= runs[place - 1][1]


@given(st.text())
def test_a_span_of_the_copy_covers_its_spelling_in_json(words: str) -> None:
    text = json.dumps({"note": f"before {words}\nafter"})
    plain = plainly(text)
    assert plain is not None
    start = plain.text.rindex("after")
    assert text[slice(*plain.place(start, start + 5))] == "after"


PRINTED = st.text(st.characters(categories=["L", "N", "P", "Z", "S"]), max_size=20)


@given(PRINTED.filter(lambda words: "%" not in words))
def test_a_link_is_read_as_its_words(words: str) -> None:
    spelled = quote(words)
    plain = plainly(spelled)
    assert (plain.text if plain else spelled) == words


def test_quoted_printable_is_read_as_its_words() -> None:
    words = "Jürgen Müller <juergen@example.com>, 4111 1111 1111 1111; " * 3
    spelled = quopri.encodestring(words.encode()).decode()
    plain = plainly(spelled)
    assert plain is not None
    assert plain.text == words


def test_what_html_escapes_is_read_as_its_words() -> None:
    words = "Jane <jane@example.com> & 'Co'"
    plain = plainly(html.escape(words))
    assert plain is not None
    assert plain.text == words


def test_a_decomposed_text_is_read_as_its_composed_twin() -> None:
    words = "Jürgen Müller schrieb an José Ñandú"
    plain = plainly(unicodedata.normalize("NFD", words))
    assert plain is not None
    assert plain.text == words
