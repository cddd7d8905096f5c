"""Where an upstream is and what opens it, from the settings alone: never from anything a caller sent."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from yarl import URL

from proxy.errors import ConfigInvalid
from proxy.settings import Upstream

_PREFIX: Final = re.compile(
    r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*"
)  # no dots alone, no escapes, no empty parts
_HOST: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|[0-9A-Fa-f:.]+")
_KEY: Final = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True)
class Target:
    """Where one upstream is. `socket`: its Unix socket, if it listens on one."""

    base: str
    socket: str | None = None
    key: str | None = field(default=None, repr=False)

    def url(self, path: str) -> URL:
        """Of a route from our own tables, written as it is."""
        return URL(f"{self.base}{path}", encoded=True)


def target_of(upstream: Upstream) -> Target:
    """From `http(s)://host[:port][/prefix][/v1]` or `unix:/path`, and the key file. Raises ConfigInvalid."""
    key = _read_key(upstream)
    if upstream.url.startswith("unix:/"):
        base, socket = "http://localhost", upstream.url.removeprefix("unix:")
    else:
        base, socket = _base(upstream), None
    return Target(base, socket, key)


def _base(upstream: Upstream) -> str:
    try:
        parts = urlsplit(upstream.url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _invalid(upstream, "url: is not a URL") from None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise _invalid(upstream, "url: must be http://host:port, https://host:port or unix:/path")
    if parts.username is not None or parts.query or parts.fragment or parts.password is not None:
        raise _invalid(upstream, "url: takes no user, query or fragment; a key belongs into key_file")
    prefix = parts.path.rstrip("/").removesuffix("/v1")
    if not _PREFIX.fullmatch(prefix):
        raise _invalid(upstream, "url: the path must be plain")
    authority = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{authority}{'' if port is None else f':{port}'}{prefix}"


def _read_key(upstream: Upstream) -> str | None:
    if upstream.key_file is None:
        return None
    try:
        key = upstream.key_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise _invalid(upstream, "key_file: cannot be read") from None
    if not _KEY.fullmatch(key):
        raise _invalid(upstream, "key_file: must hold one key of printable ASCII without spaces")
    return key


def _invalid(upstream: Upstream, problem: str) -> ConfigInvalid:
    return ConfigInvalid([f"upstreams: {upstream.name}: {problem}"])
