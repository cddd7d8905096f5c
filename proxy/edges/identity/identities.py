"""Who asks, from the Authorization header and nothing else: API keys, JWT, or anonymous if configured.

Every refusal is the same refusal. What a caller sends in any other header or in the body identifies nobody.
"""

import re

from proxy.edges.identity.keys import PREFIX, ApiKeys
from proxy.edges.identity.remote import RemoteKeys
from proxy.edges.identity.tokens import FileKeys, JwtIdentity
from proxy.engines import Clock
from proxy.errors import ConfigInvalid, Unauthenticated
from proxy.exchange import Identity, Subject
from proxy.settings import Identity as Settings

ANONYMOUS = Identity(Subject("anonymous"), "anonymous", "anonymous")
"""In no group: policies grant it nothing unless they name it."""

REFUSAL = "A valid API key or token is needed."

# RFC 6750 §2.1; the scheme's name is case-insensitive (RFC 9110 §11.1).
_BEARER = re.compile(r"(?i:bearer) +(?P<token>[A-Za-z0-9._~+/-]+=*)")
_DOTS_OF_A_JWT = 2


class Identities:
    """Implements `engines.IdentityProvider`. With keys from a URL, `run` must be running."""

    def __init__(
        self,
        *,
        keys: ApiKeys | None = None,
        tokens: JwtIdentity | None = None,
        remote: RemoteKeys | None = None,
        anonymous: bool = False,
    ) -> None:
        self._keys = keys
        self._tokens = tokens
        self._remote = remote
        self._anonymous = anonymous

    def __repr__(self) -> str:
        return f"<Identities: {self._keys}, {self._tokens}, anonymous={self._anonymous}>"

    @classmethod
    def read(cls, settings: Settings, clock: Clock) -> "Identities":
        """From the files that the settings name. Raises ConfigInvalid with the problems of all of them."""
        problems: list[str] = []
        keys: ApiKeys | None = None
        tokens: JwtIdentity | None = None
        remote: RemoteKeys | None = None
        if settings.keys_file:
            try:
                keys = ApiKeys.read(settings.keys_file, clock)
            except ConfigInvalid as error:
                problems += error.problems
        if settings.jwt and settings.jwt.jwks_url:
            remote = RemoteKeys(settings.jwt, clock)
            tokens = JwtIdentity(settings.jwt, remote, clock)
        elif settings.jwt and settings.jwt.jwks_file:
            try:
                tokens = JwtIdentity(settings.jwt, FileKeys.read(settings.jwt.jwks_file, settings.jwt), clock)
            except ConfigInvalid as error:
                problems += error.problems
        if problems:
            raise ConfigInvalid(problems)
        return cls(keys=keys, tokens=tokens, remote=remote, anonymous=settings.anonymous)

    async def identify(self, authorization: str | None) -> Identity:
        found = await self._identify(authorization)
        if found is None:
            raise Unauthenticated(REFUSAL)
        return found

    async def run(self) -> None:
        """Keeps the signing keys fresh until cancelled. Ends at once where nothing needs it."""
        if self._remote:
            await self._remote.run()

    def problem(self) -> str | None:
        """What keeps tokens from being checked, for the readiness of the proxy; None when nothing does."""
        return self._remote.problem() if self._remote else None

    async def _identify(self, authorization: str | None) -> Identity | None:
        if self._anonymous and (authorization is None or not (self._keys or self._tokens)):
            return ANONYMOUS  # an SDK always sends some key; where nothing can check it, it says nothing
        found = _BEARER.fullmatch(authorization or "")
        if found is None:
            return None
        token = found["token"]
        if token.startswith(PREFIX):
            return self._keys.identify(token) if self._keys else None
        if self._tokens and token.count(".") == _DOTS_OF_A_JWT:
            return await self._tokens.identify(token)
        return None
