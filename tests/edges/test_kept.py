"""Files that are read again when they change: whole, or the last good one stays."""

import asyncio
import io
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.edges.kept import Kept
from proxy.edges.log import start_log
from proxy.errors import ConfigInvalid
from tests.edges.fakes_identity import until

SOON = 0.01


def number(path: Path) -> int:
    text = path.read_text()
    if not text.isdigit():
        raise ConfigInvalid([f"{path.name}: no number"])
    return int(text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "number"
    file.write_text("1")
    return file


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def kept(path: Path, said: io.StringIO) -> Kept[int]:
    return Kept("a.number", [path], lambda: number(path), start_log("info", said))


async def of(path: Path, read: Callable[[], Any] | None = None) -> Kept[Any]:
    return await asyncio.to_thread(Kept, "a.number", [path], read or (lambda: number(path)), None)


@asynccontextmanager
async def looking(kept: Kept[Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(kept.run(SOON))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def events(said: io.StringIO) -> list[str]:
    return [json.loads(line)["event"] for line in said.getvalue().splitlines()]


async def test_a_change_is_seen(kept: Kept[int], path: Path, said: io.StringIO) -> None:
    async with looking(kept):
        await asyncio.to_thread(path.write_text, "22")
        await until(lambda: kept.current == 22)
    assert events(said) == ["file_loaded"]


@pytest.fixture
def links(tmp_path: Path) -> Path:
    """As Kubernetes mounts a secret: files of one size, and here of one time, too."""
    for name, text in (("one", "1"), ("two", "2")):
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (0, 0))
        (tmp_path / f"to-{name}").symlink_to(name)
    return tmp_path


async def test_a_file_that_is_swapped_by_a_link_is_seen(links: Path) -> None:
    kept = await of(links / "to-one")
    async with looking(kept):
        await asyncio.to_thread((links / "to-two").replace, links / "to-one")
        await until(lambda: kept.current == 2)


@pytest.mark.parametrize("text", ["broken", None])
async def test_the_last_good_one_stays_and_it_is_told_once(
    kept: Kept[int], path: Path, said: io.StringIO, text: str | None
) -> None:
    async with looking(kept):
        await asyncio.to_thread(path.unlink if text is None else lambda: path.write_text(text))
        await until(lambda: kept.problem is not None)
        await asyncio.sleep(10 * SOON)
        assert kept.current == 1
        assert events(said) == ["file_not_loaded"]
        await asyncio.to_thread(path.write_text, "3")
        await until(lambda: kept.problem is None)
        assert kept.current == 3
    assert events(said) == ["file_not_loaded", "file_loaded"]


async def test_it_is_read_anew_when_asked_even_unchanged(path: Path) -> None:
    reads: list[int] = []
    kept = await of(path, lambda: reads.append(number(path)))
    await kept.reload()
    assert reads == [1, 1]


async def test_an_unchanged_file_is_not_read_again(path: Path) -> None:
    reads: list[int] = []
    kept = await of(path, lambda: reads.append(number(path)))
    async with looking(kept):
        await asyncio.sleep(10 * SOON)
    assert reads == [1]


def test_the_first_reading_must_be_good(path: Path) -> None:
    path.write_text("broken")
    with pytest.raises(ConfigInvalid):
        Kept("a.number", [path], lambda: number(path), None)


async def test_a_change_while_it_is_read_is_seen_by_the_next_look(path: Path) -> None:
    def read() -> int:
        found = number(path)
        if found == 1:
            path.write_text("22")
        return found

    kept = await of(path, read)
    async with looking(kept):
        await until(lambda: kept.current == 22)


async def test_what_could_not_be_read_is_tried_again_though_the_file_is_the_same(path: Path) -> None:
    scarce: list[bool] = []

    def read() -> int:
        if scarce:
            raise OSError(24, "Too many open files")
        return number(path)

    kept = await of(path, read)
    scarce.append(True)
    async with looking(kept):
        await asyncio.to_thread(path.write_text, "22")
        await until(lambda: kept.problem is not None)
        scarce.clear()
        await until(lambda: kept.current == 22)
