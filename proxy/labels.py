"""Documents inside a request: which there are, and the request without those that must be withheld.

A document is an entry of a list that the dialect has for documents, or stands between `<document …>` and
`</document>` in a text.
An id is the caller's claim; what it is worth, a policy decides. A document that claims none is named `#0`,
`#1`… in order. How a fence is read is `proxy.wire.fences`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, groupby
from typing import Final

from proxy.errors import EngineUnavailable, RequestInvalid, RequestTooLarge
from proxy.exchange import Document, Exchange, Path, Segment
from proxy.wire import tree
from proxy.wire.fences import MOST, Fence, find_fences, loose_ends, may_open

UNNAMED: Final = "#"
"""How the names of documents begin that claim no id. No caller may claim such an id."""

DOCUMENTS: Final = MOST
"""As many in a whole request as in one text."""

ID_CHARS: Final = 512
"""A path or a URL is the longest that identifies."""

BLANK: Final = "-"
"""Stands for a withheld document that must keep its place; servers refuse an empty text."""

_JOINT: Final = "\u200b"
"""Between the parts of one message. Some servers join them with a line end and some with nothing; a fence may
straddle the joint either way, and whoever reads fences passes over a zero-width space."""

_TURNS: Final = frozenset({"messages", "input"})
"""The lists of messages, as the dialects call them."""

_PARTED: Final = frozenset({("content",), ("output",)})
"""What of a message may come in parts; `output` is a tool's (OpenAI responses)."""

_MOVED: Final = frozenset({"tool_call", "name"})
_THOUGHT: Final = "thinking"
"""Blocks of Anthropic's messages that are none of a message's words."""

_SYSTEM: Final = "system"
"""A field that may be a list of blocks, which a model reads as one text (Anthropic)."""

_Ids = tuple[str, ...]

_Group = list[tuple[int, Segment]]
"""Texts that are read as one, with their numbers."""

_Piece = tuple[int, int, int]
"""A part of a text: the segment's number, first character, end (exclusive)."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A document and where it stands: as an entry (its number in the exchange), or in pieces of texts."""

    claimed: _Ids
    entry: int | None = None
    pieces: tuple[_Piece, ...] = ()


def find_documents(exchange: Exchange) -> Exchange:
    """The exchange with its documents. Raises RequestInvalid for an id that only the proxy may give.

    Where one document claims several ids it is listed under each of them, so that the strictest label counts.
    """
    found = _find(exchange)
    if not found and not exchange.documents:
        return exchange
    return replace(exchange, documents=_documents(exchange, found, _names(found)))


def withhold(exchange: Exchange, documents: Mapping[str, bool], notice: str) -> Exchange:
    """The exchange without these documents, by id; the value tells whether `notice` takes their place.

    Every document under such an id goes, with its title and all else in its fence or entry. Raises
    EngineUnavailable when an id is not there: a document that is withheld and not found may be one that
    stays.
    """
    found = _find(exchange)
    names = _names(found)
    gone = [index for index, ids in enumerate(names) if not documents.keys().isdisjoint(ids)]
    if documents.keys() - {name for index in gone for name in names[index]}:
        raise EngineUnavailable("The policies withhold a document that is not in the request.")
    replaced = {
        index: notice
        if all(documents.get(name, True) for name in names[index])
        else _silence(exchange, found[index])
        for index in gone
    }
    changes = _without_fences(exchange, {found[index]: text for index, text in replaced.items()})
    result = replace(tree.with_texts(exchange, changes), documents=())
    entries = {found[index].entry: text for index, text in replaced.items()}
    result = _without_entries(
        result, {number: text for number, text in entries.items() if number is not None}
    )
    return _with_documents(result, list(_expected(exchange, found, names, replaced)))


def _silence(exchange: Exchange, found: _Found) -> str:
    """What stands where a document is withheld without a word: nothing, or what tells nothing."""
    return BLANK if found.entry is not None and exchange.entries[found.entry].kept else ""


def _expected(
    exchange: Exchange, found: Sequence[_Found], names: Sequence[_Ids], replaced: Mapping[int, str]
) -> Iterator[tuple[_Ids, _Ids]]:
    """What must be found when the rest is gone: what each document claims, and the names it keeps."""
    for index, one in enumerate(found):
        if one.entry is not None and replaced.get(index):
            yield (), names[index]  # its notice stands in its place
        elif not any(_within(exchange, one, found[other]) for other in replaced):
            yield one.claimed, names[index]


