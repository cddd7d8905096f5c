"""What was found in a text before: a chat sends its whole history again with every turn.

The key is a keyed hash of the text, of what was looked for and of what looked: people choose the text, and
must not be able to choose where it is kept. No text is kept, only where its entities stand.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from proxy.engines import Recogniser
from proxy.redact.spans import Span
from proxy.verdict import KindPlan

_KEY_BYTES = 16  # two texts with one key: not in the lifetime of anything
_ENTRY_BYTES = 300  # a key, a tuple and a place in an ordered dictionary
_PLANS = 256  # remembered by identity: some groups of people, each with one for prompts and one for answers
_SPAN_BYTES = 200  # a span with its numbers; kinds are shared

Found = tuple[Span, ...]


class CachedRecogniser:
    """A `Recogniser` that asks another one only about texts it has not seen.

    `max_bytes`: estimated memory; the least recently used go first. `revision`: of the inner recogniser, with
    everything its findings depend on. `key`: random, 16 to 64 bytes, made for this process.
    Callers that want the same text at once share one question. If that fails or is cancelled, the others ask
    for themselves: a failure can be of the asker's making (its other texts, its deadline), and is never kept.
    """

    def __init__(self, inner: Recogniser, *, max_bytes: int, revision: str, key: bytes) -> None:
        self._inner = inner
        self._max_bytes = max_bytes
        self._base = blake2b(revision.encode(), key=key, digest_size=_KEY_BYTES)
        self._kept: OrderedDict[bytes, Found] = OrderedDict()
        self._bytes = 0
        self._asked: dict[bytes, asyncio.Future[Found | None]] = {}
        self._plans: dict[int, tuple[Sequence[KindPlan], blake2b]] = {}
        self.hits = 0
        self.misses = 0

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        if not plan:
            return [() for _ in texts]
        keys = self._keys(texts, plan)
        found = {key: spans for key in keys if (spans := self._known(key)) is not None}
        if len(found) < len(keys):
            wanted = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
            found |= await self._missing(wanted, plan)
        return [found[key] for key in keys]

    def _keys(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[bytes]:
        hashed = self._plan_hash(plan)
        keys = []
        for text in texts:
            one = hashed.copy()
            one.update(text.encode("utf-8", "surrogatepass"))
            keys.append(one.digest())
        return keys

    def _plan_hash(self, plan: Sequence[KindPlan]) -> blake2b:
        """Of the revision and the plan. The same tuples come again and again; a list is never kept.

        Known by their identity, which is theirs alone while they are kept.
        """
        kept = self._plans.get(id(plan))
        if kept is not None and kept[0] is plan:
            return kept[1]
        hashed = self._base.copy()
        hashed.update(repr(sorted((wanted.kind, wanted.score) for wanted in plan)).encode() + b"\0")
        if isinstance(plan, tuple):
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[id(plan)] = (plan, hashed)
        return hashed

    def _known(self, key: bytes) -> Found | None:
        found = self._kept.get(key)
        if found is None:
            self.misses += 1
            return None
        self._kept.move_to_end(key)
        self.hits += 1
        return found

    async def _missing(self, wanted: Mapping[bytes, str], plan: Sequence[KindPlan]) -> dict[bytes, Found]:
        """Ask about what nobody asks about yet; take the rest from those who do."""
        ours = {key: text for key, text in wanted.items() if key not in self._asked}
        theirs = {key: self._asked[key] for key in wanted if key not in ours}
        found = await self._ask(ours, plan) if ours else {}
        left: dict[bytes, str] = {}
        for key, shared in theirs.items():
            spans = await asyncio.shield(shared)
            if spans is None:
                left[key] = wanted[key]
            else:
                found[key] = spans
        return found | (await self._inner_ask(left, plan) if left else {})

    async def _ask(self, ours: Mapping[bytes, str], plan: Sequence[KindPlan]) -> dict[bytes, Found]:
        """Ask, and let others who want the same wait for it. They get None when it fails, however it does."""
        loop = asyncio.get_running_loop()
        shared = {key: loop.create_future() for key in ours}
        self._asked |= shared
        found: dict[bytes, Found] = {}
        try:
            found = await self._inner_ask(ours, plan)
        finally:
            for key, waiting in shared.items():
                del self._asked[key]
                waiting.set_result(found.get(key))
        return found

    async def _inner_ask(self, wanted: Mapping[bytes, str], plan: Sequence[KindPlan]) -> dict[bytes, Found]:
        answers = await self._inner.recognise(list(wanted.values()), plan)
        found = dict(zip(wanted, answers, strict=True))
        for key, spans in found.items():
            self._keep(key, spans)
        return found

    def _keep(self, key: bytes, spans: Found) -> None:
        if key in self._kept:
            return
        self._kept[key] = spans
        self._bytes += _cost(spans)
        while self._bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _cost(oldest)


def _cost(spans: Found) -> int:
    return _ENTRY_BYTES + _SPAN_BYTES * len(spans)
