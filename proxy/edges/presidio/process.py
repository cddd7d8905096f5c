"""One Presidio worker process, seen from the proxy: a question in, an answer out, dead at the first doubt."""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Any, Self

from proxy.edges.presidio.frames import LENGTH_BYTES, FrameBroken, body_length, pack, unpack
from proxy.errors import ConfigInvalid, ContentUnscannable, EngineUnavailable
from proxy.redact.spans import Span

START_S = 60.0
"""Imports and a model from a cold disk; 3 s on a warm one."""

PROGRAM = (sys.executable, "-P", "-m", "proxy.edges.presidio.worker")

ENVIRONMENT = {  # all that a worker gets beside the path of imports: no secret of the proxy's reaches it
    "TLDEXTRACT_PUBLIC_SUFFIX_LIST_URLS": "",  # else it asks two hosts at the first e-mail address
    "TLDEXTRACT_CACHE": "",  # else it writes to the home directory
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "REGEX_TIMEOUT_SECONDS": "1",  # whole seconds; Presidio's own default of 60 is past every deadline
    "OMP_NUM_THREADS": "1",  # a worker is one core's work; more cores, more workers
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONIOENCODING": "utf-8",
}


class WorkerProcess:
    """Not for two callers at once. When it is no longer `usable` it must be killed: a question was asked of
    it that has not been answered as it should, so its next answer could be that one's."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a worker is asked and answers through pipes")
        self._process = process
        self._requests = process.stdin
        self._answers = process.stdout
        self._asked = 0
        self.usable = True
        self.kinds: frozenset[str] = frozenset()
        self.revision = ""

    @classmethod
    async def start(cls, model: str, language: str, program: Sequence[str] = PROGRAM) -> Self:
        """Raises ConfigInvalid if Presidio or the model is not installed, else EngineUnavailable."""
        process = await asyncio.create_subprocess_exec(
            *program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a traceback could quote content
            env=environment(),
            start_new_session=True,  # Ctrl-C is for the proxy, which lets its exchanges end first
        )
        worker = cls(process)
        try:
            await worker._greet(model, language)
        except BaseException:  # a cancelled start too must not leave a process behind
            await worker.kill()
            raise
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    async def find(self, texts: Sequence[str], kinds: Sequence[str]) -> list[list[Span]]:
        """What is in each text. Raises EngineUnavailable; the caller sets the deadline."""
        answer = await self._ask({"texts": texts, "kinds": kinds})
        if "failed" in answer:
            self.usable = True
            raise EngineUnavailable("The recogniser could not read a text to its end.")
        spans = _checked(answer, texts, frozenset(kinds))
        self.usable = True
        return spans

    async def kill(self) -> None:
        """SIGKILL: it ends a stopped process too."""
        if self._process.returncode is None:
            self._process.kill()
        self._requests.close()
        await self._process.wait()

    async def _greet(self, model: str, language: str) -> None:
        try:
            async with asyncio.timeout(START_S):
                answer = await self._ask({"model": model, "language": language})
        except TimeoutError:
            raise EngineUnavailable("The recogniser did not start in time.") from None
        if "failed" in answer:
            raise ConfigInvalid([_not_installed(model)])
        self.usable = True
        self.kinds = frozenset(answer["kinds"])
        self.revision = str(answer["revision"])

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        self._asked += 1
        try:
            frame = pack({"id": self._asked, **question})
        except FrameBroken:
            raise ContentUnscannable("A text is not valid Unicode.") from None
        self.usable = False
        try:
            self._requests.write(frame)
            await self._requests.drain()
            answer = unpack(await self._answers.readexactly(await self._answer_length()))
        except (OSError, asyncio.IncompleteReadError, FrameBroken):
            raise EngineUnavailable("The recogniser died while it read a text.") from None
        if answer.get("id") != self._asked:
            raise EngineUnavailable("The recogniser answered another question.")
        return answer

    async def _answer_length(self) -> int:
        return body_length(await self._answers.readexactly(LENGTH_BYTES))


def environment() -> dict[str, str]:
    return {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def _not_installed(model: str) -> str:
    return (
        f"redaction.spacy_model: {model} cannot be loaded: "
        "pip install 'sluicegate[presidio]', or name an installed spaCy model that finds names"
    )


def _checked(answer: dict[str, Any], texts: Sequence[str], kinds: frozenset[str]) -> list[list[Span]]:
    """An answer that does not speak of every text, to its end, is none."""
    try:
        whole = answer["chars"] == [len(text) for text in texts]
        spans = [[Span(*span) for span in found] for found in answer["spans"]]
    except (KeyError, TypeError):
        raise EngineUnavailable("The recogniser gave a malformed answer.") from None
    if not (whole and len(spans) == len(texts)):
        raise EngineUnavailable("The recogniser gave half an answer.")
    for text, found in zip(texts, spans, strict=True):
        if not all(_possible(span, len(text), kinds) for span in found):
            raise EngineUnavailable("The recogniser gave a malformed answer.")
    return spans


def _possible(span: Span, length: int, kinds: frozenset[str]) -> bool:
    places = type(span.start) is int and type(span.end) is int and 0 <= span.start < span.end <= length
    return places and span.kind in kinds and type(span.score) is float and 0.0 <= span.score <= 1.0
