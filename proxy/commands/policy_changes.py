"""`sluicegate policy replay` and `diff`: what a set of policies would have decided on recorded inputs."""

import argparse
import sys
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from proxy.edges.rego.changes import KINDS, Row, Tally
from proxy.edges.rego.recorded import Recorded, Repository, read_recorded
from proxy.errors import RequestInvalid
from proxy.exchange import Json

TITLES = {
    "newly_blocked": "newly blocked",
    "newly_allowed": "newly allowed",
    "blocked_otherwise": "blocked by other rules",
    "changed": "allowed with other findings or obligations",
}
COLUMNS = ("change", "rule", "group", "inputs", "subjects", "first")
ACTIONS = ("allow", "redact", "block", "undecided")


@dataclass(slots=True)
class Report:
    """`before`, `after`: revisions. `left_out`: inputs without the arguments of their tool call.
    `unknown`: inputs of which nobody wrote down what was decided; they are compared with nothing."""

    before: str
    after: str
    tally: Tally = field(default_factory=Tally)
    left_out: int = 0
    unknown: int = 0


def register_replay(parser: argparse.ArgumentParser) -> None:
    _register(parser)


def register_diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("old", type=Path, metavar="OLD", help="the policy repository as it is")
    parser.add_argument("new", type=Path, metavar="NEW", help="the policy repository as it would be")
    _register(parser)


def replay(args: argparse.Namespace, policies: Path) -> int:
    """Against what was decided when the inputs were recorded. Raises ConfigInvalid."""
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as state:
        after = Repository(policies, state=Path(state), opa=args.opa)
        return _run(args, Report("as recorded", after.revision), None, after)


def diff(args: argparse.Namespace) -> int:
    """Raises ConfigInvalid."""
    with tempfile.TemporaryDirectory(prefix="sluicegate-") as state:
        before = Repository(args.old, state=Path(state) / "old", opa=args.opa)
        after = Repository(args.new, state=Path(state) / "new", opa=args.opa)
        return _run(args, Report(before.revision, after.revision), before, after)


def _register(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "inputs", type=Path, metavar="INPUTS", help="a file of recorded inputs, or the folder of them"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="print JSON")
    form.add_argument(
        "--markdown", dest="form", action="store_const", const="markdown", help="for a pull request"
    )


def _run(args: argparse.Namespace, report: Report, before: Repository | None, after: Repository) -> int:
    try:
        for recorded in read_recorded(args.inputs):
            _add(report, recorded, before, after)
    except RequestInvalid as problem:
        print(problem.reason, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{args.inputs}: {error.strerror or 'cannot be read'}", file=sys.stderr)
        return 2
    if not report.tally.inputs:
        missing = "tells what was decided: compare with `policy diff`" if report.unknown else "is there"
        print(f"{args.inputs}: no input {missing}", file=sys.stderr)
        return 2
    print(FORMS[args.form](report))
    return 1 if report.tally.kinds else 0


def _add(report: Report, recorded: Recorded, before: Repository | None, after: Repository) -> None:
    if before is None and not recorded.decided:
        report.unknown += 1
        return
    old = before.decide(recorded) if before else recorded.decision
    report.tally.add(recorded.place, recorded.input, old, after.decide(recorded))
    report.left_out += recorded.left_out


def _json(report: Report) -> str:
    tally = report.tally
    document: dict[str, Json] = {
        "before": {"revision": report.before, "actions": dict(tally.before)},
        "after": {"revision": report.after, "actions": dict(tally.after)},
        "inputs": tally.inputs,
        "without_arguments": report.left_out,
        "without_decision": report.unknown,
        **{kind: tally.kinds[kind] for kind in KINDS},
        "rows": [
            {
                "change": kind,
                "rule": rule,
                "group": group,
                "inputs": row.inputs,
                "subjects": len(row.subjects),
                "first": row.first,
            }
            for (kind, rule, group), row in tally.ordered()
        ],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _text(report: Report) -> str:
    lines = [_sentence(report), "", *_actions(report)]
    if report.tally.rows:
        lines += ["", *_aligned([COLUMNS, *_rows(report)])]
    for note in _notes(report):
        lines += ["", f"note: {note}"]
    return "\n".join(lines)


def _markdown(report: Report) -> str:
    lines = [f"**{_sentence(report)}**", "", f"`{report.before}` → `{report.after}`"]
    if report.tally.rows:
        table = [COLUMNS, ("---",) * len(COLUMNS), *_rows(report)]
        lines += ["", *(f"| {' | '.join(map(_cell, row))} |" for row in table)]
    for note in _notes(report):
        lines += ["", f"Note: {note}"]
    return "\n".join(lines)


FORMS = {None: _text, "json": _json, "markdown": _markdown}


def _sentence(report: Report) -> str:
    tally = report.tally
    if not tally.kinds:
        return f"Would change nothing of {_counted(tally.inputs)}."
    return (
        f"Would newly block {tally.kinds['newly_blocked']} of {_counted(tally.inputs)}, newly allow "
        f"{tally.kinds['newly_allowed']}, block {tally.kinds['blocked_otherwise']} by other rules, and allow "
        f"{tally.kinds['changed']} with other findings or obligations."
    )


def _counted(inputs: int) -> str:
    return f"{inputs} input{'' if inputs == 1 else 's'}"


def _actions(report: Report) -> Iterator[str]:
    told = [action for action in ACTIONS if report.tally.before[action] or report.tally.after[action]]
    rows: list[Sequence[str]] = [("", "revision", *told)]
    for name, revision, counts in (
        ("before", report.before, report.tally.before),
        ("after", report.after, report.tally.after),
    ):
        rows.append((name, revision, *(str(counts[action]) for action in told)))
    return _aligned(rows)


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    for (kind, rule, group), row in report.tally.ordered():
        yield (TITLES[kind], _plain(rule), _plain(group), *_figures(row))


def _figures(row: Row) -> tuple[str, str, str]:
    return str(row.inputs), str(len(row.subjects)), _plain(row.first)


def _notes(report: Report) -> Iterator[str]:
    if report.left_out:
        yield (
            f"{_counted(report.left_out)} told of a tool call without its arguments: what a rule says about "
            "arguments is not in these figures."
        )
    if report.unknown:
        yield f"{_counted(report.unknown)} came without the decision of then, and were compared with nothing."


def _aligned(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    whole = list(rows)
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    for row in whole:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _plain(name: str) -> str:
    """Names come from tokens and certificates too: nothing in them may steer a terminal."""
    return "".join("\ufffd" if unicodedata.category(char).startswith("C") else char for char in name)


def _cell(text: str) -> str:
    """Nothing in a name may be markup on the page of a pull request, or mention anybody."""
    return "".join(f"&#{ord(char)};" if char in "|<>&@#`*_[]()!\\~" else char for char in text)
