"""What a server is asked to find out whether it is ready, and the names of models in what it says."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from proxy.errors import UpstreamUnavailable
from proxy.exchange import Json
from proxy.settings import Upstream

LIST_BYTES: Final = 1024 * 1024  # a list of models; thousands fit

_NAME: Final = re.compile(r"[\x21-\x7e]{1,256}")


@dataclass(frozen=True, slots=True)
class Probe:
    """`path` stands behind the upstream's prefix. `read`: the names in the JSON of the answer."""

    path: str
    read: Callable[[Json], Sequence[Json]]

    def names(self, body: bytes) -> tuple[str, ...]:
        """Those that can be a model's. Raises UpstreamUnavailable for what is not such an answer."""
        try:
            names = self.read(orjson.loads(body))
        except (ValueError, KeyError, TypeError, IndexError):
            raise UpstreamUnavailable("The model server's list of models is malformed.") from None
        return tuple(name for name in names if isinstance(name, str) and _NAME.fullmatch(name))


OPENAI: Final = Probe("/v1/models", lambda said: [entry["id"] for entry in said["data"]])
OLLAMA: Final = Probe("/api/tags", lambda said: [entry["name"] for entry in said["models"]])
HUGGING_FACE: Final = Probe("/info", lambda said: [said["model_id"]])

_BY_FAMILY: Final = {"ollama": OLLAMA, "tgi": HUGGING_FACE, "tei": HUGGING_FACE}
"""By the first part of a wire's name. Whatever else a server speaks, it lists its models as OpenAI does."""


def probe_of(upstream: Upstream) -> Probe:
    """Of a server that speaks several, the OpenAI-compatible list is asked for: its names are the API's."""
    probes = [_BY_FAMILY.get(wire.partition("_")[0], OPENAI) for wire in upstream.speaks]
    return OPENAI if OPENAI in probes or not probes else probes[0]
