"""The documents of a folder as texts by id. Reads them; what they are worth, policies say by their ids."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proxy.errors import ConfigInvalid
from proxy.labels import ID_CHARS, UNNAMED

FILE_BYTES: Final = 64 * 1024 * 1024
"""Held in memory as a whole. A document that people write has a thousandth of it."""


def corpus_files(folder: Path) -> dict[str, Path]:
    """Every file by its id: its path in the folder without the suffix, such as `finance/fin-2026-q3`.

    Names that begin with a dot are passed over, links are not followed. Raises ConfigInvalid for a folder
    that holds nothing, and for files that cannot be named apart.
    """
    files: dict[str, Path] = {}
    problems = []
    for path in _walk(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in files:
            problems.append(f"{path}: another file has the id {name}")
        elif name.startswith(UNNAMED) or len(name) > ID_CHARS:
            problems.append(f"{path}: cannot be an id: it begins with {UNNAMED}, or is too long")
        files[name] = path
    if not files:
        problems.append(f"{folder}: there are no files in this folder")
    if problems:
        raise ConfigInvalid(problems)
    return files


def read_text(path: Path) -> str:
    """Raises ConfigInvalid: a document that cannot be read would be one that nobody finds."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise ConfigInvalid([f"{path}: has more than {FILE_BYTES} bytes"])
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigInvalid([f"{path}: is no text in UTF-8"]) from None
    except OSError as error:
        raise ConfigInvalid([f"{path}: {error.strerror or 'cannot be read'}"]) from None


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


def _refuse(error: OSError) -> None:
    raise ConfigInvalid([f"{error.filename}: {error.strerror or 'cannot be read'}"])
