"""What the readers of upstreams' answers share: a bounded body, known members, and checks of small values.

An upstream is not trusted with its shape: what is not of the known types is no answer, what is not known is
left out and counted. What an answer's members mean is each wire's reader.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

import orjson

from proxy.errors import UpstreamUnavailable
from proxy.exchange import Head, Json, Usage
from proxy.wire.strict_json import LARGEST_INTEGER

WHOLE_BYTES: Final = 16 * 1024 * 1024
"""Of an answer that is not streamed; as much as `settings.Limits.answer_bytes` lets through by default."""

STOP_CHARS: Final = 256
"""As long as a stop string of a request may be: a longer one is none of the caller's."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PRINTABLE: Final = re.compile(r"[!-~]{1,256}")


def malformed(what: str) -> UpstreamUnavailable:
    """`what` is a name of ours, never a word of the answer."""
    return UpstreamUnavailable(f"The model server's answer is malformed: {what}.")


class Body:
    """An answer that is not streamed, while it comes."""

    __slots__ = ("_held", "_size")

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._size = 0

    def hold(self, piece: bytes) -> None:
        self._held.append(piece)
        self._size += len(piece)
        if self._size > WHOLE_BYTES:
            raise UpstreamUnavailable("The model server's answer is too long.")

    def take(self) -> bytes:
        return b"".join(self._held)


def parsed(payload: str | bytes) -> Json:
    """The JSON of an answer, or of one event of a stream."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise malformed("JSON") from None


def members(value: Json) -> dict[str, Json]:
    """Of an answer that is an object, and no error under the status of a success."""
    if not isinstance(value, dict) or value.get("error") is not None:
        raise UpstreamUnavailable("The model server reported an error instead of an answer.")
    return value


def objects(value: Json, what: str) -> list[dict[str, Json]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise malformed(what)
    return value


def count_unknown(dropped: Counter[str], given: Mapping[str, Json], known: frozenset[str]) -> None:
    """Names of members that nobody here knows and that held something. Odd names are not repeated."""
    for name in given.keys() - known:
        if given[name]:
            dropped[name if _NAME.fullmatch(name) else "?"] += 1


def head(envelope: Mapping[str, Json]) -> Head:
    """An envelope is no place for a server to write freely in: of all in it only the time is taken."""
    created = envelope.get("created")
    return Head(created if type(created) is int and 0 <= created < LARGEST_INTEGER else 0)


def index(value: Json, most: int) -> int:
    if type(value) is not int or not 0 <= value < most:
        raise malformed("index")
    return value


def usage(value: Json) -> Usage:
    if not isinstance(value, dict):
        raise malformed("usage")
    return Usage(
        prompt=tokens(value, "prompt_tokens"),
        completion=tokens(value, "completion_tokens"),
        cached=tokens(_details(value, "prompt_tokens_details"), "cached_tokens"),
        reasoning=tokens(_details(value, "completion_tokens_details"), "reasoning_tokens"),
    )


def tokens(counts: Mapping[str, Json], name: str) -> int:
    """A number of tokens; where a server tells none, 0."""
    value = counts.get(name)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= LARGEST_INTEGER:
        raise malformed("usage")
    return value


def printable(value: Json, what: str) -> str:
    text = printable_or(value)
    if not text:
        raise malformed(what)
    return text


def printable_or(value: Json) -> str | None:
    """Ids and names: no room for prose in them."""
    return value if isinstance(value, str) and _PRINTABLE.fullmatch(value) else None


def _details(counts: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    details = counts.get(name)
    if details is not None and not isinstance(details, dict):
        raise malformed("usage")
    return details or {}


def stop_string(value: Json) -> str | None:
    """Which stop string ended an answer. Servers tell a token's number, too, or nothing."""
    return value if isinstance(value, str) and 0 < len(value) <= STOP_CHARS else None
