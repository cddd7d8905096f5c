"""What becomes of every field of every dialect's requests: found by putting a canary there and looking.

The code is not asked what it means to do.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Literal

from proxy.errors import NotTranslatable, RequestInvalid
from proxy.exchange import Exchange
from proxy.settings import Limits
from proxy.wire.dialect import Dialect
from proxy.wire.registers import DIALECTS
from tests.coverage.examples import REFUSED, REQUESTS
from tests.coverage.places import Leaf, at, leaves, objects, place, planted, with_canary

WIRE = FilePath(__file__).parents[2] / "proxy" / "wire"
CANARY = "canary.seventeen@example.com"
"""An e-mail address: every policy that redacts anything redacts it, and it is an identifier, too."""

DIGITS = 4111111111111111
"""A card's number."""

_MEDIA = "AAAA"
"""What media are in the examples."""

Fate = Literal["governed", "unscannable", "inert", "not forwarded", "refused"]


@dataclass(frozen=True, order=True)
class Cell:
    """One field of one direction of one dialect, and what becomes of it."""

    dialect: str
    field: str
    fate: Fate


def read(dialect: Dialect, body: Any, limits: Limits | None = None) -> Exchange:
    return dialect.parse(body, exchange_id="exchange-1", limits=limits or Limits(), model="m")


def forwarded(dialect: Dialect, exchange: Exchange) -> list[str]:
    """What would leave on each wire that has words for it, as plain text."""
    bodies = []
    for spelled in dialect.wires.values():
        try:
            bodies.append(json.dumps(json.loads(spelled(exchange, "m")), ensure_ascii=False))
        except NotTranslatable:
            continue
    return bodies


def request_cells(dialect: Dialect) -> list[Cell]:
    """The worst fate of each place counts, over all examples. Raises AssertionError for a leak."""
    fates: dict[str, Fate] = {}
    for example in REQUESTS[dialect.name]:
        for leaf in leaves(example):
            found = _fate(dialect, example, leaf)
            fates[leaf.place] = found if leaf.place not in fates else _looser(fates[leaf.place], found)
    for name in REFUSED[dialect.name]:
        bodies = list(with_refused(dialect, name))
        assert bodies, f"{dialect.name}: no example has a place for {name}"
        assert all(_refuses(dialect, body) for body in bodies), f"{dialect.name}: {name} is not refused"
        fates[name] = "refused"
    return sorted(Cell(dialect.name, field, fate) for field, fate in fates.items())


def with_refused(dialect: Dialect, name: str) -> Iterator[Any]:
    """The examples with a refused field, at every place of its name (`input[].content[].file_id`)."""
    parent, _, member = name.rpartition(".")
    for example in REQUESTS[dialect.name]:
        for path in objects(example):
            if place(path) == (parent or "(body)"):
                yield planted(example, (*path, member), REFUSED[dialect.name][name])


_ORDER: tuple[Fate, ...] = ("inert", "not forwarded", "refused", "governed", "unscannable")


def _looser(one: Fate, other: Fate) -> Fate:
    """A place that takes words in one example and an enumeration in another is governed."""
    return max(one, other, key=_ORDER.index)


def _fate(dialect: Dialect, example: Any, leaf: Leaf) -> Fate:
    plain = read(dialect, example)
    if leaf.path == ("model",):
        return "inert"  # looked up byte-exact in our own table
    if isinstance(leaf.value, str) and _MEDIA in leaf.value:
        return _media(dialect, example, leaf)
    number = type(leaf.value) is int
    if not isinstance(leaf.value, str) and not number:
        return _inert(dialect, plain, leaf)
    canary = str(DIGITS) if number else CANARY
    try:
        exchange = read(dialect, with_canary(example, leaf, DIGITS if number else CANARY))
    except RequestInvalid as error:
        if canary in str(error):
            raise AssertionError(f"{dialect.name}: the error about {leaf.place} repeats it") from None
        return _inert(dialect, plain, leaf)
    if any(canary in segment.text for segment in exchange.segments):
        return "governed"
    leaves_us = any(canary in body for body in forwarded(dialect, exchange))
    assert number or not leaves_us, f"{dialect.name}: {leaf.place} leaves unread"
    return "inert" if leaves_us else "not forwarded"


def _media(dialect: Dialect, example: Any, leaf: Leaf) -> Fate:
    other = read(dialect, planted(example, leaf.path, leaf.value.replace(_MEDIA, "QUJD")))
    leaves_us = any("QUJD" in body for body in forwarded(dialect, other))
    assert other.unscannable or not leaves_us, f"{dialect.name}: {leaf.place} leaves unread and unsaid"
    return "unscannable" if leaves_us else "not forwarded"


def _inert(dialect: Dialect, exchange: Exchange, leaf: Leaf) -> Fate:
    """Its values are a closed set, or numbers: whether they leave is to be seen in the body."""
    stays = at(exchange.body, leaf.path) is not None
    return "inert" if stays and dialect.wires else "not forwarded"


def _refuses(dialect: Dialect, body: Any) -> bool:
    try:
        read(dialect, body)
    except RequestInvalid:
        return True
    return False


@cache
def vocabulary() -> frozenset[str]:
    """Every word in the source of the wires that could be the name of a field."""
    words: set[str] = set()
    for path in WIRE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.update(re.findall(r"[A-Za-z_][A-Za-z0-9_]{0,63}", node.value))
    return frozenset(words)


def known_names(dialect: Dialect) -> Iterator[tuple[str, str]]:
    """The names that each closed object of the examples takes: (the object's place, name).

    All words of the source are offered as members with null; those that are not left out are known. An
    object that takes words nobody made up has no schema: its members are text, and are told by the leaves.
    """
    limits = Limits(unknown_fields="drop")
    offered = dict.fromkeys(sorted(vocabulary() | {_NOBODYS}), None)
    for example in REQUESTS[dialect.name]:
        for path in objects(example):
            here = at(example, path)
            try:
                exchange = read(dialect, planted(example, path, {**offered, **here}), limits)
            except RequestInvalid:
                continue  # an open object, which has its own bounds
            prefix = "/".join(map(str, path))
            dropped = {name.removeprefix(f"{prefix}/") for name in exchange.dropped}
            if _NOBODYS not in dropped:
                continue
            yield from ((place(path), name) for name in offered.keys() - dropped)


_NOBODYS = "zz_nobody_knows_this"

ALL = list(DIALECTS.values())
