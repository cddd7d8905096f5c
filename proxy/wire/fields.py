"""What a field of a request may be: governed, inert, not forwarded or refused; and the schema made of fields.

Belongs to no dialect. Each dialect's table of fields is its schema: what is not in it is `Draft.unknown`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from proxy.errors import RequestInvalid
from proxy.exchange import Json
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid

Fate = Literal["governed", "inert", "not forwarded", "refused"]
Take = Callable[[Draft, str, Json], None]

CHOICES: Final = 8
"""Each choice is a stream of its own with its own guard and held-back text."""

ANSWER_TOKENS: Final = 10_000_000
"""Beyond every model's context; the ceiling that counts is a rule's."""


@dataclass(frozen=True, slots=True)
class Field:
    """`take` reads a value that is not null. `note`: what it may be, or why it is refused."""

    fate: Fate
    note: str
    take: Take


def governed(note: str, take: Take) -> Field:
    """`take` adds every text in it to the draft."""
    return Field("governed", note, take)


def inert(note: str, check: checks.Check) -> Field:
    """Passes on as it is, and policies may look at it: no text, nothing that names or switches anything."""

    def take(draft: Draft, name: str, value: Json) -> None:
        draft.body[name] = draft.parameters[name] = check(value, (name,))

    return Field("inert", note, take)


def unfactual(note: str, check: checks.Check) -> Field:
    """The same for lists and objects, which are no scalar facts."""

    def take(draft: Draft, name: str, value: Json) -> None:
        draft.body[name] = check(value, (name,))

    return Field("inert", note, take)


def dropped(note: str, check: checks.Check) -> Field:
    def take(_draft: Draft, name: str, value: Json) -> None:
        check(value, (name,))

    return Field("not forwarded", note, take)


def refused(reason: str) -> Field:
    def take(_draft: Draft, name: str, _value: Json) -> None:
        raise RequestInvalid(f"{name} is not accepted: {reason}.", param=name)

    return Field("refused", reason, take)


def number(low: float, high: float) -> Field:
    return inert(f"{low:g} to {high:g}", checks.number(low, high))


def whole(low: int, high: int) -> Field:
    return inert(f"whole, {low} to {high}", checks.whole(low, high))


def word(*words: str) -> Field:
    return inert(", ".join(words), checks.one_of(*words))


def take_model(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = checks.identifier(value, (name,))


def take_stream(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = checks.boolean(value, (name,))


def take_strings(most: int, longest: int) -> Take:
    """One string or several, each a text."""

    def take(draft: Draft, name: str, value: Json) -> None:
        many = value if isinstance(value, list) else [value]
        if len(many) > most:
            raise invalid((name,), f"must be at most {most} strings")
        for index, one in enumerate(many):
            path = (name, index) if isinstance(value, list) else (name,)
            if len(checks.text(one, path)) > longest:
                raise invalid(path, f"is longer than {longest} characters")
            draft.text(one, "user", "parameter", path)
        if many:
            draft.body[name] = value

    return take


def false(value: Json, path: tuple[str | int, ...]) -> Json:
    if value is not False:
        raise invalid(path, "must be false: what the proxy changes would still stand in it")
    return value


@dataclass(frozen=True, slots=True)
class Schema:
    """All fields of a request's body. `families`: refused by how their names begin.

    Governed fields are read first and in the table's order, so that segments stand in one order whatever way
    a body is written. A null means the same as a missing field.
    """

    fields: Mapping[str, Field]
    required: Sequence[str] = ()
    families: Mapping[str, Field] = field(default_factory=dict)
    governed: tuple[tuple[str, Field], ...] = field(init=False)

    def __post_init__(self) -> None:
        governed = tuple((name, one) for name, one in self.fields.items() if one.fate == "governed")
        object.__setattr__(self, "governed", governed)

    def read(self, draft: Draft, body: Json) -> None:
        """Raises RequestInvalid with the name of the field."""
        if not isinstance(body, dict):
            raise invalid(("body",), "must be a JSON object")
        given = {name: known for name in body if (known := self._known(draft, name)) is not None}
        for name, one in self.governed:
            if body.get(name) is not None:
                one.take(draft, name, body[name])
        for name, one in given.items():
            if one.fate != "governed" and body[name] is not None:
                one.take(draft, name, body[name])
        for name in self.required:
            if name not in draft.body:
                raise invalid((name,), "is missing")

    def _known(self, draft: Draft, name: str) -> Field | None:
        if name in self.fields:
            return self.fields[name]
        for beginning, one in self.families.items():
            if name.startswith(beginning):
                return one
        draft.unknown((), name)
        return None


BOOLEAN: Final = inert("true or false", checks.boolean)
TEMPLATE: Final = refused("what the model reads would no longer be what was inspected")
UNREAD: Final = refused("it carries input that cannot be inspected")
GRAMMAR: Final = refused("send a JSON schema as response_format")
ENGINE: Final = refused("it reaches into the model server")
TOKENS: Final = refused("it brings text of the answer past the guard")
CACHE: Final = refused("no caller chooses a cache")
HOSTED: Final = refused("it belongs to a hosted service")
MINE: Final = "who calls is known from the credentials, never from a field"
