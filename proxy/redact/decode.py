"""Runs of base64 or hex in a text that hold words: those words, so that entities are looked for in them, too.

One decoding, not two: what is encoded in what was encoded stays unread. Compressed and encrypted bytes are
no words. An entity found inside makes the whole run a finding, since a part of it cannot be replaced.
"""

import re
from binascii import a2b_base64
from collections.abc import Iterator
from typing import Final

from proxy.redact.plain import Reading, plainly

LEAST_RUN: Final = 12
"""Characters of base64 for nine of text: shorter runs are words and numbers, and hold no more than a name."""

LEAST_WORDS: Final = 8
"""Printable characters in a row. Of random bytes one in three thousand begins such a row."""

SURE_WORDS: Final = 24
"""A row that no random bytes have; a shorter one counts where half of the run is printable."""


def readings(text: str) -> list[Reading]:
    """All other ways to read a text, at most three and together at most some three times as long.

    The plain copy (`redact.plain`), what is encoded in it, and that read plainly, since it mostly is JSON.
    """
    plain = plainly(text)
    inner = decoded(text if plain is None else plain.text)
    found = [plain] if plain is not None else []
    if inner is None:
        return found
    hidden = plainly(inner.text)
    found.append(inner if plain is None else _through(inner, plain))
    if hidden is not None:
        found.append(_through(hidden, found[-1]))
    return found


def decoded(text: str) -> Reading | None:
    """What is encoded in a text, run after run, with an empty line between; None: nothing, as in most."""
    told: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end in _runs(text):
        for words in _words(text[start:end]):
            told.append(words)
            starts.extend([start] * (len(words) + len(_BETWEEN)))
            ends.extend([end] * (len(words) + len(_BETWEEN)))
    return Reading(_BETWEEN.join([*told, ""]), starts, ends) if told else None


def _through(inner: Reading, outer: Reading) -> Reading:
    """A reading of a reading, as one of the text itself."""
    return Reading(
        inner.text,
        [outer.starts[start] for start in inner.starts],
        [outer.ends[end - 1] for end in inner.ends],
    )


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Found in bytes, one a character: ten times faster than looking for them with a pattern."""
    letters = text.encode("latin-1", "replace").translate(_CLASSES)
    at = letters.find(_LEAST)
    while at >= 0:
        run = _RUN.match(text, at)
        end = run.end() if run else at + LEAST_RUN
        yield at, end
        at = letters.find(_LEAST, end)


def _words(run: str) -> list[str]:
    if run.isalpha() and run[1:].islower():  # a long word
        return []
    return _best(_hexadecimal(run)) or _best(_base64(run))


def _best(ways: Iterator[bytes]) -> list[str]:
    """The way to cut a run that gives the most words: what stands before it may be glued to it."""
    return max(map(_printable, ways), key=lambda words: sum(map(len, words)), default=[])


def _printable(raw: bytes) -> list[str]:
    """Rows of words. Without zero bytes: in UTF-16 every second is one."""
    letters = raw.replace(b"\0", b"").decode("utf-8", "replace")
    rows = _WORDS.findall(letters)
    most = max(map(len, rows), default=0)
    return rows if most >= SURE_WORDS or sum(map(len, rows)) * 2 >= len(letters) else []


def _hexadecimal(run: str) -> Iterator[bytes]:
    for digits in _HEX.findall(run):
        for first in (0, 1):
            pairs = digits[first:]
            yield bytes.fromhex(pairs[: len(pairs) // 2 * 2])


def _base64(run: str) -> Iterator[bytes]:
    letters = run.translate(_STANDARD)
    for first in range(4):
        part = letters[first:]
        if len(part) % 4 == 1:  # no byte has six bits
            part = part[:-1]
        yield a2b_base64(part + "=" * (-len(part) % 4))


_BETWEEN: Final = "\n\n"

_ALPHABET: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")
_CLASSES: Final = bytes(ord("a") if byte in _ALPHABET else ord(" ") for byte in range(256))
_LEAST: Final = b"a" * LEAST_RUN

_RUN: Final = re.compile(
    r"[A-Za-z0-9+/_-]+(?: (?<=[A-Za-z0-9+/_-]{60}) \r?\n [A-Za-z0-9+/_-]+ )* ={0,2}", re.VERBOSE
)
"""Mail breaks it into lines of 64 or 76 (RFC 1421, RFC 2045)."""

_HEX: Final = re.compile(r"[0-9a-fA-F]{12,}")
_STANDARD: Final = str.maketrans("-_", "+/", "=\r\n")
_WORDS: Final = re.compile(rf"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]{{{LEAST_WORDS},}}")
