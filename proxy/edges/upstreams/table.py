"""Which upstreams serve a model, and by what name they know it. Byte-exact; a caller chooses nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from proxy.edges.upstreams.balance import Rank, best_first
from proxy.edges.upstreams.server import Server
from proxy.engines import UpstreamRoute
from proxy.settings import Upstream


@dataclass(frozen=True, slots=True)
class Group:
    """An upstream and its servers, which differ in nothing but where they are."""

    upstream: Upstream
    servers: tuple[Server, ...]

    def rank(self, now: float) -> Rank:
        return min(server.rank(now) for server in self.servers)

    def in_order(self, model: str, turn: int, now: float) -> Sequence[Server]:
        """Those that have the model, the best to ask first."""
        having = [one for one in self.servers if self.upstream.models or model in one.listed]
        if len(having) < 2:
            return having
        return best_first(having, [one.rank(now) for one in having], turn)

    def ready(self) -> bool:
        return any(not server.problem for server in self.servers)

    def route(self, model: str) -> UpstreamRoute:
        return UpstreamRoute(self.upstream.name, model, self.upstream.residency, self.upstream.speaks)

    def listed(self) -> list[str]:
        """What its servers list, in their order."""
        return list(dict.fromkeys(name for server in self.servers for name in server.listed))


Served = tuple[tuple[Group, UpstreamRoute], ...]
"""The upstreams that serve one model."""


def configured(groups: Sequence[Group]) -> Mapping[str, Served]:
    """A model that stands in the tables of several upstreams is served by all of them."""
    table: dict[str, Served] = {}
    for group in groups:
        for name, model in group.upstream.models.items():
            table[name] = (*table.get(name, ()), (group, group.route(model)))
    return MappingProxyType(table)


def with_listed(table: Mapping[str, Served], groups: Sequence[Group]) -> Mapping[str, Served]:
    """With the names that upstreams without a table list. Those never join, or take over, a configured name
    or one of an upstream that stands earlier: whoever lists a name could otherwise draw its callers away."""
    learned = dict(table)
    for group in groups:
        if not group.upstream.models:
            for name in group.listed():
                learned.setdefault(name, ((group, group.route(name)),))
    return MappingProxyType(learned)
