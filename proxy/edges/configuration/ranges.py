"""How large and how small a number among the settings may be.

Unless it is named here, a whole number is at least 1 and a time is more than 0 and at most a day: a zero or a
negative that slipped in would turn a bound off, and a bound that is off is not a setting.
"""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from proxy.edges.configuration.nodes import Problem

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Range:
    low: float
    high: float

    def words(self, *, whole: bool) -> str:
        noun = "a whole number" if whole else "a number"
        return f"must be {noun} of at least {_plain(self.low)} and at most {_plain(self.high)}"


WHOLE = Range(1, 2**40)  # a terabyte, the largest that any of them counts
TIME = Range(0.001, DAY_S)

_INDEX = re.compile(r"\.[0-9]+(?=\.)")  # items of a list have one range

RANGES = {
    "listen.workers": Range(1, 256),  # processes: more than a machine's cores only cost
    "listen.drain_s": Range(0, DAY_S),  # 0: stop at once
    "identity.jwt.leeway_s": Range(0, 300),  # more would keep expired tokens alive
    "identity.jwt.refresh_s": Range(1, DAY_S),  # less than a second is an attack on the identity provider
    "hard_rules.reload_s": Range(0, DAY_S),  # 0: only on SIGHUP
    "hard_rules.cache_entries": Range(0, 2**20),  # about 2 kB each; 0: no cache
    "need_to_know.min_words": Range(10, 1000),  # two runs of five words: single ones meet by chance
    "need_to_know.copies_cache_entries": Range(0, 2**24),  # 0: no cache
    "redaction.workers": Range(1, 256),
    "redaction.queue": Range(0, 2**20),  # 0: nothing waits
    "redaction.cache_bytes": Range(0, 2**40),  # 0: no cache
    "redaction.window_chars": Range(16, 2**20),  # less than a short e-mail address finds nothing
    "soft_rules.max_chars": Range(64, 2**20),  # a sentence must fit into a piece
    "soft_rules.cache_entries": Range(0, 2**24),
    "limits.body_bytes": Range(1, 2**30),  # a body is held in memory as a whole
    "limits.json_depth": Range(2, 512),  # Python's own recursion ends near 1000
    "limits.header_bytes": Range(1024, 65_536),  # a JWT with groups must fit; aiohttp's own default is 8190
    "limits.headers": Range(8, 1024),  # what every SDK sends must fit
    "limits.answer_bytes": Range(1024, 2**32),
    "feedback.spool_bytes": Range(2**20, 2**40),  # less than a megabyte fills with a few exchanges
}


def outside(group: Any, where: str = "") -> Iterator[Problem]:
    """Every number of a group and the groups in it that is out of its range. Lines are added later."""
    for field in dataclasses.fields(group):
        path = f"{where}.{field.name}" if where else field.name
        yield from _checked(getattr(group, field.name), path)


def range_of(path: str, *, whole: bool) -> Range:
    return RANGES.get(_INDEX.sub("", path), WHOLE if whole else TIME)


def _checked(value: Any, path: str) -> Iterator[Problem]:
    if dataclasses.is_dataclass(value):
        yield from outside(value, path)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _checked(item, f"{path}.{index}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        whole = isinstance(value, int)
        bounds = range_of(path, whole=whole)
        if not bounds.low <= value <= bounds.high:
            yield Problem(0, path, bounds.words(whole=whole))


def _plain(number: float) -> str:
    return f"{int(number)}" if number == int(number) else f"{number:g}"