def _with_documents(exchange: Exchange, expected: Sequence[tuple[_Ids, _Ids]]) -> Exchange:
    """Looked for once more: taking a fence out must not make another of what stood around it."""
    found = _find(exchange)
    if [one.claimed for one in found] != [claimed for claimed, _ in expected]:
        raise RequestInvalid("Documents in the request are fenced in a way that hides one of them.")
    return replace(exchange, documents=_documents(exchange, found, [names for _, names in expected]))


def _find(exchange: Exchange) -> list[_Found]:
    """Entries first, then fences in the order in which they open. No key may hold one."""
    found = [_Found(entry.ids, entry=number) for number, entry in enumerate(exchange.entries)]
    if any(may_open(one.text) for one in exchange.segments):
        if any(one.key and find_fences(one.text) for one in exchange.segments):
            raise RequestInvalid("The key of a JSON object fences a document.")
        together: dict[Path, _Group] = {}
        for index, one in enumerate(exchange.segments):
            if not one.key:
                together.setdefault(_read_with(one), []).append((index, one))
        fences = chain.from_iterable(map(_fenced, _across_messages(together.values())))
        found.extend(sorted(fences, key=lambda fence: fence.pieces[0]))
    if len(found) > DOCUMENTS:
        raise RequestTooLarge(f"The request holds more than {DOCUMENTS} documents.")
    for name in {name for one in found for name in one.claimed}:
        _check_id(name)
    return found


def _check_id(name: str) -> None:
    if name.startswith(UNNAMED):
        raise RequestInvalid(f"The id of a document must not begin with {UNNAMED}.")
    if len(name) > ID_CHARS:
        raise RequestInvalid(f"The id of a document is longer than {ID_CHARS} characters.")


def _read_with(segment: Segment) -> Path:
    """Parts of one message's content are read together; any other text stands alone.

    What a block of a message thinks, calls or brings from a tool, servers move to a place of its own: a fence
    among the words does not end there.
    """
    path = segment.path
    if path[0] == _SYSTEM:
        return path[:1]
    if path[0] not in _TURNS or path[2:3] not in _PARTED or segment.source in _MOVED:
        return path
    if path[-1] == _THOUGHT:
        return (*path[:3], _THOUGHT)
    return path[:5] if segment.role == "tool" and path[4:5] in _PARTED else path[:3]


def _across_messages(groups: Iterable[_Group]) -> Iterator[_Group]:
    """Messages of one role that follow each other are read together where a fence goes over from one to
    another: only if the other closes it, for anybody may write about a tag."""
    said: list[_Group] = []
    for group in groups:
        if _is_said(group[0][1]):
            said.append(group)
        else:
            yield group
    for _, run in groupby(said, key=lambda group: group[0][1].role):
        yield from _hanging_together(run)


def _is_said(segment: Segment) -> bool:
    path = segment.path
    content = path[0] in _TURNS and path[2:3] in _PARTED and path[-1] != _THOUGHT
    return content and segment.source not in _MOVED


def _hanging_together(run: Iterable[_Group]) -> Iterator[_Group]:
    bunch: _Group = []
    later: list[_Group] = []  # behind a fence that is open and may stay so
    depth = 0
    for group in run:
        closed, opened = loose_ends(_JOINT.join(segment.text for _, segment in group))
        if depth and closed:
            bunch.extend(chain(*later, group))
            later = []
        elif depth:
            later.append(group)
        else:
            yield bunch
            bunch = list(group)
        depth = max(depth - closed, 0) + opened
    yield bunch
    yield from later


def _fenced(group: Sequence[tuple[int, Segment]]) -> Iterator[_Found]:
    if len(group) == 1:
        [(index, segment)] = group
        for fence in find_fences(segment.text):
            yield _Found(fence.ids, pieces=((index, fence.start, fence.end),))
        return
    for fence in find_fences(_JOINT.join(segment.text for _, segment in group)):
        yield _Found(fence.ids, pieces=tuple(_pieces(group, fence)))


def _pieces(group: Sequence[tuple[int, Segment]], fence: Fence) -> Iterator[_Piece]:
    """What of a fence over several parts stands in each of them."""
    begins = 0
    for index, segment in group:
        start, end = max(fence.start - begins, 0), min(fence.end - begins, len(segment.text))
        if start < end:
            yield index, start, end
        begins += len(segment.text) + len(_JOINT)


def _names(found: Sequence[_Found]) -> list[_Ids]:
    numbers = count()
    return [one.claimed or (f"{UNNAMED}{next(numbers)}",) for one in found]


