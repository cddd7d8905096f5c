"""The judges of soft rules: who is asked, in how many pieces, for how long. Asking itself is in `judge_*.py`.

A judge never raises for a judge's fault. No score is a verdict with status `error`, and what that means is
for the rule's owner to say (`on_error`), never for this module.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from proxy import soft
from proxy.edges.judges.cache import CachedJudge
from proxy.edges.judges.channel import Channel, HttpChannel, JudgeFailed
from proxy.edges.judges.openai import AnswerScorer, DescriptionScorer, JsonScorer, Scorer
from proxy.engines import Judge
from proxy.errors import ConfigInvalid
from proxy.exchange import CleanText
from proxy.settings import SoftRules
from proxy.verdict import SoftAsk, SoftVerdict

# A text of more pieces would hold a judge for minutes. It has no verdict, which denies unless the rule's
# owner wrote otherwise.
MAX_PIECES = 64


class PieceJudge:
    """Asks about each piece of a text, `concurrency` of all texts at once; the worst piece is the score.

    `deadline_s` is for a whole text, waiting for a turn included: a late verdict is no verdict.
    """

    def __init__(
        self, scorer: Scorer, *, name: str, deadline_s: float, max_chars: int, concurrency: int
    ) -> None:
        self._scorer = scorer
        self._name = name
        self._deadline_s = deadline_s
        self._max_chars = max_chars
        self._turns = asyncio.Semaphore(concurrency)

    async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
        pieces = soft.pieces(text, self._max_chars)
        if len(pieces) > MAX_PIECES:
            return soft.no_verdict(rule, self._name)
        try:
            async with asyncio.timeout(self._deadline_s):
                return soft.verdict(rule, await self._worst(rule.sentence, pieces), self._name)
        except* (JudgeFailed, soft.NoScore, TimeoutError):
            pass
        return soft.no_verdict(rule, self._name)

    async def _worst(self, sentence: str, pieces: list[str]) -> float:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self._ask(sentence, piece)) for piece in pieces]
        return max(task.result() for task in asked)

    async def _ask(self, sentence: str, piece: str) -> float:
        async with self._turns:
            return await self._scorer.score(sentence, piece)


class NoJudge:
    """When none is configured. A rule that asks for one gets no verdict."""

    async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:  # noqa: ARG002  # a Judge's shape
        return soft.no_verdict(rule, "none")


@asynccontextmanager
async def open_judge(settings: SoftRules) -> AsyncIterator[Judge]:
    """The configured judge behind its cache, closed at the end. Raises ConfigInvalid."""
    if settings.judge == "none":
        yield NoJudge()
        return
    key = await asyncio.to_thread(_key, settings.key_file) if settings.key_file else None
    channel = HttpChannel(settings.url, key=key, connections=settings.concurrency)
    try:
        judge = PieceJudge(
            await asyncio.to_thread(_scorer, settings, channel),
            name=f"{settings.judge}/{settings.model}" if settings.model else settings.judge,
            deadline_s=settings.deadline_s,
            max_chars=settings.max_chars,
            concurrency=settings.concurrency,
        )
        revision = f"{settings.judge} {settings.method} {settings.model} {settings.max_chars}"
        yield CachedJudge(
            judge, entries=settings.cache_entries, revision=revision, key=secrets.token_bytes(32)
        )
    finally:
        await channel.close()


def _scorer(settings: SoftRules, channel: Channel) -> Scorer:
    if settings.judge == "tgi":
        return _tgi(channel)
    scorers: dict[str, type[AnswerScorer | JsonScorer | DescriptionScorer]] = {
        "answer": AnswerScorer,
        "json": JsonScorer,
        "description": DescriptionScorer,
    }
    return scorers[settings.method](channel, settings.model)


def _tgi(channel: Channel) -> Scorer:
    """Imported only here: its client belongs to an extra and takes a second, so a thread does it."""
    try:
        from proxy.edges.judges.tgi import TgiScorer  # noqa: PLC0415
    except ImportError as missing:
        raise ConfigInvalid(
            ["soft_rules.judge: tgi needs its client: pip install 'sluicegate[tgi]'"]
        ) from missing
    return TgiScorer(channel)


def _key(file: Path) -> str:
    try:
        key = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigInvalid([f"soft_rules.key_file: {file} cannot be read"]) from None
    if not key.isprintable() or not key or " " in key:
        raise ConfigInvalid(["soft_rules.key_file: must hold one key of printable ASCII without spaces"])
    return key
