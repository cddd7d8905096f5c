"""Presidio behind the recogniser's door: worker processes, a bounded queue, a deadline.

Presidio holds the interpreter for tens of milliseconds a text, and cannot be interrupted; so it runs in
processes of its own. A worker that hangs is killed at the deadline, one that dies or answers wrongly is
replaced, and whoever asked it gets EngineUnavailable.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from proxy.edges.presidio.process import WorkerProcess
from proxy.errors import ConfigInvalid, ContentUnscannable, EngineUnavailable, SluicegateError
from proxy.redact.pieces import Piece, batches, pieces, rejoin
from proxy.redact.spans import Span, merge, planned
from proxy.settings import Redaction
from proxy.verdict import KindPlan

RESTART_S = 1.0
"""Between two starts of a worker that does not start: it costs a core seconds each time."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One batch for one worker. Whoever waits for `found` may have gone: then it is done, and skipped."""

    texts: tuple[str, ...] = field(repr=False)
    kinds: tuple[str, ...]
    found: asyncio.Future[list[list[Span]]] = field(repr=False)

    def fail(self, problem: SluicegateError) -> None:
        if not self.found.done():
            self.found.set_exception(problem)

    def succeed(self, found: list[list[Span]]) -> None:
        if not self.found.done():
            self.found.set_result(found)


class PresidioPool:
    """A `Recogniser`. `start` before the first question, `close` at the end."""

    def __init__(self, settings: Redaction) -> None:
        self._settings = settings
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()  # bounded by _admit, in texts instead of batches
        self._waiting = 0
        self._workers: dict[int, WorkerProcess] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.kinds: frozenset[str] = frozenset()
        self.revision = ""

    async def start(self) -> None:
        """Returns when every worker is ready. Raises ConfigInvalid or EngineUnavailable."""
        starts = (self._start_worker() for _ in range(self._settings.workers))
        started = await asyncio.gather(*starts, return_exceptions=True)
        workers = [worker for worker in started if isinstance(worker, WorkerProcess)]
        problems = [problem for problem in started if isinstance(problem, BaseException)]
        if problems:
            await asyncio.gather(*map(self._drop, workers))
            raise problems[0]
        loop = asyncio.get_running_loop()  # no TaskGroup: these live from start to close
        self._tasks = [loop.create_task(self._serve(worker)) for worker in workers]
        self.kinds, self.revision = workers[0].kinds, workers[0].revision

    async def close(self) -> None:
        """Ends the workers; whoever still waits gets EngineUnavailable."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while not self._queue.empty():
            self._queue.get_nowait().fail(EngineUnavailable("The recogniser is closing."))

    @property
    def pids(self) -> tuple[int, ...]:
        """Of the workers that run."""
        return tuple(self._workers)

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        """As `engines.Recogniser` says; all of it within one deadline, the wait for a worker included."""
        if not plan or not texts:
            return [() for _ in texts]
        self._check(texts, plan)
        order = [wanted.kind for wanted in plan]
        cut = [pieces(text) for text in texts]
        found = iter(await self._find([piece for part in cut for piece in part], tuple(order)))
        return [
            merge(planned(rejoin(text, part, [next(found) for _ in part]), plan), order)
            for text, part in zip(texts, cut, strict=True)
        ]

    def _check(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> None:
        if not self._tasks:
            raise EngineUnavailable("The recogniser is not running.")
        unknown = sorted({wanted.kind for wanted in plan} - self.kinds)
        if unknown:
            raise EngineUnavailable(f"No recogniser finds {', '.join(unknown)}.")
        if any(len(text) > self._settings.max_chars for text in texts):
            raise ContentUnscannable(f"A text is longer than {self._settings.max_chars} characters.")

    async def _find(self, cut: Sequence[Piece], kinds: tuple[str, ...]) -> list[list[Span]]:
        """What is in each piece."""
        jobs = self._admit(cut, kinds)
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                found = await asyncio.gather(*(job.found for job in jobs))
        except TimeoutError:
            raise EngineUnavailable("The recogniser missed its deadline.") from None
        finally:
            for job in jobs:
                job.found.cancel()
        return [spans for batch in found for spans in batch]

    def _admit(self, cut: Sequence[Piece], kinds: tuple[str, ...]) -> list[_Job]:
        """An idle pool takes any exchange, however long: its deadline bounds it. A busy one, its queue."""
        if self._waiting and self._waiting + len(cut) > self._settings.queue:
            raise EngineUnavailable("Too many texts wait for the recogniser.")
        loop = asyncio.get_running_loop()
        batched = (tuple(piece.text for piece in batch) for batch in batches(cut))
        jobs = [_Job(texts, kinds, loop.create_future()) for texts in batched]
        for job in jobs:
            self._queue.put_nowait(job)
        self._waiting += len(cut)
        return jobs

    async def _serve(self, worker: WorkerProcess) -> None:
        try:
            while True:
                job = await self._queue.get()
                self._waiting -= len(job.texts)
                if not job.found.done():
                    await self._work(worker, job)
                if not worker.usable:
                    await self._drop(worker)
                    worker = await self._replacement()
        finally:
            await self._drop(worker)

    async def _work(self, worker: WorkerProcess, job: _Job) -> None:
        """Goes on when the caller has gone: the worker's answer must be read before its next question."""
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                job.succeed(await worker.find(job.texts, job.kinds))
        except TimeoutError:
            job.fail(EngineUnavailable("The recogniser missed its deadline."))
        except (EngineUnavailable, ContentUnscannable) as problem:
            job.fail(problem)
        finally:
            job.fail(EngineUnavailable("The recogniser is closing."))  # if nothing else came: cancelled

    async def _replacement(self) -> WorkerProcess:
        while True:
            try:
                return await self._start_worker()
            except (ConfigInvalid, EngineUnavailable):
                await asyncio.sleep(RESTART_S)  # whoever waits meanwhile is refused at the deadline

    async def _start_worker(self) -> WorkerProcess:
        worker = await WorkerProcess.start(self._settings.spacy_model, self._settings.language)
        self._workers[worker.pid] = worker
        return worker

    async def _drop(self, worker: WorkerProcess) -> None:
        self._workers.pop(worker.pid, None)
        await worker.kill()
