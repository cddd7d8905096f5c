"""Reads recorded decision inputs, and asks a policy repository about them: the embedded engine, blocking.

Strict: a line that cannot be read ends it with file and line, for an answer about a part of the inputs would
pass for one about all of them. Nothing of a line's content is quoted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO

import orjson

from proxy.edges.rego.wasm import EmbeddedEngine
from proxy.errors import EngineUnavailable, RequestInvalid
from proxy.exchange import Json
from proxy.policy import parse_decision
from proxy.verdict import Decision

# An input is at most as large as the largest body, and its decision is small beside it.
LINE_BYTES = 8 * 1024 * 1024

# The same facts come again and again; about 4 kB each with their decision.
REMEMBERED = 16_384

# Nobody waits for it as for the proxy, and what is late here would be counted as blocked.
DEADLINE_S = 5.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """`place`: `file:line`. `decided`: whether the line tells what was decided; None then is no decision."""

    place: str
    input: Mapping[str, Json] = field(repr=False)
    decided: bool = False
    decision: Decision | None = None
    left_out: bool = False

    @property
    def document(self) -> bytes:
        """The same facts are the same bytes."""
        return orjson.dumps(self.input, option=orjson.OPT_SORT_KEYS)


class Repository:
    """A set of policies that is asked about many inputs."""

    def __init__(self, policies: Path, *, state: Path, opa: Path | None) -> None:
        """Raises ConfigInvalid. `state`: where a compiled module may be kept."""
        self._engine = EmbeddedEngine.load(policies, state=state, opa=opa, deadline_s=DEADLINE_S)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._decide)

    @property
    def revision(self) -> str:
        return self._engine.revision

    def decide(self, recorded: Recorded) -> Decision | None:
        """None: it comes to no decision, which blocks."""
        return self._remembered(recorded.document)

    def _decide(self, document: bytes) -> Decision | None:
        try:
            return self._engine.decide_now(document)
        except EngineUnavailable:
            return None


def read_recorded(path: Path) -> Iterator[Recorded]:
    """A file, or a folder with its `*.jsonl` by name. Raises RequestInvalid and OSError.

    Each line: what `hard_rules.record_inputs` writes, or a bare input document. The half of a last
    line, which is being written just now or was when the proxy died, is left out.
    """
    for file in sorted(path.glob("*.jsonl")) if path.is_dir() else [path]:
        with file.open("rb") as lines:
            yield from _lines_of(lines, file)


def _lines_of(lines: IO[bytes], file: Path) -> Iterator[Recorded]:
    number = 0
    while raw := lines.readline(LINE_BYTES + 1):
        number += 1
        if len(raw) > LINE_BYTES:
            raise RequestInvalid(f"{file}:{number}: longer than {LINE_BYTES} bytes")
        entry = _json(raw)
        if entry is None and not raw.endswith(b"\n"):
            return
        yield _recorded(f"{file}:{number}", entry)


def input_of(entry: Json) -> Json:
    """The input document of a recorded line; anything else is taken for an input document itself."""
    return entry["input"] if isinstance(entry, dict) and "input" in entry else entry


def _json(raw: bytes) -> Json:
    """None: it is no JSON, or nothing."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def _recorded(place: str, entry: Json) -> Recorded:
    document = input_of(entry)
    if not isinstance(document, dict) or "phase" not in document:
        raise RequestInvalid(f"{place}: no input document")
    if document is entry:
        return Recorded(place, document)
    try:
        return Recorded(place, document, True, _decision(entry), bool(entry["left_out"]))
    except (KeyError, EngineUnavailable):
        raise RequestInvalid(f"{place}: not a line that was recorded") from None


def _decision(entry: Mapping[str, Json]) -> Decision | None:
    found = entry["decision"]
    return None if found is None else parse_decision(found, str(entry["revision"]))