def _documents(exchange: Exchange, found: Sequence[_Found], names: Sequence[_Ids]) -> tuple[Document, ...]:
    entries = _entries(exchange)
    return tuple(
        _document(exchange, entries, one, name) for one, ids in zip(found, names, strict=True) for name in ids
    )


def _document(exchange: Exchange, entries: Mapping[int, list[int]], found: _Found, name: str) -> Document:
    if found.entry is not None:
        segments = tuple(entries.get(found.entry, ()))
        chars = sum(len(exchange.segments[index].text) for index in segments)
        return Document(name, "field", segments, chars=chars)
    segments = tuple(index for index, _, _ in found.pieces)
    span = found.pieces[0][1:] if len(found.pieces) == 1 else None
    return Document(name, "fence", segments, span, chars=sum(end - start for _, start, end in found.pieces))


def _entries(exchange: Exchange) -> dict[int, list[int]]:
    """The segments of each entry."""
    numbers = {entry.place: number for number, entry in enumerate(exchange.entries)}
    lengths = {len(place) for place in numbers}
    segments: dict[int, list[int]] = {}
    for index, one in enumerate(exchange.segments):
        for length in lengths:
            number = numbers.get(one.path[:length])
            if number is not None:
                segments.setdefault(number, []).append(index)
    return segments


def _within(exchange: Exchange, inner: _Found, outer: _Found) -> bool:
    """Whether a document goes when `outer` goes: it is the same, or it stands inside."""
    if inner == outer:
        return True
    if inner.entry is not None:
        return False
    if outer.entry is not None:
        place = exchange.entries[outer.entry].place
        return exchange.segments[inner.pieces[0][0]].path[: len(place)] == place
    return all(
        any(index == place and first <= start and end <= last for place, first, last in outer.pieces)
        for index, start, end in inner.pieces
    )


def _without_fences(exchange: Exchange, gone: Mapping[_Found, str]) -> dict[int, str]:
    """The new text of every segment that a fence is taken out of; a notice stands where the fence began."""
    cuts: dict[int, list[tuple[int, int, str]]] = {}
    for one, notice in gone.items():
        for number, (index, start, end) in enumerate(one.pieces):
            cuts.setdefault(index, []).append((start, end, "" if number else notice))
    return {index: _cut(exchange.segments[index].text, ranges) for index, ranges in cuts.items()}


def _cut(text: str, ranges: Sequence[tuple[int, int, str]]) -> str:
    """Of ranges inside each other only the outer counts."""
    pieces: list[str] = []
    reached = 0
    for start, end, notice in sorted(ranges, key=lambda cut: (cut[0], -cut[1])):
        if start >= reached:
            pieces += [text[reached:start], notice]
        reached = max(reached, end)
    return "".join([*pieces, text[reached:]])


def _without_entries(exchange: Exchange, gone: Mapping[int, str]) -> Exchange:
    """Entries with a notice keep their place, the others leave none."""
    silent: dict[Path, list[Path]] = {}
    for number, notice in gone.items():
        place = exchange.entries[number].place
        if notice:
            exchange = _with_notice(exchange, number, notice)
        else:
            silent.setdefault(place[:-1], []).append(place)
    for lists, places in silent.items():
        exchange = tree.without_items(exchange, lists, {place[-1] for place in places})
        if not tree.value_at(exchange.body, lists):
            exchange = _without_list(exchange, lists)
    return exchange


def _without_list(exchange: Exchange, place: Path) -> Exchange:
    """A field that is empty goes; the content of a message becomes an empty text, for it must have one."""
    if len(place) > 1:
        return replace(exchange, body=tree.with_value(exchange.body, place, ""))
    return replace(exchange, body={name: value for name, value in exchange.body.items() if name != place[0]})


def _with_notice(exchange: Exchange, number: int, notice: str) -> Exchange:
    """The notice stands where templates look for text."""
    entry = exchange.entries[number]
    place = entry.place
    if entry.text_key:
        told = Segment(notice, "user", "document", (*place, entry.text_key))
        body = tree.with_value(exchange.body, place, {**dict(entry.notice), entry.text_key: notice})
    else:
        told = Segment(notice, "user", "document", place)
        body = tree.with_value(exchange.body, place, notice)
    inside = [one.path[: len(place)] == place for one in exchange.segments]
    others = [one for one, within in zip(exchange.segments, inside, strict=True) if not within]
    first = inside.index(True) if True in inside else len(others)
    entries = tuple(
        replace(one, ids=()) if index == number else one for index, one in enumerate(exchange.entries)
    )
    return replace(exchange, body=body, entries=entries, segments=(*others[:first], told, *others[first:]))
