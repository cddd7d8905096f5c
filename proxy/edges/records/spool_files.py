"""The files of a spool: slots, segments, and what is left of them after a crash. Blocking."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from proxy.edges.records.spool_format import HEADER_BYTES, MAGIC, Damaged, Entry, entries, previous_of

SLOTS = 64  # more worker processes than that on one state directory are a mistake
SUFFIX = ".seg"


def private_directory(path: Path) -> Path:
    """`path`, for its owner alone. A symbolic link in its place is refused: it may point anywhere."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.mkdir(exist_ok=True, mode=0o700)
    if path.is_symlink():
        raise NotADirectoryError(f"{path}: is a symbolic link")
    path.chmod(0o700)
    return path


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a file for its owner alone; never through a symbolic link."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def sync_directory(path: Path) -> None:
    """So that a power cut does not undo the making or renaming of a file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Slot:
    """One process's own directory under `<state>/spool`, held by a lock that dies with the process."""

    number: int
    path: Path
    lock: int

    @classmethod
    def take(cls, root: Path) -> "Slot":
        """The first that is free. Raises OSError when none is."""
        private_directory(root)
        for number in range(SLOTS):
            slot = cls.try_take(root, number)
            if slot is not None:
                return slot
        raise OSError("every slot of the spool is taken")

    @classmethod
    def try_take(cls, root: Path, number: int) -> "Slot | None":
        path = private_directory(root / str(number))
        lock = open_private(path / "lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        return cls(number, path, lock)

    def adopt(self) -> int:
        """Take over the segments of processes that are gone and whose slot nobody uses any more.

        They get numbers behind our own. A number is left out before each slot's, since its entries are not
        chained to ours. Returns how many torn bytes were set aside.
        """
        torn = 0
        others = [int(path.name) for path in self.path.parent.iterdir() if path.name.isdigit()]
        for number in sorted(set(others) - {self.number}):
            other = Slot.try_take(self.path.parent, number)
            if other is None:
                continue
            torn += mend_last(other.path)
            for cursor in other.path.glob("*.cursor"):
                cursor.unlink()  # before the segments move: at worst something is delivered twice
            following = max(segments(self.path), default=0) + 2
            for index, left in enumerate(segments(other.path).values()):
                left.rename(segment_path(self.path, following + index))
            other.release()
        sync_directory(self.path)
        return torn

    def release(self) -> None:
        os.close(self.lock)


def is_free(directory: Path) -> bool:
    """Whether no process holds this slot. Looks without making anything."""
    try:
        with (directory / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    return True


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:012d}{SUFFIX}"


def segments(directory: Path) -> dict[int, Path]:
    """By number, ascending."""
    return {int(path.stem): path for path in sorted(directory.glob(f"*{SUFFIX}"))}


def read_segment(path: Path) -> Iterator[Entry]:
    """Every entry of a whole segment. Raises Damaged where the bytes are not what was written."""
    content = path.read_bytes()
    previous = previous_of(content[:HEADER_BYTES])
    end = HEADER_BYTES
    for entry in entries(content[end:], previous, end):
        yield entry
        end = entry.end
    if content[end:].strip(b"\0"):  # a length that points behind the end, or bytes behind the last entry
        raise Damaged(end)


def mend_last(directory: Path) -> int:
    """Cut what a crash left half-written off the last segment. Returns how many bytes were set aside.

    They are kept beside it as `*.torn`: nothing that was acknowledged is ever among them unless the disk
    itself forgot it, and then somebody will want to look.
    """
    left = segments(directory)
    return _mend(left[max(left)]) if left else 0


def _mend(path: Path) -> int:
    content = path.read_bytes()
    end = 0
    if content.startswith(MAGIC) and len(content) >= HEADER_BYTES:
        end = HEADER_BYTES
        with contextlib.suppress(Damaged):
            for entry in read_segment(path):
                end = entry.end
    torn = content[end:].rstrip(b"\0")
    if torn:
        descriptor = open_private(path.with_suffix(".torn"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(descriptor, "wb") as aside:
            aside.write(torn)
    if end > HEADER_BYTES:
        os.truncate(path, end)
    else:
        path.unlink()  # made, but nothing was ever whole in it
    return len(torn)
