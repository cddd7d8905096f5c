"""The outlets on disk: the decision log and the OTLP-JSON feedback file, one file a day and slot.

Each line of the decision log carries a digest of the line before it (`previous`), over the files of one slot,
so that a changed, missing or reordered line shows. The chain of a slot begins with zeros.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

import orjson

from proxy.edges.records import otlp
from proxy.edges.records.outlet import OutletUnavailable
from proxy.edges.records.spool_files import open_private, private_directory, sync_directory

DIGEST_BYTES = 16
CHAIN_START = bytes(DIGEST_BYTES).hex()


def line_digest(line: bytes) -> str:
    """Of a whole line without its line feed."""
    return sha256(line).digest()[:DIGEST_BYTES].hex()


class DailyFile:
    """Lines appended durably to `<directory>/<day>-<slot>.jsonl`, written by this process alone."""

    def __init__(self, directory: Path, slot: int, now: Callable[[], float]) -> None:
        self._directory = private_directory(directory)
        self._slot = slot
        self._now = now
        self._day = max((path.name[: len("2026-01-01")] for path in self._files()), default="")
        self._descriptor = -1
        self._end = 0

    def append(self, lines: Sequence[bytes]) -> None:
        """On disk when it returns. Raises OutletUnavailable, and then nothing of them is there."""
        text = b"".join(line + b"\n" for line in lines)
        try:
            self._open_today()
            written = 0
            while written < len(text):
                written += os.pwrite(self._descriptor, text[written:], self._end + written)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._undo()
            raise OutletUnavailable(f"{self._directory.name}: {error.strerror}") from error
        self._end += len(text)

    def last_line(self) -> bytes | None:
        """Of the newest file of this slot that has one; None when none has."""
        for path in sorted(self._files(), reverse=True):
            descriptor = open_private(path, os.O_RDWR)
            try:
                end = behind_line_feed(descriptor, os.fstat(descriptor).st_size)
                if end:
                    begin = behind_line_feed(descriptor, end - 1)
                    return os.pread(descriptor, end - 1 - begin, begin)
            finally:
                os.close(descriptor)
        return None

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _files(self) -> list[Path]:
        return list(self._directory.glob(f"*-{self._slot}.jsonl"))

    def _open_today(self) -> None:
        # A clock that was set back must not put lines into a file before the last one: the chain would break.
        day = max(datetime.fromtimestamp(self._now(), UTC).date().isoformat(), self._day)
        if day == self._day and self._descriptor >= 0:
            return
        self.close()
        path = self._directory / f"{day}-{self._slot}.jsonl"
        self._descriptor = open_private(path, os.O_RDWR | os.O_CREAT)
        # What a crash left behind the last line feed was never acknowledged.
        self._end = behind_line_feed(self._descriptor, os.fstat(self._descriptor).st_size)
        os.ftruncate(self._descriptor, self._end)
        sync_directory(self._directory)
        self._day = day

    def _undo(self) -> None:
        """Half a batch would be there twice after the next try; where it cannot be cut off, it is."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
        self.close()


def behind_line_feed(descriptor: int, end: int) -> int:
    """The offset behind the last line feed before `end`; 0 when there is none."""
    while end > 0:
        begin = max(0, end - 65536)
        at = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return 0


class DecisionFiles:
    """The decision log."""

    wanted: Literal["decisions", "record"] = "decisions"

    def __init__(self, directory: Path, slot: int, now: Callable[[], float]) -> None:
        self._file = DailyFile(directory, slot, now)
        self._previous: str | None = None

    def deliver(self, documents: Sequence[bytes]) -> None:
        previous, self._previous = self._previous or self._last(), None
        lines = []
        for document in documents:
            line = document[:-1] + b',"previous":"' + previous.encode() + b'"}'
            previous = line_digest(line)
            lines.append(line)
        self._file.append(lines)
        self._previous = previous

    def close(self) -> None:
        self._file.close()

    def _last(self) -> str:
        try:
            last = self._file.last_line()
        except OSError as error:
            raise OutletUnavailable(f"the decision log: {error.strerror}") from error
        return CHAIN_START if last is None else line_digest(last)


class FeedbackFiles:
    """The feedback stream as OTLP-JSON lines."""

    wanted: Literal["decisions", "record"] = "record"

    def __init__(self, directory: Path, slot: int, now: Callable[[], float]) -> None:
        self._file = DailyFile(directory, slot, now)

    def deliver(self, documents: Sequence[bytes]) -> None:
        self._file.append([otlp.line(orjson.loads(document)) for document in documents])

    def close(self) -> None:
        self._file.close()
