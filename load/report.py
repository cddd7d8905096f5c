"""Figures as a table with a ratio to the bare passthrough, and as files that name their machine."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from load.plan import Key, Measure, Workload

DIRECT = "direct"
BARE = "bare aiohttp"
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Row:
    """`figures` by target. None: it could not keep up; a target that is missing was not measured."""

    workload: Workload
    measure: Measure
    figures: Mapping[str, float | None]

    def ratio(self, target: str) -> float | None:
        """To bare: above 1 we lose, or below 1 where more is better. None: there is nothing to divide."""
        ours, bare = self.figures.get(target), self.figures.get(BARE)
        return ours / bare if ours is not None and bare else None


def rows(medians: Mapping[Key, float | None]) -> list[Row]:
    """In the order in which they were measured."""
    grouped: dict[tuple[Workload, Measure], dict[str, float | None]] = {}
    for (workload, measure, target), figure in medians.items():
        grouped.setdefault((workload, measure), {})[target] = figure
    return [_row(workload, measure, figures) for (workload, measure), figures in grouped.items()]


def _row(workload: Workload, measure: Measure, figures: dict[str, float | None]) -> Row:
    direct = figures.pop(DIRECT, None) if measure.over_direct else None
    if direct is None:
        return Row(workload, measure, figures)
    return Row(workload, measure, {name: figure and figure - direct for name, figure in figures.items()})


def table(measured: Sequence[Row], targets: Sequence[str]) -> str:
    """A Markdown table that reads well as it is."""
    head = ["", "history", *targets]
    lines = [
        [f"{row.measure.name}, {row.measure.unit}", row.workload.words, *_cells(row, targets)]
        for row in measured
    ]
    widths = [max(len(line[column]) for line in [head, *lines]) for column in range(len(head))]
    ruled = ["-" * width for width in widths]
    return "\n".join(_line(line, widths) for line in [head, ruled, *lines])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    rest = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "| " + " | ".join([*first, *rest]) + " |"


def _cells(row: Row, targets: Sequence[str]) -> list[str]:
    return [_cell(row, target) for target in targets]


def _cell(row: Row, target: str) -> str:
    if target not in row.figures:
        return "–"
    figure = row.figures[target]
    if figure is None:
        return "cannot keep up"
    told = f"{figure:,.1f}" if abs(figure) < 100 else f"{figure:,.0f}"
    ratio = row.ratio(target)
    return told if ratio is None or target in (BARE, DIRECT) else f"{told} ({ratio:.2f} ×)"


def as_json(measured: Sequence[Row], machine: Mapping[str, str | int], now: datetime) -> dict[str, object]:
    return {
        "date": now.date().isoformat(),
        "machine": dict(machine),
        "ratio_to": BARE,
        "rows": [
            {
                "measure": row.measure.name,
                "unit": row.measure.unit,
                "workload": row.workload.kind,
                "history": row.workload.words,
                "figures": {
                    target: {"value": _rounded(figure), "ratio": _rounded(row.ratio(target))}
                    for target, figure in row.figures.items()
                },
            }
            for row in measured
        ],
    }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)


def write(
    measured: Sequence[Row], targets: Sequence[str], machine: Mapping[str, str | int], now: datetime
) -> Path:
    """Both files, `<date>-<machine>.json` and `.md`; gives the place of the second."""
    RESULTS.mkdir(exist_ok=True)
    words = re.sub(r"[^a-z0-9]+", "-", f"{machine['processor']} {machine['cores']} cores".lower()).strip("-")
    place = RESULTS / f"{now.date().isoformat()}-{words}"
    document = json.dumps(as_json(measured, machine, now), indent=1, ensure_ascii=False)
    place.with_suffix(".json").write_text(document + "\n")
    told = "\n".join(f"- {name.replace('_', ' ')}: {value}" for name, value in machine.items())
    page = f"# Measured on {now.date().isoformat()}\n\n{told}\n\n{table(measured, targets)}\n"
    place.with_suffix(".md").write_text(page)
    return place.with_suffix(".md")
