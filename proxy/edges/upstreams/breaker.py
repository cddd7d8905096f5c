"""When a server has failed so often that asking it again only costs time. Pure: times are handed in."""

from typing import Final

TRIP_AFTER: Final = 5
"""Failures in a row. One or two are a restart or a caller's bad luck; five are the server."""

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
"""How long it is left alone, first and at most, doubling between: a restarted server is found again within
seconds, and one that stays away is asked twice a minute."""


class Breaker:
    """Closed: all may pass. Open: none. Half open: one may try, and its fate decides for all.

    Who was let in by `enter` tells what came of it, once: `succeeded`, `failed` or `left`.
    """

    __slots__ = ("_failures", "_open_until", "_trial", "_trips")

    def __init__(self) -> None:
        self._failures = 0
        self._trips = 0
        self._open_until = 0.0
        self._trial = False

    def admits(self, now: float) -> bool:
        return self._failures < TRIP_AFTER or (now >= self._open_until and not self._trial)

    def enter(self, now: float) -> bool:
        """Whether a request may be sent now. In the half-open state this takes the only place."""
        if not self.admits(now):
            return False
        self._trial = self._failures >= TRIP_AFTER
        return True

    def succeeded(self) -> None:
        self._failures = self._trips = 0
        self._trial = False

    def failed(self, now: float) -> None:
        """Failures of requests that had begun before it opened do not count again."""
        if self._failures >= TRIP_AFTER and now < self._open_until:
            return
        self._trial = False
        self._failures += 1
        if self._failures >= TRIP_AFTER:
            self._open_until = now + min(FIRST_S * 2**self._trips, LONGEST_S)
            self._trips = min(self._trips + 1, 16)  # far beyond the longest

    def hint(self) -> None:
        """It answers a probe again: let one try now. Only a real answer closes it, for a server whose model
        hangs still lists it."""
        self._open_until = 0.0

    def left(self) -> None:
        """Nothing is known: the request was given up before its answer began."""
        self._trial = False
