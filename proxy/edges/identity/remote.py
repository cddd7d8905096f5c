"""Signing keys from an identity provider's URL, kept fresh in the background.

One task owns the HTTP session and does all fetching; callers only ask what is there. Keys outlive the
provider's absence by a stated time, then nobody is let in: a revoked key must not work for ever.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from http import HTTPStatus

import aiohttp
import orjson
import yarl

from proxy.edges.identity.jwks import MAX_BYTES, KeySet, KeysUnreadable, read_key_set
from proxy.engines import Clock
from proxy.errors import EngineUnavailable
from proxy.settings import Jwt

FETCH_S = 5.0
"""A provider that is alive answers a static document within a second."""

ASK_AGAIN_S = 10.0
"""Between two fetches, whatever tokens ask for: made-up key ids must not become a flood of fetches."""

KEEP_S = 3600.0
"""How long keys are used after the last good fetch: longer than a provider's restart, well under a day."""

DISCOVERY = "/.well-known/openid-configuration"
"""OpenID Connect Discovery 1.0 §4: appended to the issuer, without a slash at its end."""


class RemoteKeys:
    """`run` must be running: without it there are never any keys."""

    def __init__(self, settings: Jwt, clock: Clock) -> None:
        if settings.jwks_url is None and not settings.discovery:
            raise ValueError("jwks_url")
        self._url = settings.jwks_url
        self._issuer = settings.issuer
        self._algorithms: Sequence[str] = settings.algorithms
        self._refresh_s = settings.refresh_s
        self._keep_s = max(KEEP_S, 4 * settings.refresh_s)  # never let go between two ordinary fetches
        self._clock = clock
        self._keys: KeySet | None = None
        self._good_at = 0.0
        self._asked_at = float("-inf")
        self._fetching = self._failed = False
        self._wanted = asyncio.Event()
        self._attempted = asyncio.Event()

    def __repr__(self) -> str:
        return f"<RemoteKeys: {self._keys}>"

    def current(self) -> KeySet:
        """Raises EngineUnavailable when there are none yet, or none fresh enough."""
        if self._keys is None or self._clock.monotonic() - self._good_at > self._keep_s:
            raise EngineUnavailable("The identity provider's keys are not available.")
        return self._keys

    def problem(self) -> str | None:
        setting = "identity.jwt.jwks_url" if self._url else "identity.jwt.discovery"
        if self._keys is None:
            return f"no signing keys were read from {setting} yet"
        return f"{setting} gives no keys now; older ones are in use" if self._failed else None

    async def renewed(self) -> KeySet:
        """The keys after a fresh fetch, for a token whose key is not there: it may have been rotated in.

        Within ASK_AGAIN_S of the last fetch, those that are there.
        """
        if self._fetching or self._clock.monotonic() - self._asked_at >= ASK_AGAIN_S:
            attempted = self._attempted
            self._wanted.set()
            with contextlib.suppress(TimeoutError):  # then those that are there must do
                async with asyncio.timeout(FETCH_S + 1):
                    await attempted.wait()
        return self.current()

    async def run(self) -> None:
        """Fetch now, then every `refresh_s` and whenever wanted, until cancelled."""
        async with _session() as session:
            while True:
                await self._attempt(session)
                await self._pause()

    async def _attempt(self, session: aiohttp.ClientSession) -> None:
        self._fetching, self._asked_at = True, self._clock.monotonic()
        try:
            url = self._url or await _discovered(session, self._issuer)
            keys = read_key_set(await _fetched(session, url), self._algorithms)
            self._good_at, self._failed = self._clock.monotonic(), False
            if self._keys is None or self._keys.prints != keys.prints:
                self._keys = keys
        except (aiohttp.ClientError, TimeoutError, OSError, KeysUnreadable):
            self._failed = True  # the keys that are there grow older; `current` tells when they are too old
        finally:
            self._fetching = False
            self._wanted.clear()
            self._attempted.set()
            self._attempted = asyncio.Event()

    async def _pause(self) -> None:
        """Until the next fetch: sooner than usual after one that failed."""
        delay = min(ASK_AGAIN_S, self._refresh_s) if self._failed else self._refresh_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._wanted.wait()


def _session() -> aiohttp.ClientSession:
    """Without cookies, proxies from the environment or compression: one plain question to one named host."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=FETCH_S),
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        auto_decompress=False,
        trust_env=False,
    )


async def _discovered(session: aiohttp.ClientSession, issuer: str) -> str:
    """Where the issuer says that its keys are. No other place than its own is gone to: a host that the
    configuration does not name is for an operator to name, as jwks_url.

    "The issuer value returned MUST be identical to the Issuer URL that was directly used to retrieve the
    configuration information" (§4.3).
    """
    content = await _fetched(session, issuer.rstrip("/") + DISCOVERY)
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise KeysUnreadable("the issuer's configuration is not JSON") from None
    url = found.get("jwks_uri") if isinstance(found, dict) else None
    if not isinstance(url, str) or found.get("issuer") != issuer:
        raise KeysUnreadable("the issuer's configuration is another one's, or names no keys")
    if _origin(url) != _origin(issuer):
        raise KeysUnreadable("the issuer's keys are on another host: set jwks_url")
    return url


def _origin(url: str) -> tuple[str, str | None, int | None]:
    """Raises KeysUnreadable."""
    try:
        parts = yarl.URL(url)
    except ValueError:
        raise KeysUnreadable("the issuer's configuration names no URL") from None
    return parts.scheme, parts.host, parts.port


async def _fetched(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, allow_redirects=False) as answer:
        if answer.status != HTTPStatus.OK or answer.headers.get("Content-Encoding", "identity") != "identity":
            raise KeysUnreadable("the identity provider did not answer with a plain document")
        content = bytearray()
        async for piece in answer.content.iter_any():
            content += piece
            if len(content) > MAX_BYTES:
                raise KeysUnreadable("the key set is too large")
        return bytes(content)
