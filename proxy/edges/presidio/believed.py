"""What the small language model is not believed: `Summarise` is nobody, `IBAN` no firm, and no name spans
two lines.

Only ever takes away or shortens; what it takes away has its reason in a list of words (`words`).
"""

from spacy.tokens import Doc, Span, Token

from proxy.edges.presidio.words import NO_ORGANISATION, NOBODY

_NAMED = ("PERSON", "PER", "ORG", "ORGANIZATION", "GPE", "LOC", "FAC", "LOCATION")
_PEOPLE = ("PERSON", "PER")
_NEITHER = NOBODY | NO_ORGANISATION


def believed(doc: Doc) -> list[Span]:
    """The names of a text, without those that are none."""
    spans = (_one_line(doc, span) if span.label_ in _NAMED else span for span in doc.ents)
    return [span for span in spans if span is not None]


def _one_line(doc: Doc, span: Span) -> Span | None:
    start, end = span.start, span.end
    while start < end and _no_part(doc[start], person=span.label_ in _PEOPLE):
        start += 1
    broken = next((at for at in range(start, end) if "\n" in doc[at].text), end)
    if start == broken or _none(doc[start:broken], span.label_):
        return None
    return Span(doc, start, broken, label=span.label)


def _no_part(token: Token, *, person: bool) -> bool:
    """Whether no name begins with it: white space, or before a person's name a word such as `Dear`."""
    return token.is_space or (person and token.lower_ in NOBODY)


def _none(words: Span, label: str) -> bool:
    if label in _PEOPLE:
        return any(letter.isdigit() for letter in words.text) or not words.text[:1].isalpha()
    return all(token.lower_ in _NEITHER or not token.is_alpha for token in words)
