"""The `identity` group of the settings → `Identities`, with what keeps its keys fresh."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from proxy.edges.identity.certificates import Certificates
from proxy.edges.identity.identities import Identities, Ways
from proxy.edges.identity.keys import ApiKeys
from proxy.edges.identity.peers import TrustedPeers
from proxy.edges.identity.remote import RemoteKeys
from proxy.edges.identity.tokens import FileKeys, Issuers, JwtIdentity, KeySource, read_key_file
from proxy.edges.kept import LOOK_S, Kept
from proxy.edges.log import Log
from proxy.engines import Clock
from proxy.errors import ConfigInvalid
from proxy.exchange import Credentials, Identity
from proxy.settings import Identity as Settings
from proxy.settings import Jwt

Made = TypeVar("Made")


class LiveIdentities:
    """Implements `engines.IdentityProvider`. With keys from a URL, `run` must be running."""

    def __init__(
        self, identities: Identities, files: Sequence[Kept[Any]], remotes: Sequence[RemoteKeys]
    ) -> None:
        self._identities = identities
        self._files = files
        self._remotes = remotes

    def __repr__(self) -> str:
        return repr(self._identities)

    async def identify(self, credentials: Credentials) -> Identity:
        return await self._identities.identify(credentials)

    async def run(self, every_s: float = LOOK_S) -> None:
        """Keeps all keys fresh until cancelled. Ends at once where nothing needs it."""
        async with asyncio.TaskGroup() as group:
            for remote in self._remotes:
                group.create_task(remote.run())
            for file in self._files:
                group.create_task(file.run(every_s))

    async def reload(self) -> None:
        """Reads all files anew, changed or not."""
        for file in self._files:
            await file.reload()

    def problem(self) -> str | None:
        """What keeps tokens from being checked, for the readiness of the proxy; None when nothing does."""
        return "; ".join(words for remote in self._remotes if (words := remote.problem())) or None

    def stale(self) -> str | None:
        """Why a file is not in use as it is on disk; the last good one is."""
        return "\n".join(file.problem for file in self._files if file.problem) or None


def read_identities(settings: Settings, clock: Clock, log: Log | None = None) -> LiveIdentities:
    """Blocking. From the files that the settings name; raises ConfigInvalid with the problems of all."""
    opening = _Opening(settings, clock, log)
    ways = Ways(
        keys=opening.keys(),
        tokens=opening.tokens(),
        certificates=Certificates(settings.certificates),
        peers=TrustedPeers(settings.trusted_peers),
        peer_issuers={jwt.issuer: jwt for jwt in settings.jwt if jwt.peer_claims},
        agents={agent.id: agent for agent in settings.agents},
        anonymous=settings.anonymous,
    )
    if opening.problems:
        raise ConfigInvalid(opening.problems)
    return LiveIdentities(Identities(ways, clock), opening.files, opening.remotes)


class _Opening:
    """Opens one file after the other, and gathers the problems of all of them."""

    def __init__(self, settings: Settings, clock: Clock, log: Log | None) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self.problems: list[str] = []
        self.files: list[Kept[Any]] = []
        self.remotes: list[RemoteKeys] = []

    def keys(self) -> Kept[ApiKeys] | None:
        path = self._settings.keys_file
        if path is None:
            return None
        read = partial(ApiKeys.read, path, self._clock)
        return self._tried(lambda: Kept("identity.keys_file", [path], read, self._log))

    def tokens(self) -> Issuers | None:
        sources = [(jwt, self._source(jwt)) for jwt in self._settings.jwt]
        issuers = [JwtIdentity(jwt, source, self._clock) for jwt, source in sources if source]
        return Issuers(issuers) if issuers else None

    def _source(self, jwt: Jwt) -> KeySource | None:
        if jwt.jwks_url or jwt.discovery:
            self.remotes.append(RemoteKeys(jwt, self._clock))
            return self.remotes[-1]
        path = jwt.jwks_file
        if path is None:
            return None
        read = partial(read_key_file, path, jwt.algorithms)
        kept = self._tried(lambda: Kept("identity.jwt.jwks_file", [path], read, self._log))
        return FileKeys(kept) if kept else None

    def _tried(self, make: Callable[[], Kept[Made]]) -> Kept[Made] | None:
        try:
            kept = make()
        except ConfigInvalid as error:
            self.problems += error.problems
            return None
        self.files.append(kept)
        return kept
