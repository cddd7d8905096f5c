"""The composition root: settings → doors → conductor → the two listening sides.

`serve` runs until SIGTERM or SIGINT. Everything that is opened here is closed here, in the opposite order.
"""

import asyncio
import gc
import secrets
import signal
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import uvloop

from proxy import __version__
from proxy.conductor import Conductor, House, NoIndex
from proxy.conductor import Doors as Engines
from proxy.edges.clock import SystemClock
from proxy.edges.identity.opening import LiveIdentities, read_identities
from proxy.edges.judges.judges import open_judge
from proxy.edges.judges.wanted import check_judge
from proxy.edges.kept import Kept
from proxy.edges.key_file import pseudonym_key
from proxy.edges.labels.copies import IndexedCopies, open_copies
from proxy.edges.log import Log, start_log
from proxy.edges.metrics import Metrics
from proxy.edges.presidio.recognisers import open_recogniser
from proxy.edges.records.journal import SpoolJournal
from proxy.edges.rego.inputs import FOLDER, InputLog
from proxy.edges.rego.live import LivePolicies, open_policies
from proxy.edges.server_tls import read_server_tls
from proxy.edges.tokens import CachedTokens
from proxy.edges.upstreams.upstreams import Upstreams
from proxy.redact.kinds import MARKED_KINDS
from proxy.settings import Settings
from proxy.web.admin import Admin, Check
from proxy.web.doors import Doors
from proxy.web.front import Front
from proxy.wire.openai_errors import error_body
from proxy.wire.registers import DIALECTS

# Of the spool: then new exchanges should go to another replica, before this one has to refuse them.
NEARLY_FULL = 0.9

# Of the cyclic collector. An exchange makes some thousand objects and next to no cycles, so looking after
# every 700th is a tenth of its cost (measured). 7,000 are about 1 MB.
COLLECT_AFTER = (7_000, 10, 10)

ADMIN_FILE = "admin.address"  # where a worker tells its supervisor what its admin side was bound to


@dataclass(frozen=True, slots=True)
class Gate:
    """The built house: two fronts that do not listen yet, and what has to run beside them."""

    callers: Front
    admin: Front
    policies: LivePolicies
    inputs: InputLog | None
    journal: SpoolJournal
    identities: LiveIdentities
    upstreams: Upstreams
    tls: Kept[ssl.SSLContext] | None
    copies: IndexedCopies | None


@asynccontextmanager
async def build(settings: Settings, log: Log) -> AsyncIterator[Gate]:
    """Raises ConfigInvalid with what stands in the way. Nothing listens yet."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        key = await asyncio.to_thread(pseudonym_key, settings.redaction.key_file, settings.state)
        identities = await asyncio.to_thread(read_identities, settings.identity, clock, log)
        tls = await asyncio.to_thread(read_server_tls, settings.listen.tls, log)
        copies = await asyncio.to_thread(open_copies, settings.need_to_know, settings.state, log)
        policies = await stack.enter_async_context(open_policies(settings.hard_rules, settings.state, log))
        await asyncio.to_thread(check_judge, settings)
        recogniser = await stack.enter_async_context(open_recogniser(settings.redaction))
        judge = await stack.enter_async_context(open_judge(settings.soft_rules))
        upstreams = await asyncio.to_thread(Upstreams, settings.upstreams, settings.limits)
        stack.push_async_callback(upstreams.close)
        await upstreams.refresh()
        journal = await SpoolJournal.start(settings.feedback, settings.state, log, clock)
        stack.push_async_callback(journal.close)
        metrics = Metrics()
        _gauges(metrics, journal, policies)
        inputs = _input_log(settings, policies, metrics, log)
        _stale_gauge(metrics, identities, tls)
        engines = Engines(
            policy=inputs or policies,
            recogniser=recogniser,
            judge=judge,
            tokens=CachedTokens.of(settings.upstreams, secrets.token_bytes(32)),
            upstream=upstreams,
            journal=journal,
            clock=clock,
            meter=metrics,
            copies=copies or NoIndex(),
        )
        house = House(
            engines,
            key,
            settings.need_to_know.notice,
            settings.redaction.window_chars,
            settings.redaction.window_s,
            MARKED_KINDS,
        )
        doors = Doors(
            Conductor(house), identities, settings.limits, clock, partial(_default_model, settings, upstreams)
        )
        admin = Admin(
            _checks(upstreams, identities, journal, settings.feedback.spool_bytes),
            metrics.render,
            lambda: _about(policies, upstreams),
        )
        yield Gate(
            callers=Front(doors.routes(DIALECTS), settings.limits, error_body, log.event),
            admin=Front(admin.routes(), settings.limits, error_body, log.event),
            policies=policies,
            inputs=inputs,
            journal=journal,
            identities=identities,
            upstreams=upstreams,
            tls=tls,
            copies=copies,
        )


def serve(settings: Settings, *, worker: bool = False) -> int:
    """`worker`: one of several on the port; it tells where its admin side is in a file of its state."""
    log = start_log(settings.telemetry.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, log, worker=worker))
    return 0


async def _serve(settings: Settings, log: Log, *, worker: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with build(settings, log) as gate:
        _settle_memory()
        await _listen(settings, gate, log, worker=worker)
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(gate.policies.run()),
                group.create_task(gate.journal.run()),
                group.create_task(gate.identities.run()),
                group.create_task(gate.upstreams.run()),
            ]
            if gate.copies:
                beside.append(group.create_task(gate.copies.finder.run()))
            if gate.inputs:
                beside.append(group.create_task(gate.inputs.run()))
            if gate.tls:
                beside.append(group.create_task(gate.tls.run()))
            loop.add_signal_handler(signal.SIGHUP, lambda: group.create_task(_reload(gate)))
            await stop.wait()
            log.info("draining", seconds=settings.listen.drain_s)
            await gate.callers.drain(settings.listen.drain_s)
            await gate.admin.drain(0)
            for task in beside:
                task.cancel()
    log.info("stopped")


def _settle_memory() -> None:
    """What was built at the start stays until the end: the collector need not walk through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


