"""`sluicegate redact`: standard input to standard output, redacted as in the proxy; `--restore` undoes it."""

import argparse
import asyncio
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

import orjson

from proxy.edges.presidio.pool import PresidioPool
from proxy.edges.presidio.vault_file import KEY_BYTES, VaultFile
from proxy.errors import ConfigInvalid, ContentUnscannable, EngineUnavailable, RequestInvalid
from proxy.exchange import Json
from proxy.redact.redactor import redact
from proxy.redact.restore import RestoringWindow
from proxy.redact.spans import Span
from proxy.redact.vault import Vault
from proxy.settings import Redaction
from proxy.verdict import KindPlan

ENTITIES = (
    "CREDIT_CARD",
    "CRYPTO",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "LOCATION",
    "MEDICAL_LICENSE",
    "PERSON",
    "PHONE_NUMBER",
    "US_SSN",
)
"""What Presidio finds in any English text with few false alarms at the default score."""

SCORE = 0.4
"""What Presidio gives a telephone number without a word such as "phone" before it."""

READ_BYTES = 16 * 1024
"""Lines that arrive together are looked at together, up to this much: under a second of Presidio."""

DEADLINE_S = 60.0
"""Of one read: nobody waits behind it as behind the proxy, and a long line may be 400,000 characters."""

LINE_BYTES = 4 * Redaction().max_chars
"""Four bytes for each of the most characters that one text may have."""

EXAMPLES = """examples:
  echo 'Mail Jane Doe at jane@example.com' | sluicegate redact
  sluicegate redact --vault letter.vault < letter.txt > clean.txt
  sluicegate redact --vault letter.vault --restore < clean.txt
  echo '{"id": 1, "text": "call 212-555-0143"}' | sluicegate redact --jsonl --entities PHONE_NUMBER

Each line is a text of its own. A vault can restore everything: guard it like the text itself.
Exit codes: 0 good, 1 the recogniser failed, 2 used wrongly or bad input."""


@dataclass(frozen=True, slots=True)
class Line:
    """One text of the input. `id`: with `--jsonl`. `end`: the line's end as it stood there."""

    text: str = field(repr=False)
    id: Json = None
    end: str = "\n"


Parse = Callable[[bytes, int, str], Line]


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    parser.add_argument(
        "--entities", metavar="A,B", help="kinds to redact (default: " + ", ".join(ENTITIES) + ")"
    )
    parser.add_argument(
        "--score", type=_score, default=SCORE, help="least score of a finding (default %(default)s)"
    )
    parser.add_argument(
        "--jsonl", action="store_true", help='read {"id","text"} lines, write the same with "spans"'
    )
    parser.add_argument("--restore", action="store_true", help="put the originals of --vault back instead")
    parser.add_argument(
        "--vault", type=Path, metavar="FILE", help="keep the originals here (made with mode 600)"
    )
    parser.add_argument("--spacy-model", metavar="NAME", help="an installed spaCy model that finds names")


def run(args: argparse.Namespace) -> int:
    """Raises ConfigInvalid, as every command does."""
    batches = _batches(sys.stdin.buffer, _json_line if args.jsonl else _text_line)
    try:
        if args.restore:
            _restore(args, batches)
        else:
            asyncio.run(_redact(args, batches))
    except (RequestInvalid, ContentUnscannable) as problem:
        print(problem.reason, file=sys.stderr)
        return 2
    except EngineUnavailable as problem:
        print(problem.reason, file=sys.stderr)
        return 1
    return 0


