"""OpenAI's responses, without stored state."""

from typing import Final

from proxy.wire.dialect import Dialect, Wire

DIALECTS: Final[tuple[Dialect, ...]] = ()
WIRES: Final[tuple[Wire, ...]] = ()
