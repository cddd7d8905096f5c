"""The recogniser that the settings ask for: Presidio behind a cache, or none, which refuses every plan."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from proxy.edges.presidio.cache import CachedRecogniser
from proxy.edges.presidio.pool import PresidioPool
from proxy.engines import Recogniser
from proxy.errors import EngineUnavailable
from proxy.redact.spans import Span
from proxy.settings import Redaction
from proxy.verdict import KindPlan


class NoRecogniser:
    """Nothing was planned, nothing is found; a plan that nobody can carry out is refused."""

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        if plan:
            raise EngineUnavailable("The policies demand redaction, and no recogniser is configured.")
        return [() for _ in texts]


@asynccontextmanager
async def open_recogniser(settings: Redaction) -> AsyncIterator[Recogniser]:
    """Ready when this is entered. Raises ConfigInvalid or EngineUnavailable."""
    if settings.engine == "none":
        yield NoRecogniser()
        return
    pool = PresidioPool(settings)
    await pool.start()
    try:
        yield CachedRecogniser(
            pool, max_bytes=settings.cache_bytes, revision=pool.revision, key=secrets.token_bytes(32)
        )
    finally:
        await pool.close()
