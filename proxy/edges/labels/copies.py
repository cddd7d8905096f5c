"""The `Copies` door: passages of the documents of an index, read again when its file changes.

What was found in a text is kept by a keyed hash of it, for a chat sends its whole history with every turn.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from proxy.edges.kept import Kept
from proxy.edges.key_file import index_key
from proxy.edges.labels.index_file import read_index
from proxy.edges.log import Log
from proxy.fingerprints.copies import Copied, CopyFinder
from proxy.settings import NeedToKnow

INLINE_CHARS: Final = 32_768
"""Above it the loop would be held for more than about 5 ms (150 µs a kB at worst)."""


class IndexedCopies:
    """`finder` is read again when its files change; with a new one, nothing is remembered of the old.

    `entries`: texts remembered, at most.
    """

    def __init__(self, finder: Kept[CopyFinder], entries: int) -> None:
        self.finder = finder
        self._entries = entries
        self._key = secrets.token_bytes(32)
        self._kept: OrderedDict[bytes, tuple[Copied, ...]] = OrderedDict()
        self._kept_for: CopyFinder | None = None

    async def find(self, texts: Sequence[str]) -> list[tuple[Copied, ...]]:
        finder = self.finder.current
        if finder is not self._kept_for:
            self._kept.clear()
            self._kept_for = finder
        keys = [self._hash(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept}
        found = {key: self._kept[key] for key in keys if key not in new}
        if sum(map(len, new.values())) <= INLINE_CHARS:
            found |= _find(finder, new)
        else:
            found |= await asyncio.to_thread(_find, finder, new)
        if finder is self._kept_for:  # else it was read again meanwhile
            self._keep(found)
        return [found[key] for key in keys]

    def _keep(self, found: dict[bytes, tuple[Copied, ...]]) -> None:
        for key, copies in found.items():
            self._kept[key] = copies
            self._kept.move_to_end(key)
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    def _hash(self, text: str) -> bytes:
        return blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()


def open_copies(group: NeedToKnow, state: Path, log: Log | None) -> IndexedCopies | None:
    """None without an index. Blocking. Raises ConfigInvalid."""
    path = group.index
    if path is None:
        return None
    key_path = group.key_file or state / "labels.key"

    def read() -> CopyFinder:
        return CopyFinder(read_index(path, index_key(group.key_file, state)), group.min_words)

    return IndexedCopies(Kept("need_to_know.index", [path, key_path], read, log), group.copies_cache_entries)


def _find(finder: CopyFinder, texts: dict[bytes, str]) -> dict[bytes, tuple[Copied, ...]]:
    return {key: finder.find(text) for key, text in texts.items()}
