"""Writes docs/coverage.md from what is observed of the code: `python -m docs.coverage`.

Each field is tried with a canary in it, the same way the tests do (`tests/coverage`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.coverage.answers import ALL_WIRES, answer_cells
from tests.coverage.observe import ALL, Cell, Fate, request_cells

PAGE = Path(__file__).with_name("coverage.md")
BEGIN, END = "<!-- matrix: begin -->", "<!-- matrix: end -->"

FATES: tuple[Fate, ...] = ("governed", "unscannable", "inert", "not forwarded", "refused")


def page(text: str) -> str:
    """The page with its matrix made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(_matrix())
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def _matrix() -> Iterator[str]:
    requests = {dialect.name: request_cells(dialect) for dialect in ALL}
    answers = {wire.name: asyncio.run(answer_cells(wire)) for wire in ALL_WIRES}
    yield "| dialect | direction | governed | unscannable | inert | not forwarded | refused |"
    yield "|---|---|--:|--:|--:|--:|--:|"
    for name, cells in requests.items():
        yield _counts(name, "request", cells)
        if name in answers:
            yield _counts(name, "answer", answers[name])
    yield from (_counts(name, "answer", cells) for name, cells in answers.items() if name not in requests)
    for title, all_cells in (("Requests", requests), ("Answers of upstreams", answers)):
        yield f"\n## {title}"
        for name, cells in all_cells.items():
            yield f"\n### {name}\n\n| fate | fields |\n|---|---|"
            yield from _rows(cells)


def _counts(name: str, direction: str, cells: Iterable[Cell]) -> str:
    fates = [cell.fate for cell in cells]
    return f"| `{name}` | {direction} | " + " | ".join(str(fates.count(fate)) for fate in FATES) + " |"


def _rows(cells: Iterable[Cell]) -> Iterator[str]:
    fields: dict[Fate, list[str]] = defaultdict(list)
    for cell in cells:
        fields[cell.fate].append(cell.field)
    for fate in FATES:
        if fields[fate]:
            yield f"| {fate} | {', '.join(f'`{field}`' for field in _plain(fields[fate]))} |"


def _plain(fields: Iterable[str]) -> list[str]:
    """A field of an answer that fares alike whole and streamed is told once."""
    names = [field.partition(": ")[2] or field for field in fields]
    return list(dict.fromkeys(names))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
