"""Copied passages in a request: as its documents, and the request without those that must be withheld.

The texts of one message are looked at together, for a passage may stand in several parts of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from proxy.errors import ContentUnscannable, RequestInvalid, RequestTooLarge
from proxy.exchange import Document, Exchange
from proxy.fingerprints.copies import Copied
from proxy.labels import BLANK, DOCUMENTS, find_documents
from proxy.wire import tree

SOURCE: Final = "fingerprint"

_JOINTS: Final = ("\n", "\u200b")
"""Between the parts. Some servers join them with a line end and some with nothing, so a word may stand in one
part or in two; a zero-width space parts no words."""

_Piece = tuple[int, int, int]
"""A part of a text: the segment's number, first character, end (exclusive)."""


@dataclass(frozen=True, slots=True)
class Message:
    """The texts of one message, or of anything else that is one thing, and the numbers of their segments."""

    text: str = field(repr=False)
    segments: tuple[int, ...]


def messages(exchange: Exchange) -> list[Message]:
    """One of several parts twice, as it may be joined."""
    numbered = enumerate(exchange.segments)
    groups = (list(group) for _, group in groupby(numbered, key=lambda pair: pair[1].path[:2]))
    return [
        Message(joint.join(part.text for _, part in group), tuple(index for index, _ in group))
        for group in groups
        for joint in _JOINTS[: len(group)]
    ]


Found = Sequence[tuple[Message, Sequence[Copied]]]


def with_copies(exchange: Exchange, found: Found) -> Exchange:
    """The passages listed as documents beside the others, each once a message. Raises RequestTooLarge."""
    listed = [one for message, copied in found for one in _documents(exchange, message, copied)]
    copies = {(one.id, one.segments): one for one in listed}.values()
    if not copies:
        return exchange
    if len(exchange.documents) + len(copies) > DOCUMENTS:
        raise RequestTooLarge(f"The request holds more than {DOCUMENTS} documents.")
    return replace(exchange, documents=(*exchange.documents, *copies))


def without_copies(exchange: Exchange, found: Found, withheld: Mapping[str, bool], notice: str) -> Exchange:
    """The exchange without the passages of these documents, by id; the value tells whether `notice` takes
    their place.

    Raises ContentUnscannable for a passage in a key, which cannot be replaced, and RequestInvalid when a
    passage reaches over the fence of a document.
    """
    cuts: dict[int, list[tuple[int, int, bool]]] = {}
    for message, copied in found:
        for one in copied:
            if one.id in withheld:
                for number, (index, start, end) in enumerate(_pieces(exchange, message, one)):
                    cuts.setdefault(index, []).append((start, end, withheld[one.id] and not number))
    if not cuts:
        return exchange
    if any(exchange.segments[index].key for index in cuts):
        raise ContentUnscannable("The key of a JSON object holds a passage that must be withheld.")
    changes = {index: _cut(exchange.segments[index].text, ranges, notice) for index, ranges in cuts.items()}
    result = tree.with_texts(exchange, changes)
    if _labelled(find_documents(result)) != _labelled(find_documents(exchange)):
        raise RequestInvalid("A passage that must be withheld reaches over the fence of a document.")
    return result


def _labelled(exchange: Exchange) -> list[str | None]:
    return [one.id for one in exchange.documents]


def _documents(exchange: Exchange, message: Message, copied: Sequence[Copied]) -> Iterator[Document]:
    for name in dict.fromkeys(one.id for one in copied):
        pieces = [piece for one in copied if one.id == name for piece in _pieces(exchange, message, one)]
        segments = tuple(dict.fromkeys(index for index, _, _ in pieces))
        span = pieces[0][1:] if len(pieces) == 1 else None
        yield Document(name, SOURCE, segments, span, sum(end - start for _, start, end in pieces))


def _pieces(exchange: Exchange, message: Message, copied: Copied) -> Iterator[_Piece]:
    """What of a passage stands in each of the segments."""
    begins = 0
    for index in message.segments:
        length = len(exchange.segments[index].text)
        start, end = max(copied.start - begins, 0), min(copied.end - begins, length)
        if start < end:
            yield index, start, end
        begins += length + 1  # the joint


def _cut(text: str, ranges: Sequence[tuple[int, int, bool]], notice: str) -> str:
    """Passages that overlap go as one; where any of them goes without a word, all do."""
    kept: list[str] = []
    reached = 0
    for start, end, told in _merged(ranges):
        kept += [text[reached:start], notice if told else ""]
        reached = end
    left = "".join([*kept, text[reached:]])
    return left if left.strip() else BLANK


def _merged(ranges: Sequence[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    merged: list[tuple[int, int, bool]] = []
    for start, end, told in sorted(ranges):
        if merged and start <= merged[-1][1]:
            first, last, before = merged[-1]
            merged[-1] = first, max(last, end), before and told
        else:
            merged.append((start, end, told))
    return merged
