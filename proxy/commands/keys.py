"""`sluicegate keys`: makes API keys. A key is shown once; the keys file holds its hash."""

import argparse
import sys
from collections.abc import Set
from pathlib import Path

from proxy.edges.identity.keys import KeyEntry, add_entry, check_entry, hashed, new_key, read_entries, written
from proxy.exchange import Subject

EXAMPLES = """examples:
  sluicegate keys new --subject alice --groups finance --file keys.yaml
  sluicegate keys new --subject bob --groups engineering,research --actor build-bot
  sluicegate keys new --subject assistant --may-act --file keys.yaml

With --file the entry is added to that file and the key is printed. Without it the entry is printed, to be
pasted under `keys:`, and the key goes to stderr, so that `>> keys.yaml` never stores it."""


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    new = actions.add_parser("new", help="make a key for a subject")
    new.add_argument("--subject", required=True, metavar="ID", help="on whose behalf its calls are made")
    new.add_argument("--groups", default="", metavar="A,B", help="groups of the subject")
    new.add_argument("--clearances", default="", metavar="A,B", help="labels that the subject may see")
    new.add_argument("--tenant", default="default", metavar="ID")
    new.add_argument(
        "--actor", metavar="ID", help="the application that will use the key (default: the subject)"
    )
    new.add_argument("--id", metavar="ID", help="name of the entry (default: the subject with a number)")
    new.add_argument("--expires", metavar="DATE", help="such as 2027-12-31")
    new.add_argument(
        "--may-act", action="store_true", help="its actor may act for the subject of a token that comes along"
    )
    new.add_argument(
        "--file", type=Path, metavar="FILE", help="add the entry to this keys file, made if need be"
    )


def run(args: argparse.Namespace) -> int:
    """Raises ConfigInvalid when the entry is not good, or the file with it would not be."""
    taken = {entry.id for entry in read_entries(args.file)} if args.file and args.file.exists() else set()
    key = new_key()
    entry = _entry(args, key, taken)
    check_entry(entry)
    if args.file:
        add_entry(args.file, entry)
        print(key)
    else:
        print(f"The key, shown this once: {key}", file=sys.stderr)
        sys.stdout.write(written(entry))
    return 0


def _entry(args: argparse.Namespace, key: str, taken: Set[str]) -> KeyEntry:
    subject = Subject(args.subject, args.tenant, _split(args.groups), _split(args.clearances))
    numbered = (f"{args.subject}-{number}" for number in range(1, len(taken) + 2))
    return KeyEntry(
        id=args.id or next(name for name in numbered if name not in taken),
        sha256=hashed(key),
        subject=subject,
        actor=args.actor or args.subject,
        expires=args.expires,
        may_act=args.may_act,
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
