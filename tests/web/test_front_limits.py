"""The page about limits knows every limit, its default, and none that does not exist."""

import re
from dataclasses import fields
from pathlib import Path

from proxy.settings import Limits

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def rows() -> dict[str, list[str]]:
    lines = PAGE.read_text("utf-8").splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_limit_has_a_row_with_its_default() -> None:
    assert {name: float(row[0]) for name, row in rows().items()} == {
        one.name: float(getattr(Limits(), one.name)) for one in fields(Limits) if one.type in (int, float)
    }


def test_every_limit_says_what_it_bounds_why_and_what_happens_beyond() -> None:
    for name, row in rows().items():
        assert len(row) == 4, name
        assert all(len(cell) > 5 for cell in row[1:]), name


def test_the_example_names_limits_that_exist() -> None:
    example = re.findall(r"^  (\w+):", PAGE.read_text("utf-8"), re.MULTILINE)
    assert example
    assert set(example) <= {one.name for one in fields(Limits)}
