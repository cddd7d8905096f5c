"""A vault on disk, for `sluicegate redact`: so that what one run redacted, another can restore.

JSON lines: the key and scope first, then one line for each original. Whoever can read the file can restore
everything, so it is made for its owner alone, and a file that others can read is refused.
"""

import os
import secrets
from itertools import islice
from pathlib import Path
from typing import IO, Self

import orjson

from proxy.errors import ConfigInvalid
from proxy.redact.vault import Vault

KEY_BYTES = 32
_OTHERS = 0o077
_SCOPE = "redact"


class VaultFile:
    """A vault whose new entries `save` appends. Use it as a context, and save before the text goes out."""

    def __init__(self, file: IO[bytes], vault: Vault, *, saved: int) -> None:
        self._file = file
        self._saved = saved
        self.vault = vault

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Self:
        """Raises ConfigInvalid when it is missing (and not to be made), not a vault, or open to others."""
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT if create else 0)
        try:
            file = os.fdopen(os.open(path, flags, 0o600), "a+b")
        except OSError as problem:
            raise ConfigInvalid([f"{path}: {os.strerror(problem.errno or 0)}"]) from None
        try:
            return cls._read(file, path)
        except BaseException:
            file.close()
            raise

    @classmethod
    def _read(cls, file: IO[bytes], path: Path) -> Self:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise ConfigInvalid([f"{path}: others can read this vault; chmod 600 it"])
        file.seek(0)
        lines = file.readlines()
        if not lines:
            return cls._made(file)
        try:
            head, *entries = map(orjson.loads, lines)
            vault = Vault(bytes.fromhex(head["key"]), head["scope"])
            for entry in entries:
                vault.issue(entry["kind"], entry["original"])
        except (ValueError, KeyError, TypeError):
            raise ConfigInvalid([f"{path}: this is not a vault of sluicegate redact"]) from None
        return cls(file, vault, saved=len(vault))

    @classmethod
    def _made(cls, file: IO[bytes]) -> Self:
        key = secrets.token_bytes(KEY_BYTES)
        file.write(orjson.dumps({"key": key.hex(), "scope": _SCOPE}) + b"\n")
        file.flush()
        return cls(file, Vault(key, _SCOPE), saved=0)

    def save(self) -> None:
        """What was issued since the last time is in the file when this returns."""
        for pseudonym in islice(self.vault, self._saved, None):
            original = self.vault.original(pseudonym)
            if original is not None:  # what is never given back is not written down
                entry = {"kind": pseudonym[1:].rpartition("_")[0], "original": original}
                self._file.write(orjson.dumps(entry) + b"\n")
        self._file.flush()
        self._saved = len(self.vault)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
