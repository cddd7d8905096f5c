"""What the connections of one front share: who is there, what bounds them, how they say no.

No I/O: connections come and go by `admit` and `leave`.
"""

import os
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final, Generic, TypeVar

from proxy.errors import SluicegateError
from proxy.settings import Limits

HEAD_LINES: Final = 4
"""A whole head may be this many times `header_bytes`, the bound of one line (nginx: four buffers, too).
Without it, each of `headers` lines may be that long: half a megabyte before we know who calls."""

ErrorBody = Callable[[SluicegateError, str], bytes]
"""From an error and the request's id the body of an answer: JSON in a dialect's own shape."""

Fault = Callable[[str, BaseException | None], None]
"""Where a connection reports a fault of ours: an event's name, and the exception if there is one."""

_ID_BYTES: Final = 16
_IDS_AT_ONCE: Final = 256  # a page of memory

MemberT = TypeVar("MemberT")


class Crowd(Generic[MemberT]):
    """All open connections of one front, counted in total and for each peer."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._peers: Counter[str] = Counter()
        self.members: set[MemberT] = set()

    def admit(self, member: MemberT, peer: str) -> bool:
        """Whether there is room. Who is in already stays in."""
        if member in self.members:
            return True
        full = len(self.members) >= self._limits.connections
        if full or self._peers[peer] >= self._limits.connections_per_peer:
            return False
        self._peers[peer] += 1
        self.members.add(member)
        return True

    def leave(self, member: MemberT, peer: str) -> None:
        if member not in self.members:
            return
        self.members.discard(member)
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]


class Ids:
    """Request ids: 128 random bits in hexadecimal, ours alone, so a caller can neither choose nor guess one.

    Drawn many at a time: each call of the system lets another thread have the interpreter.
    """

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def new(self) -> str:
        if not self._drawn:
            digits = os.urandom(_ID_BYTES * _IDS_AT_ONCE).hex()
            length = 2 * _ID_BYTES
            self._drawn = [digits[at : at + length] for at in range(0, len(digits), length)]
        return self._drawn.pop()


class Lobby(Generic[MemberT]):
    """What the connections of one front share. `malformed`: refused heads since somebody last looked.
    `handshakes_failed`: of TLS, as well."""

    def __init__(self, limits: Limits, error_body: ErrorBody, fault: Fault) -> None:
        self.limits = limits
        self.error_body = error_body
        self.fault = fault
        self.ids = Ids()
        self.crowd: Crowd[MemberT] = Crowd(limits)
        self.head_bound = HEAD_LINES * limits.header_bytes
        self.malformed = 0
        self.handshakes_failed = 0
        self.draining = False
        self.cutting = False  # draining took too long: what still runs is cancelled


def peer_of(name: object) -> str:
    """Who a connection counts for: an IPv4 address, or the /64 that one IPv6 caller usually has to itself."""
    address = str(name[0]) if isinstance(name, tuple) else ""
    if ":" not in address:
        return address
    packed = IPv6Address(address.partition("%")[0])
    return str(packed.ipv4_mapped) if packed.ipv4_mapped else packed.packed[:8].hex()
