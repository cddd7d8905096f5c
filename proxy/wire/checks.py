"""Checks of single values: each made once, with its bounds, and asked with a value and its name.

They return the value or raise RequestInvalid, which names the place and the bound and never the value.
"""

import re
from collections.abc import Callable, Collection
from typing import Final

from proxy.exchange import Json, Path
from proxy.wire.draft import Draft, invalid

Check = Callable[[Json, Path], Json]

IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.:/+=@-]{1,256}")
"""What tools, schemas and calls are called. Servers are stricter; wider would be prose in a name's place."""


def boolean(value: Json, path: Path) -> bool:
    if not isinstance(value, bool):
        raise invalid(path, "must be true or false")
    return value


def text(value: Json, path: Path) -> str:
    if not isinstance(value, str):
        raise invalid(path, "must be a string")
    return value


def identifier(value: Json, path: Path) -> str:
    if not isinstance(value, str) or IDENTIFIER.fullmatch(value) is None:
        raise invalid(path, "must be 1 to 256 letters, digits and _ . : / + = @ -")
    return value


def one_of(*words: str) -> Check:
    def check(value: Json, path: Path) -> str:
        if not isinstance(value, str) or value not in words:
            raise invalid(path, "must be " + " or ".join(f'"{word}"' for word in words))
        return value

    return check


def whole(low: int, high: int) -> Check:
    def check(value: Json, path: Path) -> int:
        if type(value) is not int or not low <= value <= high:  # a bool is an int to isinstance
            raise invalid(path, f"must be a whole number from {low} to {high}")
        return value

    return check


def number(low: float, high: float) -> Check:
    def check(value: Json, path: Path) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise invalid(path, f"must be a number from {low:g} to {high:g}")
        return value  # type: ignore[no-any-return]  # just checked, by its exact type

    return check


def items(least: int, most: int, check: Check) -> Check:
    """A list of so many items, each of which passes `check`."""

    def check_all(value: Json, path: Path) -> list[Json]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise invalid(path, f"must be a list of {least} to {most} items")
        return [check(item, (*path, index)) for index, item in enumerate(value)]

    return check_all


def members(draft: Draft, value: Json, path: Path, names: Collection[str]) -> dict[str, Json]:
    """The members of an object that are not null. What others become is `Draft.unknown`."""
    if not isinstance(value, dict):
        raise invalid(path, "must be an object")
    known = {}
    for name, member in value.items():
        if name not in names:
            draft.unknown(path, name)
        elif member is not None:
            known[name] = member
    return known
