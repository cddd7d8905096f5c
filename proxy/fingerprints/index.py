"""An index of fingerprints: which documents a fingerprint stands in. Made as bytes, read from bytes.

It holds keyed hashes and the ids of documents, and no word of theirs. Whoever has the key can try passages on
it; who has not learns the ids, how long the documents are together and how many passages they share.
"""

import hmac
from array import array
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import accumulate
from struct import Struct
from typing import Final

import orjson

from proxy.errors import ConfigInvalid
from proxy.fingerprints.winnowing import GRAM, SAMPLE, WINDOW, Winnower

NAMED: Final = 16
"""Of more documents with one passage the first count: whoever may see sixteen of them may see the passage. It
bounds what a page of a house's common wording costs to look at."""

_HEAD: Final = Struct("<8s16s7Q")
"""Magic, seal, grams' words, window, slots, sets, members, bytes of the ids, fingerprints of the sample."""

_MAGIC: Final = b"SGPRINT1"
_SEAL: Final = slice(8, 24)
_EMPTIEST: Final = 8
_ROOM: Final = 3, 2  # slots for each fingerprint, at least: then a search looks at about two of them

Buffer = bytes | memoryview


class IndexBuilder:
    """Takes documents one by one. Holds about 150 bytes for each fingerprint of the corpus meanwhile."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._winnower = Winnower(key)
        self._ids: list[str] = []
        self._documents: dict[int, list[int]] = {}
        self._excepted: set[int] = set()

    def add(self, name: str, text: str) -> int:
        """How many words the document has. What has fewer than a gram cannot be found."""
        marked = self._winnower.mark(text)
        number = len(self._ids)
        self._ids.append(name)
        for fingerprint in {mark for _, mark in marked.marks}:
            documents = self._documents.setdefault(fingerprint, [])
            if len(documents) < NAMED:
                documents.append(number)
        return marked.words

    def leave_out(self, text: str) -> None:
        """Passages of this text are anybody's: they are found in no document, before or after."""
        self._excepted.update(mark for _, mark in self._winnower.mark(text).marks)

    def built(self) -> bytes:
        """The whole index, sealed with the key."""
        kept = {mark: tuple(in_) for mark, in_ in self._documents.items() if mark not in self._excepted}
        sets = {one: number for number, one in enumerate(dict.fromkeys(kept.values()), 1)}
        marks, numbers = _table({mark: sets[one] for mark, one in kept.items()})
        ends = array("I", [0, *accumulate(len(one) for one in sets)])
        members = array("I", [document for one in sets for document in one])
        ids = orjson.dumps(self._ids)
        sample = _sample(self._winnower)
        head = _HEAD.pack(
            _MAGIC, bytes(16), GRAM, WINDOW, len(marks), len(sets), len(members), len(ids), sample
        )
        whole = bytearray().join([head, *map(bytes, (marks, numbers, ends, members)), ids])
        whole[_SEAL] = _seal(self._key, whole)
        return bytes(whole)


class Index:
    """Read from a buffer that stays as it is, such as a mapped file: nothing is copied but the ids."""

    def __init__(self, buffer: Buffer, key: bytes) -> None:
        """Raises ConfigInvalid for one that is damaged, or was made with another key or by other rules."""
        whole = memoryview(buffer).toreadonly()
        if len(whole) < _HEAD.size or bytes(whole[:8]) != _MAGIC:
            raise ConfigInvalid(["is no index of fingerprints"])
        if not hmac.compare_digest(_seal(key, whole), whole[_SEAL]):
            raise ConfigInvalid(["is damaged, or was made with another key"])
        self.winnower = Winnower(key)
        _, _, gram, window, slots, sets, members, ids, sample = _HEAD.unpack_from(whole)
        if (gram, window, sample) != (GRAM, WINDOW, _sample(self.winnower)):
            raise ConfigInvalid(["was made by another release: make it again"])
        parts = _parts(whole[_HEAD.size :], [slots * 8, slots * 4, (sets + 1) * 4, members * 4, ids])
        self._marks, self._numbers = parts[0].cast("Q"), parts[1].cast("I")
        self._ends, self._members = parts[2].cast("I"), parts[3].cast("I")
        self._last = slots - 1
        self.ids: Sequence[str] = orjson.loads(parts[4])

    def documents_with(self, fingerprint: int) -> Sequence[int]:
        """Numbers of the documents, ascending, at most `NAMED`."""
        place = fingerprint & self._last
        while number := self._numbers[place]:
            if self._marks[place] == fingerprint:
                return self._members[self._ends[number - 1] : self._ends[number]]
            place = (place + 1) & self._last
        return ()


def _table(sets: Mapping[int, int]) -> tuple["array[int]", "array[int]"]:
    """Open addressing with linear probing: fingerprints, and the number of the set of each; 0 is free."""
    wanted = max(len(sets) * _ROOM[0] // _ROOM[1], _EMPTIEST)
    slots = 1 << wanted.bit_length()
    marks, numbers = array("Q", bytes(slots * 8)), array("I", bytes(slots * 4))
    for fingerprint, number in sets.items():
        place = fingerprint & (slots - 1)
        while numbers[place]:
            place = (place + 1) & (slots - 1)
        marks[place], numbers[place] = fingerprint, number
    return marks, numbers


def _parts(whole: memoryview, lengths: Iterable[int]) -> list[memoryview]:
    parts = []
    for length in lengths:
        parts.append(whole[:length])
        whole = whole[length:]
    return parts


def _sample(winnower: Winnower) -> int:
    """All of them in one number."""
    return sum(mark for _, mark in winnower.mark(SAMPLE).marks) % 2**64


def _seal(key: bytes, whole: Buffer | bytearray) -> bytes:
    sealed = blake2b(key=key, digest_size=16, person=b"index")
    sealed.update(memoryview(whole)[: _SEAL.start])
    sealed.update(memoryview(whole)[_SEAL.stop :])
    return sealed.digest()
