"""`sluicegate labels`: makes the index of fingerprints from a folder of documents, and tries it on a text."""

import argparse
import sys
from pathlib import Path
from typing import Final

import orjson

from proxy.edges.key_file import index_key
from proxy.edges.labels.corpus import corpus_files, read_text
from proxy.edges.labels.index_file import read_index, write_index
from proxy.errors import ConfigInvalid
from proxy.fingerprints.copies import LEAST_WORDS, CopyFinder, surely_found
from proxy.fingerprints.index import IndexBuilder
from proxy.fingerprints.winnowing import GRAM
from proxy.settings import NeedToKnow

INDEX: Final = Path("labels.index")

EXAMPLES = """examples:
  sluicegate labels index protected -o labels.index
  sluicegate labels index protected --except templates
  sluicegate labels find -i labels.index < letter.txt

A document's id is its path in the folder without the suffix: protected/finance/q3.txt is finance/q3. What
it is worth stands in the policies, by that id. Files must be text in UTF-8.
The key is labels.key in the state directory, made if need be; the proxy needs the same one.
Exit codes of find: 0 nothing was found, 1 a passage was, 2 used wrongly."""


def register(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    index = actions.add_parser("index", help="make the index of the documents in a folder")
    index.add_argument("folder", type=Path, metavar="DIR", help="the documents, each a file")
    index.add_argument(
        "-o", "--output", type=Path, default=INDEX, metavar="FILE", help="(default: %(default)s)"
    )
    index.add_argument(
        "--except",
        dest="excepted",
        type=Path,
        metavar="DIR",
        help="texts that anybody may have: their passages are no document's",
    )
    find = actions.add_parser("find", help="passages of indexed documents in standard input, as JSON lines")
    find.add_argument(
        "-i", "--index", type=Path, default=INDEX, metavar="FILE", help="(default: %(default)s)"
    )
    find.add_argument(
        "--min-words", type=_words, default=NeedToKnow().min_words, metavar="N", help="(default: %(default)s)"
    )
    for action in (index, find):
        action.add_argument("--key", type=Path, metavar="FILE", help="the key of the index")
        action.add_argument(
            "--state",
            type=Path,
            default=Path("var"),
            metavar="DIR",
            help="where the key is kept without --key",
        )


def run(args: argparse.Namespace) -> int:
    """Raises ConfigInvalid with every file that cannot be taken."""
    key = index_key(args.key, args.state)
    if args.action == "index":
        return _index(key, args.folder, args.excepted, args.output)
    return _find(key, args.index, args.min_words)


def _index(key: bytes, folder: Path, excepted: Path | None, output: Path) -> int:
    builder = IndexBuilder(key)
    files = corpus_files(folder)
    short = sum(builder.add(name, read_text(path)) < GRAM for name, path in files.items())
    for path in corpus_files(excepted).values() if excepted else ():
        builder.leave_out(read_text(path))
    built = builder.built()
    write_index(output, built)
    print(f"{output}: {len(files)} documents, {len(built)} bytes")
    if short:
        print(f"{short} of them have fewer than {GRAM} words and cannot be found.", file=sys.stderr)
    least = surely_found(NeedToKnow().min_words)
    print(f"Every passage of {least} words or more that is copied from one of them is found.")
    return 0


def _find(key: bytes, index: Path, min_words: int) -> int:
    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise ConfigInvalid(["standard input: is no text in UTF-8"]) from None
    found = CopyFinder(read_index(index, key), min_words).find(text)
    for one in found:
        line = {"id": one.id, "start": one.start, "end": one.end, "words": one.words}
        sys.stdout.write(orjson.dumps(line).decode() + "\n")
    return 1 if found else 0


def _words(text: str) -> int:
    number = int(text)
    if number < LEAST_WORDS:
        raise argparse.ArgumentTypeError(
            f"at least {LEAST_WORDS}: single runs of {GRAM} words meet by chance"
        )
    return number
