"""The program inside a Presidio worker process: `python -m proxy.edges.presidio.worker`, started by the pool.

Reads frames from its standard input until that ends, and answers each. It knows no deadline: the pool kills
it. It must be started with the pool's environment, which keeps its libraries off the network and the disk.
"""

import logging
import os
import sys
from typing import Any, BinaryIO

from proxy.edges.presidio.engine import Analyzer
from proxy.edges.presidio.frames import LENGTH_BYTES, body_length, pack, unpack


def main() -> int:
    requests, answers = sys.stdin.buffer, _own_output()
    logging.getLogger().addHandler(logging.NullHandler())
    first = _read(requests)
    if first is None:
        return 0
    try:
        analyzer = Analyzer(first["model"], first["language"])
    except (ImportError, OSError, ValueError) as problem:  # spaCy says OSError for a model that is not there
        _write(answers, {"id": first["id"], "failed": type(problem).__name__})
        return 1
    _write(answers, {"id": first["id"], "kinds": sorted(analyzer.kinds), "revision": analyzer.revision})
    while request := _read(requests):
        _write(answers, _answer(analyzer, request))
    return 0


def _answer(analyzer: Analyzer, request: dict[str, Any]) -> dict[str, Any]:
    try:
        spans = [_spans(analyzer, text, request["kinds"]) for text in request["texts"]]
    except Exception as problem:  # noqa: BLE001 - whatever a recogniser raises on a text: the text is refused
        return {"id": request["id"], "failed": type(problem).__name__}
    return {"id": request["id"], "chars": [len(text) for text in request["texts"]], "spans": spans}


def _spans(analyzer: Analyzer, text: str, kinds: list[str]) -> list[tuple[int, int, str, float]]:
    found = analyzer.find(text, kinds)
    return [(result.start, result.end, result.entity_type, float(result.score)) for result in found]


def _own_output() -> BinaryIO:
    """The real standard output for frames alone: what a library prints goes to standard error instead."""
    own = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return own


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    """None at the end of the input, also in the middle of a frame: the pool is gone."""
    head = stream.read(LENGTH_BYTES)
    if len(head) < LENGTH_BYTES:
        return None
    length = body_length(head)
    body = stream.read(length)
    return unpack(body) if len(body) == length else None


def _write(stream: BinaryIO, message: dict[str, Any]) -> None:
    stream.write(pack(message))
    stream.flush()


if __name__ == "__main__":
    sys.exit(main())
