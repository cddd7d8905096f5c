"""Several worker processes on one port (SO_REUSEPORT), and one admin side that speaks for all of them.

Each worker is a whole proxy with a state directory, a spool and an admin side of its own; they share the
key of the pseudonyms. A worker that dies is started again; nothing here sees an exchange.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from proxy.app import ADMIN_FILE
from proxy.edges.key_file import pseudonym_key
from proxy.edges.log import Log, start_log
from proxy.settings import Settings
from proxy.web.admin import Admin
from proxy.web.front import Front
from proxy.wire.openai_errors import error_body

RESTART_S = 1.0  # a worker that dies at once must not eat the machine
ASK_S = 5.0  # a worker that does not tell its figures in this time is stuck


def as_worker(settings: Settings, index: int) -> Settings:
    """The settings of one worker: its own state and admin side, the common key."""
    state = settings.state / f"worker-{index}"
    key_file = settings.redaction.key_file or settings.state / "pseudonym.key"
    return replace(
        settings,
        listen=replace(settings.listen, workers=1, admin="127.0.0.1:0"),
        redaction=replace(settings.redaction, key_file=key_file),
        state=state,
    )


def supervise(settings: Settings, argv: Sequence[str]) -> int:
    """Runs until SIGTERM or SIGINT; `argv` is the command that the workers are started with."""
    pseudonym_key(settings.redaction.key_file, settings.state)
    log = start_log(settings.telemetry.log_level)
    asyncio.run(_supervise(settings, [*argv], log))
    return 0


@dataclass(slots=True)
class Worker:
    index: int
    state: Path
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    restarts: int = 0

    async def address(self) -> str:
        """Of its admin side; empty while it starts."""
        with suppress(FileNotFoundError):
            return await asyncio.to_thread((self.state / ADMIN_FILE).read_text)
        return ""


async def _supervise(settings: Settings, argv: Sequence[str], log: Log) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    workers = [Worker(index, as_worker(settings, index).state) for index in range(settings.listen.workers)]
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: _tell(workers, signal.SIGHUP))
    async with _admin(settings, workers, log), asyncio.TaskGroup() as group:
        for worker in workers:
            group.create_task(_keep(worker, argv, stop, log))
        await stop.wait()
        _tell(workers, signal.SIGTERM)


async def _keep(worker: Worker, argv: Sequence[str], stop: asyncio.Event, log: Log) -> None:
    """One worker, started again whenever it ends before it should."""
    while not stop.is_set():
        command = [sys.executable, "-m", "proxy", *argv, "--worker", str(worker.index)]
        worker.process = await asyncio.create_subprocess_exec(*command)
        if stop.is_set():  # it was told while this one was not there to hear it
            worker.process.terminate()
        code = await worker.process.wait()
        if stop.is_set():
            return
        log.warning("worker_ended", worker=worker.index, code=code)
        worker.restarts += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), RESTART_S)


def _tell(workers: Iterable[Worker], name: signal.Signals) -> None:
    for worker in workers:
        if worker.process is not None and worker.process.returncode is None:
            worker.process.send_signal(name)


@asynccontextmanager
async def _admin(settings: Settings, workers: Sequence[Worker], log: Log) -> AsyncIterator[None]:
    timeout = aiohttp.ClientTimeout(total=ASK_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        admin = Admin(
            {f"worker-{worker.index}": _Ready(session, worker).problem for worker in workers},
            _Figures(session, workers).render,
            lambda: {"workers": len(workers), "restarts": sum(worker.restarts for worker in workers)},
        )
        front = Front(admin.routes(), settings.limits, error_body, log.event)
        await front.start(settings.listen.admin)
        try:
            yield
        finally:
            await front.drain(0)


@dataclass(frozen=True, slots=True)
class _Ready:
    session: aiohttp.ClientSession
    worker: Worker

    async def problem(self) -> str | None:
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self.session.get(f"http://{await self.worker.address()}/readyz") as answer:
                return None if answer.status == 200 else "not ready"
        return "not answering"


@dataclass(frozen=True, slots=True)
class _Figures:
    session: aiohttp.ClientSession
    workers: Sequence[Worker]

    async def render(self) -> bytes:
        """Every worker's figures, each with the label `worker`. A worker that is silent has none."""
        families: dict[str, Metric] = {}
        for worker in self.workers:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self.session.get(f"http://{await worker.address()}/metrics") as answer:
                    _add(families, await answer.text(), worker.index)
        registry = CollectorRegistry()
        registry.register(_Collected(families.values()))
        return generate_latest(registry)


def _add(families: dict[str, Metric], text: str, index: int) -> None:
    for family in text_string_to_metric_families(text):
        joined = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
        for sample in family.samples:
            joined.add_sample(sample.name, {**sample.labels, "worker": str(index)}, sample.value)


class _Collected(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families
