"""How a server knows us, and we it: the bearer key and the certificates, from files that may change.

Whatever is in use was whole when it was read. A file that has become unreadable changes only `problem`.
"""

import re
import ssl
from pathlib import Path
from typing import Final

from proxy.errors import ConfigInvalid
from proxy.settings import Upstream

_KEY: Final = re.compile(r"[\x21-\x7e]{1,4096}")

Stamp = tuple[tuple[int, int, int], ...]


class Credentials:
    """Of one upstream. Reading blocks: make it, and `reload` it, in a thread."""

    def __init__(self, upstream: Upstream, *, tls: bool) -> None:
        """Raises ConfigInvalid with what is wrong with a file."""
        self._upstream = upstream
        self._tls = tls
        self._stamp = self._now()
        self.key: str | None = None
        self.context: ssl.SSLContext | None = None
        self.problem = ""
        self._read()

    def __repr__(self) -> str:
        return f"<Credentials for {self._upstream.name}>"

    @property
    def from_files(self) -> bool:
        """Whether there is anything that could change."""
        return bool(self._files())

    def reload(self) -> None:
        """Take what has changed on disk. New requests use it; a connection that is open stays as it is."""
        stamp = self._now()
        if stamp == self._stamp:
            return
        try:
            self._read()
        except ConfigInvalid as invalid:
            self.problem = invalid.problems[0]
            return  # and it is tried again, for it may be half written
        self._stamp = stamp
        self.problem = ""

    def _read(self) -> None:
        key = _read_key(self._upstream)
        context = _context(self._upstream) if self._tls else None
        self.key, self.context = key, context

    def _files(self) -> list[Path]:
        upstream, tls = self._upstream, self._upstream.tls
        return [
            file
            for file in (upstream.key_file, tls.ca_file, tls.cert_file, tls.cert_key_file)
            if file is not None
        ]

    def _now(self) -> Stamp:
        """Changes whenever a file does; also when it is replaced, as Kubernetes does with a whole folder."""
        return tuple(_stamp(file) for file in self._files())


def _stamp(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)


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


def _context(upstream: Upstream) -> ssl.SSLContext:
    """Names and chains are checked, always. Not `ssl.create_default_context`: it would write the keys of the
    sessions to wherever the environment says (SSLKEYLOGFILE)."""
    tls = upstream.tls
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        if tls.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(tls.ca_file)
    except (OSError, ssl.SSLError):
        raise _invalid(upstream, "tls.ca_file: holds no certificates that can be read") from None
    if tls.cert_file is not None:
        try:
            # A key under a pass-phrase would make OpenSSL ask on the terminal: refuse it instead.
            context.load_cert_chain(tls.cert_file, tls.cert_key_file, password=b"")
        except (OSError, ssl.SSLError):
            words = "tls.cert_file: must be a certificate, with its unencrypted key there or in cert_key_file"
            raise _invalid(upstream, words) from None
    return context


def _invalid(upstream: Upstream, problem: str) -> ConfigInvalid:
    return ConfigInvalid([f"upstreams: {upstream.name}: {problem}"])
