"""Every field of every dialect has a row, and no row leaks."""

import pytest

from proxy.wire.dialect import Dialect
from tests.coverage.observe import ALL, known_names, request_cells

each = pytest.mark.parametrize("dialect", ALL, ids=lambda one: one.name)


@each
def test_every_field_of_a_request_is_governed_refused_inert_or_kept_here(dialect: Dialect) -> None:
    assert request_cells(dialect)


@each
def test_a_field_that_the_code_knows_has_a_row(dialect: Dialect) -> None:
    rows = {cell.field for cell in request_cells(dialect)}
    starts = {".".join(row.split(".")[: length + 1]) for row in rows for length in range(row.count(".") + 1)}
    known = {f"{where}.{name}" if where != "(body)" else name for where, name in known_names(dialect)}
    missing = {name for name in known if not any(one.startswith(name) for one in starts)}
    assert not missing
