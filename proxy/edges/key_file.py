"""Keys of our own: read from their files, or made once in the state directory for its owner alone."""

import contextlib
import os
import secrets
from hashlib import blake2b
from pathlib import Path

from proxy.errors import ConfigInvalid

KEY_BYTES = 32
"""256 bits, as HMAC-SHA256 takes at best."""


def pseudonym_key(path: Path | None, state: Path) -> bytes:
    """Raises ConfigInvalid for a key that is too short to keep pseudonyms unguessable, or cannot be kept."""
    return _key(path, state / "pseudonym.key", "redaction.key_file", "pseudonym key")


def index_key(path: Path | None, state: Path) -> bytes:
    """The same for the key of the index of fingerprints: without it nobody can try passages on the index."""
    key = _key(path, state / "labels.key", "need_to_know.key_file", "key of the index")
    return blake2b(key, digest_size=KEY_BYTES, person=b"fingerprints").digest()  # a file may hold more


def _key(path: Path | None, made: Path, setting: str, name: str) -> bytes:
    chosen = path or made
    try:
        if path is None and not chosen.exists():
            made.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_new(chosen, secrets.token_bytes(KEY_BYTES))
        key = chosen.read_bytes()
    except OSError as error:
        where = setting if path else "state"
        raise ConfigInvalid([f"{where}: {chosen}: {error.strerror or 'cannot be used'}"]) from None
    if len(key) < KEY_BYTES:
        raise ConfigInvalid([f"{chosen}: the {name} must have at least {KEY_BYTES} bytes"])
    return key


def _write_new(path: Path, key: bytes) -> None:
    """Whole or not at all: two workers that start at once end with one key."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.touch(mode=0o600)
    part.write_bytes(key)
    with contextlib.suppress(FileExistsError):  # the other worker was first: its key is the key
        os.link(part, path)
    part.unlink()
