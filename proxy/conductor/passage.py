"""One exchange on its way: what was decided, found and answered so far. It ends in one summary."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from proxy import policy
from proxy.conductor.house import House
from proxy.engines import UpstreamRoute
from proxy.errors import EngineUnavailable, SluicegateError
from proxy.exchange import CleanText, Exchange, Identity, Json, Lane, Usage
from proxy.record import CleanMessage, PhaseDecision, Status, Summary, ToolCall
from proxy.redact.vault import Vault
from proxy.verdict import NO_OBLIGATIONS, Action, Decision, Obligations, SoftVerdict


class Passage:
    """Mutable on purpose and alone of its kind: the stages of one exchange write here, in order."""

    def __init__(self, house: House, identity: Identity, exchange: Exchange, route: UpstreamRoute) -> None:
        self.house = house
        self.identity = identity
        self.exchange = exchange
        self.route = route
        self.began = house.doors.clock.now()
        self._began_monotonic = house.doors.clock.monotonic()
        subject = identity.subject
        # One scope a person: two tenants or two people never share a pseudonym.
        scope = f"{len(subject.tenant)}:{subject.tenant}:{subject.id}"
        self.vault = Vault(house.pseudonym_key, scope)
        self.leaks = Vault(house.pseudonym_key, f"leak:{exchange.id}")
        self.base: dict[str, Json] = {}
        self.obligations: Obligations = NO_OBLIGATIONS
        self.decisions: list[PhaseDecision] = []
        self.soft: dict[str, SoftVerdict] = {}
        self.entities: Counter[str] = Counter()
        self.input: tuple[CleanMessage, ...] = ()
        self.output: dict[Lane, list[CleanText]] = {}
        self.calls: dict[Lane, ToolCall] = {}
        self.finish: dict[int, str] = {}
        self.usage: Usage | None = None  # as the upstream told it
        self.counted = 0  # tokens of the prompt, as we count them
        self.reached = False  # whether a model server may have worked on it
        self.dropped: Counter[str] = Counter()
        self.unscanned: tuple[str, ...] = ()
        self.offered: frozenset[str] = frozenset(exchange.tools)  # tools that the model was told of
        self.first_byte: float | None = None

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        """Ask the policies; remember what they said. Raises Denied when they block."""
        clock = self.house.doors.clock
        asked = clock.monotonic()
        decision = await self.house.doors.policy.decide(document)
        micros = int((clock.monotonic() - asked) * 1e6)
        self.decisions.append(PhaseDecision(str(document["phase"]), decision, micros))
        if decision.blocks:
            raise policy.denial(decision, [ask.rule for ask in self.obligations.soft])
        self.obligations = self.obligations.join(decision.obligations)
        return decision

    async def decide_late(self, document: Mapping[str, Json]) -> None:
        """The same once the prompt has left: an obligation that comes too late to be met blocks."""
        before = self.obligations
        await self.decide(document)
        if self.obligations is not before and replace(self.obligations, no_mirror=before.no_mirror) != before:
            raise EngineUnavailable("A rule demands something that can no longer be done.")

    @property
    def leaked(self) -> Counter[str]:
        """How many different entities the model itself let out, by kind."""
        return Counter(pseudonym[1:].rpartition("_")[0] for pseudonym in self.leaks)

    @property
    def action(self) -> Action:
        """The strictest that was decided; replaced text makes an allowed exchange a redacted one."""
        decided = max((one.decision.action for one in self.decisions), default=Action.ALLOW)
        changed = Action.REDACT if self.entities or self.leaks or self.obligations.withhold else decided
        return max(decided, changed)

    @property
    def rules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(rule for one in self.decisions for rule in one.decision.rules))

    def mark_first_byte(self) -> None:
        if self.first_byte is None:
            self.first_byte = self.house.doors.clock.monotonic() - self._began_monotonic

    def summary(self, status: Status, error: SluicegateError | None, usage: Usage | None = None) -> Summary:
        return Summary(
            exchange_id=self.exchange.id,
            time=self.began,
            identity=self.identity,
            dialect=self.exchange.dialect,
            model=self.exchange.model,
            upstream=self.route.upstream,
            stream=self.exchange.stream,
            status=status,
            decisions=tuple(self.decisions),
            soft=tuple(self.soft.values()),
            entities=dict(self.entities),
            finish=dict(self.finish),
            usage=usage,
            error=error.code if error else None,
            duration_ms=(self.house.doors.clock.monotonic() - self._began_monotonic) * 1e3,
            ttft_ms=None if self.first_byte is None else self.first_byte * 1e3,
            action=self.action,
            operation=self.exchange.operation,
            unscanned=self.unscanned,
            dropped_in=len(self.exchange.dropped),
            dropped_out=self.dropped.total(),
        )
