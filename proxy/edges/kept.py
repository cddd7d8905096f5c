"""What was read from files and is read again when they change: swapped whole, or the last good one stays.

What the files mean is the reader's matter. Nothing here is ever half new.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from proxy.edges.log import Log
from proxy.errors import ConfigInvalid

LOOK_S = 2.0
"""Between two looks at the files: a key that was revoked should not work for long, and a look is a stat."""

Content = TypeVar("Content")


class Kept(Generic[Content]):
    """`read` is blocking, and raises ConfigInvalid or OSError. `name`: of the setting, for the log."""

    def __init__(
        self, name: str, paths: Sequence[Path], read: Callable[[], Content], log: Log | None
    ) -> None:
        """Reads for the first time. Raises what `read` raises. Without a log, somebody only checks them."""
        self._name = name
        self._paths = paths
        self._read = read
        self._log = log
        self._seen = _stamps(paths)  # before reading: what changes meanwhile is seen by the next look
        self._reading = asyncio.Lock()
        self._problem: str | None = None
        self.current = read()

    @property
    def problem(self) -> str | None:
        """Why what is in the files is not what is in use; None when it is."""
        return self._problem

    async def run(self, every_s: float = LOOK_S) -> None:
        """Looks at the files until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            stamps = await asyncio.to_thread(_stamps, self._paths)
            if stamps != self._seen or self._problem:
                await self.reload()

    async def reload(self) -> None:
        """Reads them anew, changed or not."""
        async with self._reading:
            self._seen = await asyncio.to_thread(_stamps, self._paths)
            try:
                self.current = await asyncio.to_thread(self._read)
            except ConfigInvalid as error:
                self._complain(error.problems)
            except OSError as error:
                self._complain([f"{self._name}: {error.strerror or 'cannot be read'}"])
            else:
                self._problem = None
                if self._log:
                    self._log.info("file_loaded", setting=self._name)

    def _complain(self, problems: Sequence[str]) -> None:
        """Once for each problem: the files are tried again at every look."""
        words = "\n".join(problems)
        if words != self._problem:
            self._problem = words
            if self._log:
                self._log.warning("file_not_loaded", setting=self._name, problems=list(problems))


def _stamps(paths: Sequence[Path]) -> tuple[tuple[int, int, int] | None, ...]:
    """Of what the names lead to now: a mounted secret is swapped by a link."""
    return tuple(_stamp(path) for path in paths)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
