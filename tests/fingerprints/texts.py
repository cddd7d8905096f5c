"""Texts to copy from: made-up documents with few words in common, and what people do to a copy."""

import random

SYLLABLES = ["ba", "ko", "ri", "ten", "mol", "sa", "vu", "quin", "der", "lo", "pra", "ze", "fin", "gat", "hu"]

COMMON = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "is",
    "that",
    "for",
    "it",
    "as",
    "was",
    "with",
    "be",
    "by",
    "on",
    "not",
]


def words(count: int, seed: int) -> list[str]:
    """As in a language: every other word is one that everybody uses."""
    dice = random.Random(seed)
    rare = ["".join(dice.choices(SYLLABLES, k=3)) for _ in range(400)]
    return [dice.choice(COMMON) if dice.random() < 0.5 else dice.choice(rare) for _ in range(count)]


def prose(count: int, seed: int) -> str:
    return " ".join(words(count, seed))


MEMO = """The quarterly forecast for the northern plant assumes that the second furnace stays cold until
March. Margins fall to eleven percent if the lender insists on the covenant of last summer, and the board
has agreed to sell the depot at Halden before the auditors return. Nobody outside the finance committee has
been told that the supplier in Ghent asked for payment in advance, or that two of its invoices were
returned unpaid."""
"""71 words of a document that not everybody may see."""
