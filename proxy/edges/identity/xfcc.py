"""The header `x-forwarded-client-cert` as Envoy writes it → the names in the certificate it tells of. No I/O.

A list of elements, one for each proxy on the way, each `key=value` pairs; values that hold one of `,;=` stand
in double quotes. Whether the peer that sent it may be believed is decided elsewhere.
"""

import re
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import NameOID

from proxy.exchange import CertificateNames

_PAIR = re.compile(
    r'(?P<key>[A-Za-z]{1,16})=(?:"(?P<quoted>(?:[^"\\]|\\[^\\])*)"|(?P<plain>[^",;\\]*))(?P<end>[,;]|$)'
)
_TEXT = re.compile(r"[\x20-\x7e]+")  # what Envoy writes; the rest it has escaped
_OVERRIDES = {"emailAddress": NameOID.EMAIL_ADDRESS}  # as OpenSSL calls it; RFC 4514 has no name for it


class XfccMalformed(ValueError):
    """The words quote nothing of the header."""


def last_element(value: str) -> CertificateNames:
    """The names of the last element alone. Raises XfccMalformed.

    Only the peer that we are connected to is trusted, and it appends: what stands further left is what it was
    sent, by whomever. That part has to be well-formed all the same, or nobody knows where the last begins.
    """
    pairs = list(_elements(value))[-1]
    uris = tuple(text for key, text in pairs if key == "uri" and text)
    dns = tuple(text for key, text in pairs if key == "dns" and text)
    subjects = [text for key, text in pairs if key == "subject" and text]
    if len(subjects) > 1:
        raise XfccMalformed("a certificate has one subject")
    return CertificateNames(uris, dns, _common_names(subjects[0]) if subjects else ())


def _elements(value: str) -> Iterator[list[tuple[str, str]]]:
    """ "The keys are case-insensitive, the values are case-sensitive." """
    if not _TEXT.fullmatch(value):
        raise XfccMalformed("not visible ASCII")
    pairs: list[tuple[str, str]] = []
    at, end = 0, ","
    while end:
        found = _PAIR.match(value, at)
        if found is None:
            raise XfccMalformed("not `key=value` pairs")
        quoted = found["quoted"]
        text = found["plain"] if quoted is None else quoted.replace('\\"', '"')
        pairs.append((found["key"].lower(), text))
        at, end = found.end(), found["end"]
        if end != ";":
            yield pairs
            pairs = []
        if end == ",":  # between lines of one header other proxies put a space
            at += value.startswith(" ", at)


def _common_names(subject: str) -> tuple[str, ...]:
    """None where the subject is written in another way than RFC 4514 has it."""
    try:
        name = x509.Name.from_rfc4514_string(subject, _OVERRIDES)
    except ValueError:
        return ()
    return tuple(str(part.value) for part in name.get_attributes_for_oid(NameOID.COMMON_NAME))
