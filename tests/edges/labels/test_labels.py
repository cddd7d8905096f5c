"""The index on disk: made from a folder, written whole, mapped, read again when it changes."""

import asyncio
from pathlib import Path

import pytest

from proxy.edges.key_file import index_key
from proxy.edges.labels import copies as copies_module
from proxy.edges.labels.copies import IndexedCopies, open_copies
from proxy.edges.labels.corpus import corpus_files, read_text
from proxy.edges.labels.index_file import read_index, write_index
from proxy.errors import ConfigInvalid
from proxy.fingerprints.index import IndexBuilder
from proxy.settings import NeedToKnow
from tests.fingerprints.texts import MEMO, prose


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def made(folder: Path, documents: dict[str, str]) -> Path:
    builder = IndexBuilder(index_key(None, folder))
    for name, text in documents.items():
        builder.add(name, text)
    write_index(folder / "labels.index", builder.built())
    return folder / "labels.index"


def opened(folder: Path, documents: dict[str, str], entries: int = 100) -> IndexedCopies:
    index = made(folder, documents)
    copies = open_copies(NeedToKnow(index=index, copies_cache_entries=entries), folder, None)
    assert copies is not None
    return copies


def test_a_file_has_the_id_of_its_path_without_the_suffix(tmp_path: Path) -> None:
    for name in ("b.txt", "finance/q3.md", "finance/deep/x", ".git/config", "finance/.hidden", "v1.2.txt"):
        write(tmp_path / name, "x")
    (tmp_path / "link.txt").symlink_to(tmp_path / "b.txt")
    assert list(corpus_files(tmp_path)) == ["b", "v1.2", "finance/q3", "finance/deep/x"]


def test_files_that_cannot_be_told_apart_or_read_are_all_told(tmp_path: Path) -> None:
    for name in ("a.txt", "a.md", "#1.txt"):
        write(tmp_path / "one" / name, "x")
    with pytest.raises(ConfigInvalid) as refused:
        corpus_files(tmp_path / "one")
    assert len(refused.value.problems) == 2
    for folder in ("missing", "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ConfigInvalid):
            corpus_files(tmp_path / folder)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name in ("bytes", "missing"):
        with pytest.raises(ConfigInvalid):
            read_text(tmp_path / name)


def test_what_is_no_index_is_refused_by_its_name(tmp_path: Path) -> None:
    key = index_key(None, tmp_path)
    write(tmp_path / "empty", "")
    write(tmp_path / "text", "words " * 100)
    for name in ("missing", "empty", "text"):
        with pytest.raises(ConfigInvalid, match=name):
            read_index(tmp_path / name, key)
    with pytest.raises(ConfigInvalid, match="another key"):
        read_index(made(tmp_path, {"memo": MEMO}), b"j" * 32)


def test_an_index_that_cannot_be_written_leaves_the_old_one_and_no_part(tmp_path: Path) -> None:
    made(tmp_path, {"memo": MEMO})
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(ConfigInvalid):
        write_index(tmp_path / "nowhere" / "labels.index", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigInvalid):
        write_index(tmp_path / "folder", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == [*sorted([*before, "folder"])]


def test_the_key_of_the_index_is_not_the_file_s_own_and_is_made_once(tmp_path: Path) -> None:
    key = index_key(None, tmp_path)
    assert key == index_key(None, tmp_path) != (tmp_path / "labels.key").read_bytes()
    assert (tmp_path / "labels.key").stat().st_mode & 0o077 == 0
    long = tmp_path / "long.key"
    long.write_bytes(b"x" * 500)
    assert len(index_key(long, tmp_path)) == 32


def test_without_an_index_there_is_nobody_to_ask(tmp_path: Path) -> None:
    assert open_copies(NeedToKnow(), tmp_path, None) is None
    assert not list(tmp_path.iterdir())


async def test_each_text_has_its_own_answer_the_second_time_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copies = await asyncio.to_thread(opened, tmp_path, {"memo": MEMO})
    texts = ["Hello.", MEMO, "", MEMO, f"{MEMO}!"]
    first = await copies.find(texts)
    assert [[one.id for one in found] for found in first] == [[], ["memo"], [], ["memo"], ["memo"]]
    monkeypatch.setattr(copies_module, "_find", lambda finder, wanted: {} if not wanted else 1 / 0)
    assert await copies.find(texts) == first
    assert await copies.find([]) == []


async def test_the_memory_has_an_end_and_none_at_all_is_allowed(tmp_path: Path) -> None:
    for entries in (0, 1, 3):
        copies = await asyncio.to_thread(opened, tmp_path, {"memo": MEMO}, entries)
        for seed in range(5):
            [[], [found]] = await copies.find([prose(30, seed), MEMO])
            assert found.id == "memo"
        assert len(copies._kept) == entries


async def test_a_long_text_does_not_hold_the_loop_and_is_looked_at_all_the_same(tmp_path: Path) -> None:
    copies = await asyncio.to_thread(opened, tmp_path, {"memo": MEMO})
    long = f"{prose(20_000, 1)}\n\n{MEMO}"
    assert len(long) > copies_module.INLINE_CHARS
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    [[found]] = await copies.find([long])
    ticking.cancel()
    assert found.id == "memo"
    assert ticks > 0


async def test_a_changed_index_is_taken_and_nothing_is_remembered_of_the_old(tmp_path: Path) -> None:
    copies = await asyncio.to_thread(opened, tmp_path, {"other": prose(100, 1)})
    assert await copies.find([MEMO]) == [()]
    await asyncio.to_thread(made, tmp_path, {"memo": MEMO})
    await copies.finder.reload()
    [[found]] = await copies.find([MEMO])
    assert found.id == "memo"


async def test_an_index_that_breaks_leaves_the_last_good_one_in_force(tmp_path: Path) -> None:
    copies = await asyncio.to_thread(opened, tmp_path, {"memo": MEMO})
    (tmp_path / "broken").write_bytes(b"SGPRINT1" + bytes(100))
    (tmp_path / "broken").replace(tmp_path / "labels.index")
    await copies.finder.reload()
    assert "labels.index" in (copies.finder.problem or "")
    [[found]] = await copies.find([MEMO])
    assert found.id == "memo"
