"""OpenAI's text completions."""

from typing import Final

from proxy.wire.dialect import Dialect, Wire

DIALECTS: Final[tuple[Dialect, ...]] = ()
WIRES: Final[tuple[Wire, ...]] = ()
