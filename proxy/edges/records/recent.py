"""What was written a moment ago, so that the couriers need not read it back from the disk. No I/O.

Only a short cut: what is not here any more is read from its segment. Written by one thread, read by others.
"""

from collections.abc import Iterator, Sequence

from proxy.edges.records.spool_format import Entry

# What a busy core writes while the couriers gather (0.2 s, 1,000 exchanges a second, 7 kB each).
BYTES = 1536 * 1024


class Recent:
    """By segment and by the offset at which an entry begins; the oldest go first."""

    def __init__(self, most_bytes: int = BYTES) -> None:
        self._most_bytes = most_bytes
        self._entries: dict[tuple[int, int], Entry] = {}
        self._bytes = 0

    def add(self, segment: int, offset: int, entries: Sequence[Entry]) -> None:
        """Entries that follow each other; the first begins at `offset`."""
        for entry in entries:
            self._entries[segment, offset] = entry
            self._bytes += len(entry.payload)
            offset = entry.end
        while self._bytes > self._most_bytes:
            oldest = self._entries.pop(next(iter(self._entries)))
            self._bytes -= len(oldest.payload)

    def following(self, segment: int, offset: int, end: int | None) -> Iterator[Entry]:
        """Those from `offset` on that lie before `end`, as far as they are still known."""
        while (entry := self._entries.get((segment, offset))) is not None:
            if end is not None and entry.end > end:
                return
            yield entry
            offset = entry.end