async def _reload(gate: Gate) -> None:
    """Everything that is read from files. What does not load leaves what was there in force."""
    await gate.identities.reload()
    if gate.tls:
        await gate.tls.reload()
    if gate.copies:
        await gate.copies.finder.reload()
    await gate.policies.reload()


async def _listen(settings: Settings, gate: Gate, log: Log, *, worker: bool) -> None:
    """Raises ConfigInvalid for an address that cannot be bound."""
    admin_host, admin_port = await gate.admin.start(settings.listen.admin)
    if worker:
        await asyncio.to_thread((settings.state / ADMIN_FILE).write_text, f"{admin_host}:{admin_port}")
    tls = gate.tls
    host, port = await gate.callers.start(
        settings.listen.address, reuse_port=worker, tls=(lambda: tls.current) if tls else None
    )
    log.info(
        "listening",
        version=__version__,
        address=f"{host}:{port}",
        admin=f"{admin_host}:{admin_port}",
        engine=settings.hard_rules.engine,
        revision=gate.policies.revision,
        models=sorted(gate.upstreams.names()),
    )


def _default_model(settings: Settings, upstreams: Upstreams, dialect: str) -> str | None:
    """For a call that names no model: the dialect's, or its family's (`tgi` for `tgi_generate`), or the only
    one that there is."""
    models = settings.listen.default_models
    configured = models.get(dialect) or models.get(dialect.partition("_")[0])
    names = upstreams.names()
    return configured or (names[0] if len(names) == 1 else None)


def _checks(
    upstreams: Upstreams, identities: LiveIdentities, journal: SpoolJournal, spool_bytes: int
) -> Mapping[str, Check]:
    async def upstream() -> str | None:
        await upstreams.refresh()
        silent = upstreams.cut_off()
        return f"not answering: {', '.join(silent)}" if silent else None

    async def record() -> str | None:
        full = journal.status().backlog_bytes >= spool_bytes * NEARLY_FULL
        return "the spool is nearly full: is the collector down?" if full else None

    async def identity() -> str | None:
        return identities.problem()

    return {"upstreams": upstream, "identity": identity, "records": record}


def _gauges(metrics: Metrics, journal: SpoolJournal, policies: LivePolicies) -> None:
    metrics.gauge(
        "sluicegate_spool_bytes", "Recorded and not yet delivered.", lambda: journal.status().backlog_bytes
    )
    metrics.gauge(
        "sluicegate_spool_behind_seconds",
        "How far the slowest outlet is behind.",
        lambda: journal.status().behind_s,
    )
    metrics.gauge("sluicegate_open_exchanges", "Running now.", lambda: journal.status().open_exchanges)
    metrics.gauge(
        "sluicegate_tasks",
        "Tasks of the event loop; without exchanges it goes back to where it was.",
        lambda: len(asyncio.all_tasks()),
    )
    metrics.gauge(
        "sluicegate_policy_reload_failed",
        "1 while the policies on disk cannot be loaded and the last good ones decide.",
        lambda: float(policies.status()["problem"] is not None),
    )


def _input_log(settings: Settings, policies: LivePolicies, metrics: Metrics, log: Log) -> InputLog | None:
    if not settings.hard_rules.record_inputs:
        return None
    inputs = InputLog(policies, settings.state / FOLDER, SystemClock(), log)
    metrics.gauge(
        "sluicegate_inputs_dropped",
        "Decision inputs that could not be written down.",
        lambda: float(inputs.dropped),
    )
    return inputs


def _stale_gauge(metrics: Metrics, identities: LiveIdentities, tls: Kept[ssl.SSLContext] | None) -> None:
    metrics.gauge(
        "sluicegate_credentials_reload_failed",
        "1 while a file of keys or certificates cannot be loaded and the last good one is in use.",
        lambda: float(identities.stale() is not None or (tls is not None and tls.problem is not None)),
    )


def _about(policies: LivePolicies, upstreams: Upstreams) -> Mapping[str, object]:
    servers = {name: problem or "ready" for name, problem in upstreams.status().items()}
    return {"version": __version__, "policies": policies.status(), "upstreams": servers}
