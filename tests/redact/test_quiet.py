import random
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.presidio.pool import PresidioPool
from proxy.redact.kinds import MARKED_KINDS
from proxy.redact.quiet import is_calm, quiet_chars
from proxy.settings import Redaction
from proxy.verdict import KindPlan

ASCII_MARKS = frozenset("'\"*.,;:!?-# \n")


def test_no_quiet_character_can_be_read_as_a_digit_or_an_at() -> None:
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if (
            quiet_chars(f"aa{character}aa ")
            or quiet_chars(f"aa{character} ")
            or quiet_chars(f"{character}aa ")
        ):
            plain = unicodedata.normalize("NFKC", character)
            assert not any(one.isdigit() or one == "@" for one in plain)
            assert (
                character.isalpha() or character in ASCII_MARKS or unicodedata.category(character)[0] == "P"
            )


@given(st.text(alphabet="aZ \n.,'\"*-1@é[", max_size=60), st.integers(0, 60))
def test_what_is_quiet_stays_quiet_whatever_follows(text: str, at: int) -> None:
    end = quiet_chars(text)
    assert quiet_chars(text[:at]) <= end
    assert quiet_chars(text + "@") >= end


@given(st.text(alphabet="aZ \n.,'1@", max_size=40))
def test_only_the_last_word_of_an_ended_text_is_quiet_without_white_space(text: str) -> None:
    assert quiet_chars(text) <= quiet_chars(text, ended=True) <= len(text)
    assert quiet_chars("done", ended=True) == 4
    assert quiet_chars("done") == 0


def test_hostile_text_is_left_alone_in_no_time() -> None:
    for text in (
        "a" * 100_000,
        "*" * 100_000,
        "- " * 50_000,
        "'" * 100_000,
        "aa'" * 30_000,
        "aa " * 30_000 + "1",
    ):
        assert quiet_chars(text) <= len(text)
        assert quiet_chars(text, ended=True) <= len(text)


@pytest.mark.parametrize(
    ("text", "calm"),
    [
        ("some plain words", True),
        ("Jane wrote some plain words", True),
        ("plain words", False),
        ("van de la", False),
        ("rue de la", False),
        ("a.some plain words", False),
        ("some Plain words", False),
        ("some plain words1", False),
        ("some plain, words", False),
    ],
)
def test_calm_is_behind_three_plain_words(text: str, calm: bool) -> None:
    assert is_calm(f"{text} more", len(text)) is calm


@pytest.mark.slow
async def test_presidio_finds_no_marked_kind_in_quiet_words() -> None:
    """What makes a kind a marked one: on two thousand lines of words that look like something."""
    chance = random.Random(4)
    heads = (
        "The",
        "Card",
        "Phone",
        "call",
        "Account",
        "ssn",
        "mail",
        "jane",
        "at",
        "example",
        "dot",
        "com",
        "I",
        "iban",
        "number",
        "is",
        "four",
        "one",
        "Doe",
        "address",
        "nil",
        "caf\u00e9",
        "A",
        "oh",
        "two",
        "de",
        "gb",
    )
    texts = [
        " ".join(chance.choice(heads) + chance.choice(("", "", "", ",", ".", ":", "'s")) for _ in range(12))
        for _ in range(2_000)
    ]
    assert all(quiet_chars(text, ended=True) == len(text) for text in texts)
    plan = [KindPlan(kind, 0.0) for kind in sorted(MARKED_KINDS)]
    pool = PresidioPool(Redaction(deadline_s=30.0))
    await pool.start()
    try:
        for first in range(0, len(texts), 50):
            found = await pool.recognise(["\n".join(texts[first : first + 50])], plan)
            assert found == [()]
    finally:
        await pool.close()
