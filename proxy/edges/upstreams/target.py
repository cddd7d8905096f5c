"""Where a server is, from the settings alone: never from anything a caller sent."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from proxy.errors import ConfigInvalid

_PREFIX: Final = re.compile(
    r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*"
)  # no dots alone, no escapes, no empty parts
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_ADDRESS: Final = re.compile(r"[0-9A-Fa-f:.]+")
_LONGEST_LABEL: Final = 63  # RFC 1035, section 2.3.4; the resolver raises something else for more
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """`authority`: as it stands in the Host field. `prefix`: before every path. `socket`: its Unix socket."""

    host: str
    port: int
    authority: str
    prefix: str = ""
    tls: bool = False
    socket: str | None = None

    @property
    def place(self) -> str:
        """For people."""
        return self.socket or self.authority


def target_of(url: str, upstream: str) -> Target:
    """From `http(s)://host[:port][/prefix][/v1]` or `unix:/path`. Raises ConfigInvalid."""
    if url.startswith("unix:/"):
        return Target("localhost", 0, "localhost", socket=url.removeprefix("unix:"))
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _invalid(upstream, "url: is not a URL") from None
    if parts.scheme not in _PORTS or not _is_host(host) or port == 0:
        raise _invalid(upstream, "url: must be http://host:port, https://host:port or unix:/path")
    if parts.username is not None or parts.query or parts.fragment or parts.password is not None:
        raise _invalid(upstream, "url: takes no user, query or fragment; a key belongs into key_file")
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    if not _PREFIX.fullmatch(prefix):
        raise _invalid(upstream, "url: the path must be plain")
    authority = f"[{host}]" if ":" in host else host
    return Target(
        host,
        port or _PORTS[parts.scheme],
        authority if port is None else f"{authority}:{port}",
        prefix,
        tls=parts.scheme == "https",
    )


def _is_host(host: str) -> bool:
    if _ADDRESS.fullmatch(host) and ":" in host:
        return True
    labels = host.split(".")
    return bool(_NAME.fullmatch(host)) and all(len(label) <= _LONGEST_LABEL for label in labels)


def _invalid(upstream: str, problem: str) -> ConfigInvalid:
    return ConfigInvalid([f"upstreams: {upstream}: {problem}"])
