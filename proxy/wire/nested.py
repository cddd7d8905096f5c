"""An object of fields inside a request's body, such as Ollama's `options`: read by a closed table of its own.

The table has the same fates as the fields of a body (`fields.py`); what is not in it is `Draft.unknown`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.errors import RequestInvalid
from proxy.exchange import Json, Path
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid, where
from proxy.wire.fields import Fate

KEPT_HERE: Final = object()
"""What a reader gives when nothing of a member is forwarded."""

Take = Callable[[Draft, Path, Json], Json]
"""Reads a member that is not null (draft, path, value) and gives what is forwarded of it."""


@dataclass(frozen=True, slots=True)
class Member:
    """`note`: what it may be, or why it is refused."""

    fate: Fate
    note: str
    take: Take


def governed(note: str, take: Take) -> Member:
    """`take` adds every text in it to the draft."""
    return Member("governed", note, take)


def inert(note: str, check: checks.Check, known_as: str = "") -> Member:
    """Passes on as it is. Policies may look at it by its name in OpenAI's chat, where that is another."""

    def take(draft: Draft, path: Path, value: Json) -> Json:
        draft.parameters[known_as or str(path[-1])] = taken = check(value, path)
        return taken

    return Member("inert", note, take)


def kept(note: str, check: checks.Check) -> Member:
    def take(_draft: Draft, path: Path, value: Json) -> Json:
        check(value, path)
        return KEPT_HERE

    return Member("not forwarded", note, take)


def refused(reason: str) -> Member:
    def take(_draft: Draft, path: Path, _value: Json) -> Json:
        place = where(path)
        raise RequestInvalid(f"{place} is not accepted: {reason}.", param=place)

    return Member("refused", reason, take)


def number(low: float, high: float, known_as: str = "") -> Member:
    return inert(f"{low:g} to {high:g}", checks.number(low, high), known_as)


def whole(low: int, high: int, known_as: str = "") -> Member:
    return inert(f"whole, {low} to {high}", checks.whole(low, high), known_as)


def boolean() -> Member:
    return inert("true or false", checks.boolean)


def strings(most: int, longest: int) -> Member:
    """A list of strings, each a text."""

    def take(draft: Draft, path: Path, value: Json) -> Json:
        if not isinstance(value, list) or len(value) > most:
            raise invalid(path, f"must be a list of at most {most} strings")
        for index, one in enumerate(value):
            place = (*path, index)
            if len(checks.text(one, place)) > longest:
                raise invalid(place, f"is longer than {longest} characters")
            draft.text(one, "user", "parameter", place)
        return value or KEPT_HERE

    return governed(f"up to {most} strings of up to {longest} characters", take)


def read(draft: Draft, path: Path, value: Json, table: Mapping[str, Member]) -> dict[str, Json]:
    """What is forwarded of the object, in the table's order. A null is a member that is not there."""
    given = checks.members(draft, value, path, table)
    taken = {}
    for name, member in table.items():
        if name in given:
            taken[name] = member.take(draft, (*path, name), given[name])
    return {name: one for name, one in taken.items() if one is not KEPT_HERE}
