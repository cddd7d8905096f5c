"""Passages of known documents that nobody labelled: found on the way in and on the way out.

What they are worth, the policies say: such a passage is a document of the exchange like any other.
"""

from collections.abc import Mapping
from typing import Final

from proxy import labels
from proxy.conductor.passage import Passage
from proxy.errors import ContentUnscannable
from proxy.exchange import CleanText, Exchange, Json, Lane
from proxy.fingerprints.messages import SOURCE, Found, messages, with_copies, without_copies

ROUNDS: Final = 4
"""What was parted by a passage may make one when that is gone; who nests deeper than this means to."""

LOOK_CHARS: Final = 200
"""An answer is looked at anew when so much is about to leave that was not: some 30 words."""

BACK_CHARS: Final = 1_600
"""So much of what left before is looked at again with it: more than a passage needs to be told."""


async def find_copies(passage: Passage, exchange: Exchange) -> Exchange:
    """The exchange with the passages in it as documents. Raises RequestTooLarge."""
    return with_copies(exchange, await _found(passage, exchange))


async def withhold(passage: Passage, exchange: Exchange, withheld: Mapping[str, bool]) -> Exchange:
    """The exchange without these documents, labelled or only copied; `labels.withhold` tells the rest."""
    copied = {one.id for one in exchange.documents if one.source == SOURCE}
    labelled = {one.id for one in exchange.documents if one.source != SOURCE}
    notice = passage.house.notice
    by_label = {name: told for name, told in withheld.items() if name in labelled or name not in copied}
    if by_label:
        exchange = labels.withhold(exchange, by_label, notice)
    if copied.isdisjoint(withheld):
        return exchange
    for _ in range(ROUNDS):
        before = exchange
        exchange = without_copies(exchange, await _found(passage, exchange), withheld, notice)
        if exchange is before:
            return exchange
    raise ContentUnscannable("Passages that must be withheld stand within each other.")


async def _found(passage: Passage, exchange: Exchange) -> Found:
    whole = messages(exchange)
    copied = await passage.house.doors.copies.find([message.text for message in whole])
    return [(message, copies) for message, copies in zip(whole, copied, strict=True) if copies]


class AnswerCopies:
    """Copied passages of one answer, as far as it has come. What has left is not called back: of a passage
    in a stream, at most what tells it and `LOOK_CHARS` may have."""

    def __init__(self, passage: Passage) -> None:
        self._copies = passage.house.doors.copies
        self._seen: dict[Lane, str] = {}
        self._unseen: dict[Lane, str] = {}
        self._found: dict[str, int] = {}

    @property
    def documents(self) -> list[Json]:
        """As policies are told of them: id, source and the most characters that were seen in one place."""
        return [{"id": name, "source": SOURCE, "chars": chars} for name, chars in self._found.items()]

    async def look(self, lane: Lane, text: str, *, whole: bool = False) -> bool:
        """Whether a document was found that was not known. `whole`: nothing follows, so nothing may wait."""
        unseen = self._unseen.get(lane, "") + text
        if len(unseen) < LOOK_CHARS and not whole:
            self._unseen[lane] = unseen
            return False
        together = self._seen.get(lane, "") + unseen
        self._unseen[lane] = ""
        self._seen[lane] = together[-BACK_CHARS:]
        known = len(self._found)
        [copied] = await self._copies.find([together])
        for one in copied:
            self._found[one.id] = max(self._found.get(one.id, 0), one.end - one.start)
        return len(self._found) > known

    async def rest(self) -> bool:
        """Look at what still waits. Whether a document was found that was not known."""
        waiting = [lane for lane, unseen in self._unseen.items() if unseen]
        return any([await self.look(lane, CleanText(""), whole=True) for lane in waiting])
