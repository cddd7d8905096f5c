"""How well copied passages are found, and what that costs: recall, false alarms, time and size.

    python -m load.fingerprints

The protected documents are the topics of Python's own manual (`pydoc_data`), English prose by many hands.
Unrelated texts are the descriptions of the packages that are installed here, and this project's own pages.
Prints the tables of docs/labels.md; takes about a minute.
"""

import random
import time
from collections.abc import Callable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from pydoc_data.topics import topics

from load.machine import description
from proxy.fingerprints.copies import CopyFinder, surely_found
from proxy.fingerprints.index import Index, IndexBuilder
from proxy.fingerprints.words import places

KEY = bytes(32)
PASSAGES = 400  # a row: half a percent is two of them
MIN_WORDS = 15
RUNS = 5
LEAST_CHARS = 500  # of an unrelated text: a shorter one says nothing

Edit = Callable[[list[str], random.Random], list[str]]


def substituted(share: float) -> Edit:
    def edit(words: list[str], dice: random.Random) -> list[str]:
        return [dice.choice(VOCABULARY) if dice.random() < share else word for word in words]

    return edit


def inserted(share: float) -> Edit:
    def edit(words: list[str], dice: random.Random) -> list[str]:
        return [
            one
            for word in words
            for one in ([dice.choice(VOCABULARY), word] if dice.random() < share else [word])
        ]

    return edit


def reordered(words: list[str], dice: random.Random) -> list[str]:
    """Stretches of 12 words, about a clause each, in another order."""
    clauses = [words[start : start + 12] for start in range(0, len(words), 12)]
    dice.shuffle(clauses)
    return [word for clause in clauses for word in clause]


def untouched(words: list[str], _: random.Random) -> list[str]:
    return words


EDITS: dict[str, Edit] = {
    "copied as it is": untouched,
    "one word in 20 replaced": substituted(0.05),
    "one word in 10 replaced": substituted(0.1),
    "one word in 5 replaced": substituted(0.2),
    "a word put in after every 10th": inserted(0.1),
    "clauses of 12 words shuffled": reordered,
}

WORDS = {name: [text[start:end] for start, end in places(text)] for name, text in topics.items()}
VOCABULARY = sorted({word for words in WORDS.values() for word in words if word.isalpha()})


def built() -> tuple[Index, int]:
    builder = IndexBuilder(KEY)
    for name, text in topics.items():
        builder.add(name, text)
    whole = builder.built()
    return Index(whole, KEY), len(whole)


def recall(finder: CopyFinder, length: int, edit: Edit) -> float:
    """The share of passages whose document is among those that were found, in a text of somebody's own."""
    dice = random.Random(length)
    found = 0
    chosen = [name for name, words in WORDS.items() if len(words) > 3 * length]
    for _ in range(PASSAGES):
        name = dice.choice(chosen)
        words = WORDS[name]
        start = dice.randrange(len(words) - length)
        passage = " ".join(edit(words[start : start + length], dice))
        own = dice.choices(VOCABULARY, k=80)
        text = f"{' '.join(own[:40])} {passage} {' '.join(own[40:])}"
        found += name in {one.id for one in finder.find(text)}
    return found / PASSAGES


def unrelated() -> dict[str, str]:
    """By name; one text for each name that packages have."""
    texts = {one.name: str(one.metadata.json.get("description", "")) for one in distributions()}
    pages = Path(__file__).parents[1].glob("docs/*.md")
    texts |= {page.name: page.read_text() for page in pages}
    return {name: text for name, text in texts.items() if len(text) >= LEAST_CHARS}


def cost(finder: CopyFinder, texts: list[str]) -> float:
    """Microseconds of processor time a kB, warm, the least of runs: whatever else runs here only adds."""
    size = sum(map(len, texts)) / 1000
    return min(_seconds(finder, texts) for _ in range(RUNS)) * 1e6 / size


def _seconds(finder: CopyFinder, texts: list[str]) -> float:
    began = time.process_time()
    for text in texts:
        finder.find(text)
    return time.process_time() - began


def report() -> Iterator[str]:
    index, size = built()
    finder = CopyFinder(index, MIN_WORDS)
    corpus = sum(len(text.encode()) for text in topics.values())
    texts = unrelated()
    yield f"{description()}"
    yield f"{len(topics)} documents, {corpus / 1e6:.2f} MB; sure from {surely_found(MIN_WORDS)} words on"
    yield f"index: {size / corpus:.2f} MB a MB of documents"
    yield f"looking: {cost(finder, list(texts.values())):.0f} µs a kB of unrelated text"
    yield f"looking: {cost(finder, list(topics.values())):.0f} µs a kB of text that is all copied"
    yield "\n| passage | 30 words | 50 words | 100 words |\n|---|---|---|---|"
    for name, edit in EDITS.items():
        rates = " | ".join(f"{recall(finder, length, edit):.3f}" for length in (30, 50, 100))
        yield f"| {name} | {rates} |"
    amount = sum(map(len, texts.values())) / 1e6
    yield f"\nunrelated: {len(texts)} texts, {amount:.2f} MB\n"
    yield "| min_words | texts with a finding | findings |\n|---|---|---|"
    for least in (10, 15, 25, 40):
        found = {name: len(CopyFinder(index, least).find(text)) for name, text in texts.items()}
        yield f"| {least} | {sum(map(bool, found.values()))} | {sum(found.values())} |"


if __name__ == "__main__":
    for line in report():
        print(line, flush=True)
