"""Prometheus figures of finished exchanges. Labels are codes and names from our own tables, never content."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from proxy.record import Summary

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """Implements the conductor's `Meter`; `render()` is what `GET /metrics` answers."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        exchanges = Counter(
            "sluicegate_exchanges",
            "Finished exchanges.",
            ("dialect", "status", "code"),
            registry=self.registry,
        )
        duration = Histogram(
            "sluicegate_exchange_seconds",
            "From request to last byte.",
            ("dialect",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        first = Histogram(
            "sluicegate_time_to_first_token_seconds",
            "From request to the first text of the answer.",
            ("dialect",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        decisions = Counter(
            "sluicegate_decisions",
            "Decisions of the hard rules.",
            ("phase", "action"),
            registry=self.registry,
        )
        soft = Counter(
            "sluicegate_soft_verdicts", "Verdicts of the judge.", ("rule", "status"), registry=self.registry
        )
        entities = Counter(
            "sluicegate_entities_redacted",
            "Entities redacted from requests.",
            ("kind",),
            registry=self.registry,
        )
        tokens = Counter(
            "sluicegate_tokens",
            "Tokens as the upstream booked them.",
            ("model", "side"),
            registry=self.registry,
        )

        dropped = Counter(
            "sluicegate_fields_dropped",
            "Unknown fields left out of requests (in) and of upstreams' answers (out).",
            ("dialect", "direction"),
            registry=self.registry,
        )

        # Looking a child up by its labels costs more than counting does. The registry keeps them all anyway.
        self._exchanges = cache(exchanges.labels)
        self._duration = cache(duration.labels)
        self._first = cache(first.labels)
        self._decisions = cache(decisions.labels)
        self._soft = cache(soft.labels)
        self._entities = cache(entities.labels)
        self._tokens = cache(tokens.labels)
        self._dropped = cache(dropped.labels)

    def observe(self, summary: Summary) -> None:
        self._exchanges(summary.dialect, summary.status, summary.error or "").inc()
        self._duration(summary.dialect).observe(summary.duration_ms / 1e3)
        if summary.ttft_ms is not None:
            self._first(summary.dialect).observe(summary.ttft_ms / 1e3)
        for one in summary.decisions:
            self._decisions(one.phase, one.decision.action.word).inc()
        for verdict in summary.soft:
            self._soft(verdict.rule, verdict.status).inc()
        for kind, count in summary.entities.items():
            self._entities(kind).inc(count)
        for direction, count in (("in", summary.dropped_in), ("out", summary.dropped_out)):
            if count:
                self._dropped(summary.dialect, direction).inc(count)
        if summary.usage is not None:
            self._tokens(summary.model, "prompt").inc(summary.usage.prompt)
            self._tokens(summary.model, "completion").inc(summary.usage.completion)

    def gauge(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """A figure that is read when somebody asks for it."""
        Gauge(name, help_text, registry=self.registry).set_function(read)

    async def render(self) -> bytes:
        return generate_latest(self.registry)
