"""`sluicegate records`: the decision log and the feedback stream, for people, programs and trainers."""

import argparse
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from proxy.edges.records import reading as journal_reading
from proxy.edges.records.reading import Document
from proxy.edges.records.spool_files import open_private

EXAMPLES = """examples:
  sluicegate records ls
  sluicegate records ls --limit 100 --json
  sluicegate records show 5f1c0f0e3f7a4c0f9a3a6a3d2b1c4e5f
  sluicegate records export --output chats.jsonl
  sluicegate records verify

They read the files under the state directory, whether the proxy runs or not."""

TEXTS = ("text", "tool_call_response")
COLUMNS = ("time", "id", "subject", "model", "action", "status", "rules")


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument("--state", type=Path, default=Path("var"), metavar="DIR", help="default: ./var")
    ls = actions.add_parser("ls", parents=[state], help="the newest decisions, oldest first")
    ls.add_argument("--limit", type=_positive, default=20, metavar="N", help="how many (default 20)")
    ls.add_argument("--json", action="store_true", help="whole decision documents, one a line")
    show = actions.add_parser("show", parents=[state], help="one exchange: its decision and its record")
    show.add_argument("id", metavar="ID", help="the exchange's id: the answer's x-sluicegate-request-id")
    export = actions.add_parser("export", parents=[state], help="records as chats, one a line, for training")
    export.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    export.add_argument("--all", action="store_true", help="answers that were cut short as well")
    actions.add_parser(
        "verify", parents=[state], help="checksums, chains, and that everything opened was closed"
    )


def run(args: argparse.Namespace) -> int:
    actions: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "ls": _ls,
        "show": _show,
        "export": _export,
        "verify": _verify,
    }
    if not args.state.is_dir():
        print(f"{args.state}: there is no such directory; name the proxy's own with --state", file=sys.stderr)
        return 2
    return actions[args.action](args)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _ls(args: argparse.Namespace) -> int:
    documents = _newest(args.state, args.limit)
    if args.json:
        _write_lines(sys.stdout.buffer, documents)
        return 0
    rows = [_row(document) for document in documents]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    for row in (COLUMNS, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _newest(state: Path, limit: int) -> list[Document]:
    """Of the newest days that hold enough of them. Delivery is at least once, so an id may come twice."""
    newest: dict[str, Document] = {}
    for path in reversed(journal_reading.decision_files(state)):
        day = path.name[: len("2026-01-01")]
        oldest = min((document["timestamp"] for document in newest.values()), default="")
        if len(newest) >= limit and day < oldest[: len(day)]:
            break
        for document in deque(journal_reading.decisions(path), maxlen=limit):
            newest[document["decision_id"]] = document
    return sorted(newest.values(), key=itemgetter("timestamp"))[-limit:]


def _row(document: Document) -> tuple[str, ...]:
    result = document["result"]
    return (
        document["timestamp"][:19] + "Z",
        document["decision_id"],
        document["subject"],
        document["model"],
        result["action"] or "-",
        document["status"],
        ", ".join(result["rules"]) or "-",
    )


def _show(args: argparse.Namespace) -> int:
    found = next(_decisions_of(args.state, args.id), None)
    if found is None:
        print(f"no decision with the id {args.id} in {args.state / 'decisions'}", file=sys.stderr)
        return 1
    record = next(
        (
            record
            for record in journal_reading.records(args.state)
            if record["attributes"]["sluicegate.record.id"] == args.id
        ),
        None,
    )
    sys.stdout.buffer.write(
        orjson.dumps({"decision": found, "record": record}, option=orjson.OPT_INDENT_2) + b"\n"
    )
    return 0


def _decisions_of(state: Path, exchange_id: str) -> Iterator[Document]:
    for path in reversed(journal_reading.decision_files(state)):
        for document in journal_reading.decisions(path):
            if document["decision_id"] == exchange_id:
                yield document


def _export(args: argparse.Namespace) -> int:
    chats = (
        _chat(record["attributes"])
        for record in journal_reading.records(args.state)
        if args.all or record["attributes"]["sluicegate.status"] == "complete"
    )
    try:
        with _output(args.output) as output:
            _write_lines(output, chats)
    except FileExistsError:
        print(f"{args.output}: exists already", file=sys.stderr)
        return 2
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        print(f"{args.output}: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _output(path: Path | None) -> AbstractContextManager[BinaryIO]:
    """A new file for its owner alone, or standard output."""
    if path is None:
        return nullcontext(sys.stdout.buffer)
    return os.fdopen(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb")


def _chat(attributes: Mapping[str, Any]) -> Document:
    """`{"id", "messages", "metadata"}`: the conversation and the model's first answer to it."""
    said, answers = attributes["gen_ai.input.messages"], attributes["gen_ai.output.messages"]
    return {
        "id": attributes["sluicegate.record.id"],
        "messages": [_message(message) for message in (*said, *answers[:1])],
        "metadata": {key: value for key, value in attributes.items() if not key.endswith(".messages")},
    }


def _message(message: Mapping[str, Any]) -> Document:
    """In the chat format; parts that are not text are kept as they are, under their type."""
    texts = [part["content"] for part in message["parts"] if part["type"] in TEXTS]
    chat: Document = {"role": message["role"], "content": "\n".join(texts) if texts else None}
    for part in message["parts"]:
        if part["type"] not in TEXTS:
            chat.setdefault(part["type"], []).append({key: part[key] for key in part if key != "type"})
    return chat


def _verify(args: argparse.Namespace) -> int:
    findings = journal_reading.verify(args.state)
    for note in findings.notes:
        print(f"note: {note}")
    for problem in findings.problems:
        print(problem, file=sys.stderr)
    counted = f"{findings.lines} lines and {findings.entries} spool entries"
    print(f"{counted}: {len(findings.problems) or 'no'} problem{'' if len(findings.problems) == 1 else 's'}")
    return 1 if findings.problems else 0


def _write_lines(output: BinaryIO, documents: Iterable[Document]) -> None:
    output.writelines(orjson.dumps(document) + b"\n" for document in documents)
    output.flush()
