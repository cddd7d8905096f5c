"""Redaction: text and spans in, text with pseudonyms out. It finds nothing itself: engines do."""

from collections.abc import Iterator, Sequence

from proxy.exchange import CleanText
from proxy.redact.spans import Span, merge, planned
from proxy.redact.vault import LITERAL, PSEUDONYM, Vault
from proxy.verdict import KindPlan


def redact(text: str, spans: Sequence[Span], vault: Vault, plan: Sequence[KindPlan]) -> CleanText:
    """`text` with every planned span replaced by a pseudonym of its words.

    What looks like a pseudonym in the text is not one: somebody typed it. It is replaced by a pseudonym of
    its own, so that it comes back as it was typed and nobody can have another's words restored by guessing.
    Restoring therefore gives `text` back exactly, whatever it was, but for kinds that are planned one-way.
    """
    if not spans and "[" not in text:  # most texts
        return CleanText(text)
    found = merge([*planned(spans, plan), *_look_alikes(text)], [wanted.kind for wanted in plan])
    return replace(text, found, vault, plan) if found else CleanText(text)


def replace(text: str, spans: Sequence[Span], vault: Vault, plan: Sequence[KindPlan]) -> CleanText:
    """`text` with exactly these spans replaced: ascending, not overlapping, as `merge` makes them."""
    one_way = {wanted.kind for wanted in plan if not wanted.restore}
    pieces: list[str] = []
    done = 0
    for span in spans:
        words = text[span.start : span.end]
        pieces += (text[done : span.start], vault.issue(span.kind, words, restore=span.kind not in one_way))
        done = span.end
    return CleanText("".join((*pieces, text[done:])))


def _look_alikes(text: str) -> Iterator[Span]:
    """Score 0: where one overlaps a finding, the finding names the union."""
    if "[" in text:
        for match in PSEUDONYM.finditer(text):
            yield Span(match.start(), match.end(), LITERAL, 0.0)
