"""Scores that were told before: a chat sends its whole history again with every turn.

What is kept is a score under a keyed hash of sentence and text: no text, and no verdict, so that a rule whose
threshold changes is judged by the new one at once. Errors are never kept.
"""

import asyncio
from collections import OrderedDict
from hashlib import blake2b

from proxy import soft
from proxy.engines import Judge
from proxy.exchange import CleanText
from proxy.verdict import SoftAsk, SoftVerdict

_KEY_BYTES = 16  # two questions with one key: not in the lifetime of anything


class CachedJudge:
    """A `Judge` that asks another one only what it has not been asked. The least recently used go first.

    `revision`: of the inner judge, with everything its scores depend on. `key`: random, 16 to 64 bytes, made
    for this process: people choose the text, and must not be able to choose where its score is kept.
    Those who ask the same at once share one question; when its asker is cancelled, the others ask again.
    """

    def __init__(self, inner: Judge, *, entries: int, revision: str, key: bytes) -> None:
        self._inner = inner
        self._entries = entries
        self._base = blake2b(revision.encode() + b"\0", key=key, digest_size=_KEY_BYTES)
        self._kept: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Future[SoftVerdict | None]] = {}

    def __repr__(self) -> str:
        return f"<CachedJudge with {len(self._kept)} scores>"

    async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
        key = self._key(rule.sentence, text)
        while True:
            if key in self._kept:
                self._kept.move_to_end(key)
                return soft.verdict(rule, *self._kept[key])
            if key not in self._asked:
                return await self._ask(key, rule, text)
            shared = await asyncio.shield(self._asked[key])
            if shared is not None:
                return _for(rule, shared)

    def _key(self, sentence: str, text: str) -> bytes:
        hashed = self._base.copy()
        told = sentence.encode("utf-8", "surrogatepass")
        hashed.update(len(told).to_bytes(8, "big") + told)
        hashed.update(text.encode("utf-8", "surrogatepass"))
        return hashed.digest()

    async def _ask(self, key: bytes, rule: SoftAsk, text: CleanText) -> SoftVerdict:
        """Others who ask the same wait for it, and get None if this asker goes away first."""
        shared = self._asked[key] = asyncio.get_running_loop().create_future()
        verdict: SoftVerdict | None = None
        try:
            verdict = await self._inner.judge(rule, text)
        finally:
            del self._asked[key]
            shared.set_result(verdict)
        if verdict.status != "error" and verdict.score is not None:
            self._keep(key, (verdict.score, verdict.judge))
        return verdict

    def _keep(self, key: bytes, told: tuple[float, str]) -> None:
        self._kept[key] = told
        if len(self._kept) > self._entries:
            self._kept.popitem(last=False)


def _for(rule: SoftAsk, shared: SoftVerdict) -> SoftVerdict:
    """Another rule may ask the same sentence with another id and threshold."""
    if shared.status == "error" or shared.score is None:
        return soft.no_verdict(rule, shared.judge)
    return soft.verdict(rule, shared.score, shared.judge)
