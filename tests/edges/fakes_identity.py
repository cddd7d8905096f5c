"""Keys, tokens and an identity provider for the identity tests: small, real and on loopback."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from proxy.edges.identity.jwks import KeySet, read_key_set
from proxy.settings import Jwt

NOW = 1_800_000_000.0
ISSUER = "https://issuer.example"
AUDIENCE = "sluicegate"

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.seconds = now

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def jwk(private: Any, key_id: str | None = "one", **more: Any) -> dict[str, Any]:
    """The public half as a JSON Web Key."""
    writers: tuple[tuple[type, Any], ...] = (
        (rsa.RSAPrivateKey, jwt.algorithms.RSAAlgorithm),
        (ec.EllipticCurvePrivateKey, jwt.algorithms.ECAlgorithm),
        (ed25519.Ed25519PrivateKey, jwt.algorithms.OKPAlgorithm),
    )
    writer = next(writer for kind, writer in writers if isinstance(private, kind))
    document: dict[str, Any] = json.loads(writer.to_jwk(private.public_key()))
    document.pop("key_ops", None)
    return document | ({"kid": key_id} if key_id is not None else {}) | more


def key_set(*keys: Mapping[str, Any]) -> bytes:
    return json.dumps({"keys": keys}).encode()


def token(
    claims: Mapping[str, Any] | None = None,
    *,
    key: Any = RSA,
    algorithm: str = "RS256",
    header: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
) -> str:
    """A good token of alice's, but for what is said otherwise."""
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": int(NOW) + 600,
        "groups": ["finance"],
        **(claims or {}),
    }
    kept = {name: value for name, value in whole.items() if name not in without}
    return jwt.encode(kept, key, algorithm, headers={"kid": "one", **(header or {})})


class StandingKeys:
    """Signing keys that are there from the start."""

    def __init__(self) -> None:
        self._keys = read_key_set(key_set(jwk(RSA)), ("RS256",))

    def current(self) -> KeySet:
        return self._keys

    async def renewed(self) -> KeySet:
        return self._keys


def settings(**changes: Any) -> Jwt:
    defaults: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "algorithms": ("RS256", "ES256", "EdDSA"),
    }
    return Jwt(**defaults | changes)


async def until(true: Callable[[], bool]) -> None:
    """Looks often, for at most five seconds."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.005)


class Provider:
    """Answers its key set, or whatever it is told to."""

    def __init__(self) -> None:
        self.content = key_set(jwk(RSA))
        self.configuration = b""  # of OpenID Connect Discovery
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[web.Request] = []
        self.url = ""
        self.open = asyncio.Event()  # answers wait for it
        self.open.set()
        self.endless = 0  # bytes that were sent of an answer without an end

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        await self.open.wait()
        if request.path == "/endless":
            return await self._endless(request)
        if request.path.endswith("/openid-configuration"):
            return web.Response(body=self.configuration)
        return web.Response(body=self.content, status=self.status, headers=self.headers)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with contextlib.suppress(ConnectionError):
            while self.endless < 64 * 1024 * 1024:
                await answer.write(b" " * 65_536)
                self.endless += 65_536
        return answer


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    serving = Provider()
    app = web.Application()
    app.router.add_get("/keys", serving.answer)
    app.router.add_get("/endless", serving.answer)
    app.router.add_get("/.well-known/openid-configuration", serving.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    serving.url = f"http://{host}:{port}/keys"
    try:
        yield serving
    finally:
        await runner.cleanup()