async def _redact(args: argparse.Namespace, batches: Iterator[list[Line]]) -> None:
    plan = _plan(args)
    settings = Redaction(deadline_s=DEADLINE_S)
    pool = PresidioPool(replace(settings, spacy_model=args.spacy_model or settings.spacy_model))
    with ExitStack() as files:
        kept = files.enter_context(VaultFile.open(args.vault, create=True)) if args.vault else None
        vault = kept.vault if kept else Vault(secrets.token_bytes(KEY_BYTES), "redact")
        await pool.start()
        try:
            while (lines := await asyncio.to_thread(next, batches, None)) is not None:
                found = await pool.recognise([line.text for line in lines], plan)
                clean = [
                    redact(line.text, spans, vault, plan) for line, spans in zip(lines, found, strict=True)
                ]
                if kept:
                    kept.save()  # before the text goes out that it restores
                _write(map(_framed, lines, clean, found if args.jsonl else [None] * len(lines)))
        finally:
            await pool.close()


def _restore(args: argparse.Namespace, batches: Iterator[list[Line]]) -> None:
    if not args.vault:
        raise ConfigInvalid(["--restore needs the --vault that the text was redacted with"])
    with VaultFile.open(args.vault, create=False) as kept:
        window = RestoringWindow(kept.vault)
    for lines in batches:
        _write(_framed(line, window.feed(line.text) + window.finish(), None) for line in lines)


def _plan(args: argparse.Namespace) -> tuple[KindPlan, ...]:
    kinds = args.entities.split(",") if args.entities else ENTITIES
    if not all(kind.isupper() and kind.replace("_", "").isalnum() for kind in kinds):
        raise ConfigInvalid(["--entities: kinds look like PERSON,EMAIL_ADDRESS"])
    return tuple(KindPlan(kind, args.score) for kind in kinds)


def _score(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError("a score lies between 0 and 1")
    return score


def _batches(stream: IO[bytes], parse: Parse) -> Iterator[list[Line]]:
    """The lines of each read, so that what came together is looked at together and nothing waits for more."""
    number = 1
    rest = b""
    while arrived := stream.read1(READ_BYTES):  # type: ignore[attr-defined]  # a BufferedReader
        *whole, rest = (rest + arrived).split(b"\n")
        if len(rest) > LINE_BYTES:
            raise ContentUnscannable(f"line {number + len(whole)}: longer than {LINE_BYTES} bytes")
        yield from _parsed(((raw, at, "\n") for at, raw in enumerate(whole, number)), parse)
        number += len(whole)
    if rest:
        yield from _parsed([(rest, number, "")], parse)


def _parsed(raw_lines: Iterable[tuple[bytes, int, str]], parse: Parse) -> Iterator[list[Line]]:
    """All of them at once; the good ones before a bad one, and then its error."""
    lines: list[Line] = []
    try:
        lines.extend(parse(*raw) for raw in raw_lines)
    except RequestInvalid:
        yield lines
        raise
    yield lines


def _text_line(raw: bytes, number: int, end: str) -> Line:
    if raw.endswith(b"\r"):
        raw, end = raw[:-1], "\r" + end
    try:
        return Line(raw.decode(), end=end)
    except UnicodeDecodeError:
        raise RequestInvalid(f"line {number}: not UTF-8") from None


def _json_line(raw: bytes, number: int, end: str) -> Line:
    try:
        entry = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise RequestInvalid(f"line {number}: not JSON") from None
    if not isinstance(entry, dict) or not {"id", "text"} <= entry.keys() <= {"id", "text", "spans"}:
        raise RequestInvalid(f'line {number}: not an object with just "id" and "text"')
    if not isinstance(entry["text"], str) or not isinstance(entry["id"], str | int):
        raise RequestInvalid(f'line {number}: "text" must be a string, "id" a string or a whole number')
    return Line(entry["text"], entry["id"], end)


def _framed(line: Line, text: str, spans: Sequence[Span] | None) -> bytes:
    if line.id is None:
        return (text + line.end).encode()
    entry: dict[str, Json] = {"id": line.id, "text": text}
    if spans is not None:
        entry["spans"] = spans
    return orjson.dumps(entry) + b"\n"


def _write(lines: Iterable[bytes]) -> None:
    sys.stdout.buffer.write(b"".join(lines))
    sys.stdout.buffer.flush()
