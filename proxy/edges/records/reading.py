"""What stands in the journal's files, whether the proxy runs or rests. Reads only; changes nothing."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from proxy.edges.records import otlp
from proxy.edges.records.outlet_files import CHAIN_START, line_digest
from proxy.edges.records.spool_files import is_free, read_segment, segments
from proxy.edges.records.spool_format import HEADER_BYTES, Damaged, previous_of

Document = dict[str, Any]


@dataclass(slots=True)
class Findings:
    """Of `verify`. `problems`: something is not as it was written, and where; `notes`: worth knowing."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: int = 0
    entries: int = 0


def decision_files(state: Path) -> list[Path]:
    """Oldest day first."""
    return sorted((state / "decisions").glob("*.jsonl"))


def decisions(path: Path) -> Iterator[Document]:
    """Each decision of a file of the log; lines that are none are `verify`'s to tell of."""
    for line in _lines(path):
        with contextlib.suppress(ValueError):
            document = orjson.loads(line)
            if isinstance(document, dict) and "decision_id" in document:
                yield document


def records(state: Path) -> Iterator[Document]:
    """The feedback stream's records with plain attributes, each id once, as far as they are on this disk."""
    seen: set[str] = set()
    for path in sorted((state / "feedback").glob("*.jsonl")):
        for line in _lines(path):
            for record in otlp.records(line):
                record_id = record["attributes"]["sluicegate.record.id"]
                if record_id not in seen:
                    seen.add(record_id)
                    yield record


def verify(state: Path) -> Findings:
    """Checksums and chains of everything, and that each exchange that was opened was closed."""
    findings = Findings()
    for slot in sorted({path.stem.rpartition("-")[2] for path in decision_files(state)}):
        _verify_chain(state, slot, findings)
    for path in sorted((state / "feedback").glob("*.jsonl")):
        _verify_feedback(path, findings)
    for directory in sorted((state / "spool").glob("[0-9]*")):
        _verify_spool(directory, findings)
    return findings


def _verify_chain(state: Path, slot: str, findings: Findings) -> None:
    previous: str | None = None
    for path in sorted((state / "decisions").glob(f"*-{slot}.jsonl")):
        for number, line in enumerate(_lines(path), start=1):
            findings.lines += 1
            stated = _previous(line)
            if stated is None:
                findings.problems.append(f"{path}:{number}: not a line of the decision log")
            elif previous is None and stated != CHAIN_START:
                findings.notes.append(f"{path}:{number}: the log begins here; what came before is gone")
            elif previous is not None and stated != previous:
                findings.problems.append(f"{path}:{number}: the line before it was changed, removed or moved")
            previous = line_digest(line)


def _previous(line: bytes) -> str | None:
    try:
        return str(orjson.loads(line)["previous"])
    except (ValueError, KeyError, TypeError):
        return None


def _verify_feedback(path: Path, findings: Findings) -> None:
    for number, line in enumerate(_lines(path), start=1):
        findings.lines += 1
        try:
            for record in otlp.records(line):
                record["attributes"]["sluicegate.record.id"]
        except (ValueError, KeyError, TypeError):
            findings.problems.append(f"{path}:{number}: not a line of the feedback stream")


def _verify_spool(directory: Path, findings: Findings) -> None:
    live = not is_free(directory)
    still_open: dict[str, Path] = {}
    last: tuple[int, bytes] | None = None
    left = segments(directory)
    for number, path in left.items():
        try:
            digest = _verify_segment(
                path, last[1] if last and last[0] == number - 1 else None, still_open, findings
            )
            last = (number, digest)
        except Damaged as damage:
            last = None
            if not (live and number == max(left)):  # it is being written to right now
                findings.problems.append(f"{path}: byte {damage.offset}: not what was written")
    for path in sorted(directory.glob("*.damaged")):
        findings.problems.append(f"{path}: was found damaged")
    for exchange_id, path in still_open.items():
        told = f"{path}: exchange {exchange_id} was opened and not closed"
        if live:
            findings.notes.append(f"{told} yet")
        else:
            findings.problems.append(f"{told}; the next start of the proxy closes it")


def _verify_segment(
    path: Path, expected: bytes | None, still_open: dict[str, Path], findings: Findings
) -> bytes:
    """The digest of its last entry. Raises Damaged."""
    with path.open("rb") as segment:
        digest = previous_of(segment.read(HEADER_BYTES))
    if expected is not None and digest != expected:
        findings.problems.append(f"{path}: does not follow the segment before it")
    for entry in read_segment(path):
        findings.entries += 1
        digest = entry.digest
        head = entry.head
        if head["kind"] == "open":
            still_open[head["id"]] = path
        else:
            still_open.pop(head["id"], None)
    return digest


def _lines(path: Path) -> Iterator[bytes]:
    """Whole lines: the last one may be half-written while the proxy runs."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]
