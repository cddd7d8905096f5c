"""A tool call that the model makes: assembled, then looked at whole, leaf by leaf of its arguments."""

import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from proxy.conductor.passage import Passage
from proxy.errors import UpstreamUnavailable
from proxy.exchange import CleanText, Json, ToolOpen
from proxy.redact.guard import conceal
from proxy.redact.restore import restore_text
from proxy.wire import tree

_LETTERS: Final = string.digits + string.ascii_letters


@dataclass(slots=True)
class OpenCall:
    """A call whose arguments are still coming in."""

    opened: ToolOpen
    pieces: list[str] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class InspectedCall:
    """`arguments`: parsed and clean, None if they are not a JSON object. `restored`: for the client."""

    arguments: Json | None = field(repr=False)
    record: CleanText = field(repr=False)
    restored: str = field(repr=False)


def named(passage: Passage, opened: ToolOpen) -> ToolOpen:
    """The call under the caller's own name for the tool, and under an id of ours.

    Raises UpstreamUnavailable for a tool that was not offered: a name is no place for the model's own words.
    Ids are nine letters and digits because templates of Mistral's models take no others.
    """
    name = restore_text(passage.vault, CleanText(opened.name))
    if name not in passage.offered:
        raise UpstreamUnavailable("The model called a tool that it was not offered.")
    lane = opened.lane
    seed = f"{passage.exchange.id}/{lane.choice}/{lane.index}".encode()
    number = int.from_bytes(blake2b(seed, digest_size=8).digest())
    letters = [_LETTERS[number // 62**place % 62] for place in range(9)]
    return ToolOpen(lane, "".join(letters), name)


async def inspect_call(passage: Passage, call: OpenCall) -> InspectedCall:
    """Redact what the model itself leaked; restore the caller's own words, escaped as JSON wants them.

    Raises UpstreamUnavailable for what is no strict JSON and has a backslash in it: a forgiving parser could
    read words in it that nobody looked for.
    """
    text = "".join(call.pieces)
    embedded = tree.embedded(text)
    if embedded is None:
        if "\\" in text:
            raise UpstreamUnavailable("The model server sent tool arguments that are not strict JSON.")
        [clean] = await conceal_all(passage, [text])
        return InspectedCall(None, clean, restore_text(passage.vault, clean))
    leaves = tree.leaves(embedded)
    texts = await conceal_all(passage, [leaf.text for leaf in leaves])
    clean = _with_texts(embedded, leaves, texts)
    restored = _with_texts(embedded, leaves, [restore_text(passage.vault, one) for one in texts])
    return InspectedCall(
        clean if isinstance(clean, dict) else None,
        # Where nothing was changed, the model's own spelling of the JSON stays.
        CleanText(text if clean is embedded else tree.dump(clean).decode()),
        text if restored is embedded else tree.dump(restored).decode(),
    )


def _with_texts(value: Json, leaves: Sequence[tree.Leaf], texts: Sequence[str]) -> Json:
    changes = {leaf.path: new for leaf, new in zip(leaves, texts, strict=True) if new != leaf.text}
    return tree.with_leaves(value, changes) if changes else value


async def conceal_all(passage: Passage, texts: Sequence[str]) -> list[CleanText]:
    """Whole texts of the answer, without what the model itself leaked in them."""
    plan = passage.obligations.redact_answer
    if not plan or not texts:
        return [CleanText(text) for text in texts]
    found = await passage.house.doors.recogniser.recognise(texts, plan)
    return [
        conceal(text, spans, plan=plan, leaks=passage.leaks, issued=passage.vault)
        for text, spans in zip(texts, found, strict=True)
    ]
