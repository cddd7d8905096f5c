"""The names in a client certificate → who it is, by the table of the configuration. No I/O.

TLS, or a trusted peer, has verified the certificate; a name that fits no line of the table says nothing.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from proxy.edges.identity.proof import Proof
from proxy.exchange import CertificateNames, Identity, Subject
from proxy.settings import Certificate

Method = Literal["client_certificate", "forwarded_certificate"]

MAX_NAME: Final = 256
"""Characters of a name, as everywhere among subjects; a SPIFFE id may have 2048, but no policy names one."""

_WORD = re.compile(r"\{([a-z_]{1,32})\}")
_PRINTED = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")


class Ambiguous(Exception):
    """A certificate that could be two callers is none."""


@dataclass(frozen=True, slots=True)
class _Line:
    kind: Literal["uris", "dns", "common_names"]
    pattern: re.Pattern[str]
    settings: Certificate


class Certificates:
    def __init__(self, table: Sequence[Certificate]) -> None:
        self._lines = [_line(settings) for settings in table]

    def __repr__(self) -> str:
        return f"<Certificates: {len(self._lines)} lines>"

    def __bool__(self) -> bool:
        return bool(self._lines)

    def find(self, names: CertificateNames, method: Method) -> Proof | None:
        """By the first line that fits; None if none does. Raises Ambiguous.

        "An X.509 SVID MUST contain exactly one URI SAN, and by extension, exactly one SPIFFE ID" (SPIFFE
        X509-SVID §2); so where a line fits two names of a certificate, it is nobody's.
        """
        if sum(uri.startswith("spiffe:") for uri in names.uris) > 1:
            raise Ambiguous
        for line in self._lines:
            found = set(_found(line, names, method))
            if len(found) > 1:
                raise Ambiguous
            if found:
                return found.pop()
        return None


def words_of(pattern: str) -> frozenset[str]:
    """The `{words}` of a name with parts left open."""
    return frozenset(_WORD.findall(pattern))


def _line(settings: Certificate) -> _Line:
    if settings.uri:
        return _Line("uris", _compiled(settings.uri, "[^/]"), settings)
    if settings.dns:
        return _Line("dns", _compiled(settings.dns.lower(), "[^.]"), settings)
    return _Line("common_names", _compiled(settings.common_name, "[^/]"), settings)


def _compiled(pattern: str, letter: str) -> re.Pattern[str]:
    """A word that stands twice has to mean the same twice."""
    parts: list[str] = []
    seen: set[str] = set()
    for index, part in enumerate(_WORD.split(pattern)):
        if index % 2 == 0:
            parts.append(re.escape(part))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>{letter}+)")
            seen.add(part)
    return re.compile("".join(parts))


def _found(line: _Line, names: CertificateNames, method: Method) -> Iterator[Proof]:
    for name in getattr(names, line.kind):
        shown = name.lower() if line.kind == "dns" else name  # DNS names have no case (RFC 4343)
        fitting = line.pattern.fullmatch(shown) if _PRINTED.fullmatch(shown) else None
        if fitting:
            yield _proof(line.settings, fitting.groupdict(), method)


def _proof(settings: Certificate, words: dict[str, str], method: Method) -> Proof:
    subject = _filled(settings.subject, words)
    actor = _filled(settings.actor, words) if settings.actor else subject
    if max(len(subject), len(actor)) > MAX_NAME:
        raise Ambiguous
    named = Subject(subject, settings.tenant, settings.groups, settings.clearances)
    return Proof(Identity(named, actor, method), settings.may_act)


def _filled(template: str, words: dict[str, str]) -> str:
    return _WORD.sub(lambda word: words[word[1]], template)
