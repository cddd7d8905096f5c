"""An index of fingerprints as a file: written whole or not at all, read by mapping it into memory."""

import mmap
import os
from pathlib import Path

from proxy.errors import ConfigInvalid
from proxy.fingerprints.index import Index


def write_index(path: Path, built: bytes) -> None:
    """A proxy that has the old one mapped keeps it until it looks again. Raises ConfigInvalid."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(built)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise ConfigInvalid([f"{path}: {error.strerror or 'cannot be written'}"]) from None
    finally:
        part.unlink(missing_ok=True)


def read_index(path: Path, key: bytes) -> Index:
    """Workers on one machine share the memory. Raises ConfigInvalid."""
    try:
        with path.open("rb") as file:
            return Index(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)), key)
    except OSError as error:
        raise ConfigInvalid([f"{path}: {error.strerror or 'cannot be read'}"]) from None
    except ValueError:  # an empty file cannot be mapped
        raise ConfigInvalid([f"{path}: is no index of fingerprints"]) from None
    except ConfigInvalid as error:
        raise ConfigInvalid([f"{path}: {problem}" for problem in error.problems]) from None
