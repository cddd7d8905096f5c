"""Texts and findings as adversaries write them, for the properties of redaction."""

import re

from hypothesis import strategies as st

from proxy.redact.spans import Span
from proxy.redact.vault import Vault
from proxy.verdict import KindPlan

KEY = bytes(range(32))
MAIL = KindPlan("EMAIL_ADDRESS", 0.5)
CARD = KindPlan("CREDIT_CARD", 0.5)
PERSON = KindPlan("PERSON", 0.5)
PLAN = (MAIL, CARD, PERSON)

# one entity of each nature: without spaces, with spaces and digits, with a space and capitals
ENTITIES = re.compile(
    r"(?P<EMAIL_ADDRESS>\b[\w.]+@[\w-]+(?:\.[\w-]+)+\b)"
    r"|(?P<CREDIT_CARD>\b\d{4}(?:[ -]\d{4}){3}\b)"
    r"|(?P<PERSON>\bJane Doe\b)"
)


def found_in(text: str) -> list[Span]:
    """A pure recogniser: what Presidio is to the real guard."""
    return [Span(*match.span(), str(match.lastgroup), 1.0) for match in ENTITIES.finditer(text)]


def vault(scope: str = "test") -> Vault:
    return Vault(KEY, scope)


ISSUED = vault().issue(
    "EMAIL_ADDRESS", "jane@example.com"
)  # what `vault()` will issue: the best guess there is

FINDINGS = [
    "jane@example.com",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "Jane Doe",
    "Jane",
    "Doe",
    "4111 ",
]
GAPS = [" ", "  ", "\n", "\n\n", ". ", ", ", ": ", "! ", "\u3002", "7", "@", ".", '"', "Dr", "J"]
LOOK_ALIKES = [ISSUED, ISSUED[:-1], ISSUED[1:], "[PERSON_0123456789abcdef]", "[LITERAL_0123456789abcdef]"]
FRAGMENTS = ["[", "]", "[EMAIL_ADDRESS_", "_0123456789abcdef]", "\\", "\\u003c", "\\u003e"]
PROSE = ["the card", "write to", "plain words here", "é", "😀"]
PARTS = st.sampled_from([*FINDINGS, *GAPS, *LOOK_ALIKES, *FRAGMENTS, *PROSE])
TEXTS = st.lists(st.one_of(PARTS, st.text(max_size=4)), max_size=24).map("".join)


@st.composite
def cut_texts(draw: st.DrawFn, texts: st.SearchStrategy[str] = TEXTS) -> tuple[str, list[str]]:
    """A text, and the same text in pieces."""
    text = draw(texts)
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    return text, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
