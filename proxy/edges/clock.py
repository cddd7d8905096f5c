"""The one place that reads the machine's clocks."""

import time


class SystemClock:
    """Implements `engines.Clock`."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
