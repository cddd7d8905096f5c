"""The `opa` engine: a real OPA server, over HTTP or a unix socket.

One path, one question, one answer: everything is in the input. What is not a whole decision of the right
revision in time raises EngineUnavailable: OPA answers 200 with `{}` where a rule is undefined.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import orjson
from opa_client.opa_async import AsyncOpaClient

from proxy import policy
from proxy.errors import ConfigInvalid, EngineUnavailable
from proxy.exchange import Json
from proxy.verdict import Decision

PACKAGE, RULE = "gateway.main", "decision"

# `opa run -b` and the bundle service tell the revision of each bundle there.
PROVENANCE = {"provenance": "true"}


class OpaEngine:
    """A `PolicyEngine`. Its policies may ask the clock or the world, so nothing is cached."""

    pure = False

    def __init__(self, client: "BoundClient", *, deadline_s: float, revision: str | None) -> None:
        """`revision`: decisions of any other bundle revision are refused."""
        self._client = client
        self._deadline_s = deadline_s
        self._wanted = revision
        self._seen = revision or ""

    @classmethod
    async def open(
        cls,
        *,
        url: str | None,
        socket: Path | None,
        token: str | None,
        deadline_s: float,
        revision: str | None,
    ) -> "OpaEngine":
        """One of `url` and `socket`. Nothing is asked yet: an OPA that is away blocks each exchange."""
        client = BoundClient(url or "http://localhost", socket, token)
        await client.open()
        return cls(client, deadline_s=deadline_s, revision=revision)

    @property
    def revision(self) -> str:
        """As pinned, else as the last decision told."""
        return self._seen

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        return await self.decide_bytes(orjson.dumps(document))

    async def decide_bytes(self, document: bytes) -> Decision:
        """The decision on the JSON of an input document. Raises EngineUnavailable."""
        answer = await self._ask(document)
        if type(answer) is not dict or "result" not in answer:
            raise EngineUnavailable("The policy server gave no decision.")
        revision = _revision(answer.get("provenance"))
        if self._wanted is not None and revision != self._wanted:
            raise EngineUnavailable("The policy server has other policies than it should have.")
        self._seen = revision
        return policy.parse_decision(answer["result"], revision)

    async def healthy(self) -> bool:
        """Whether the server has loaded its policies and answers."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._client.bundles_active()
        except TimeoutError:
            return False

    async def ended(self) -> None:
        """Never returns: whether that server runs is not our business."""
        await asyncio.Event().wait()

    async def restart(self) -> None:
        """Not ours to start."""

    async def close(self) -> None:
        await self._client.close_connection()

    async def _ask(self, document: bytes) -> Json:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._client.query_rule(orjson.Fragment(document), PACKAGE, RULE, PROVENANCE)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise EngineUnavailable("The policy server did not answer.") from error


class BoundClient(AsyncOpaClient):  # type: ignore[misc]  # the library has no types
    """The library's client with nothing left open: no cookies, redirects, proxies or second tries.

    A second try after half of the deadline would only be late; the deadline is the engine's.
    """

    def __init__(self, url: str, socket: Path | None, token: str | None) -> None:
        parts = urlsplit(url)
        super().__init__(
            host=parts.hostname or "localhost",
            ssl=parts.scheme == "https",
            token=token,
            retries=0,
            timeout=None,
        )
        self.root_url = f"{url.rstrip('/')}/v1"
        self._base = url.rstrip("/")
        self._socket = socket

    async def open(self) -> None:
        connector = (
            aiohttp.TCPConnector() if self._socket is None else aiohttp.UnixConnector(str(self._socket))
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={**(self.headers or {}), "Accept-Encoding": "identity"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(),
            trust_env=False,
            json_serialize=lambda value: orjson.dumps(value).decode(),
        )

    @asynccontextmanager
    async def _request(self, method: str, url: str, **options: Json) -> AsyncIterator[aiohttp.ClientResponse]:
        """Leaving before the answer was read closes its connection, or the next question would get it."""
        async with self._session.request(method, url, allow_redirects=False, **options) as response:
            yield response

    async def bundles_active(self) -> bool:
        """By the library's own question, at the server's own place."""
        return bool(await self.check_health({"bundles": True}, f"{self._base}/health"))


def read_token(path: Path | None) -> str | None:
    """Raises ConfigInvalid; never tells what is in the file."""
    if path is None:
        return None
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid([f"{path}: cannot be read as a token"]) from error
    if not token or any(character.isspace() for character in token):
        raise ConfigInvalid([f"{path}: holds no token"])
    return token


def _revision(provenance: Json) -> str:
    """Of the bundle that owns the gateway; an OPA that tells none has the empty revision."""
    if type(provenance) is not dict:
        return ""
    bundles = provenance.get("bundles")
    if type(bundles) is not dict or not bundles:
        return str(provenance.get("revision", ""))
    return "+".join(str(bundles[name].get("revision", "")) for name in sorted(bundles))
