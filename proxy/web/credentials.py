"""From a request and its connection to `Credentials`: everything that could say who calls.

What is not picked up here identifies nobody and goes no further: x-user, x-forwarded-user,
openai-organization and whatever else claims to be somebody. Nothing here is believed.
"""

from typing import Any, Final

from aiohttp import web

from proxy.exchange import CertificateNames, Credentials

SUBJECT_TOKEN: Final = "x-sluicegate-subject-token"  # noqa: S105  a header's name
FORWARDED_CERTIFICATE: Final = "x-forwarded-client-cert"
FORWARDED_CLAIMS: Final = "x-jwt-payload"
API_KEY: Final = "x-api-key"  # as Anthropic's clients send theirs


def credentials_of(request: web.BaseRequest) -> Credentials:
    transport = request.transport
    there = (lambda _name: None) if transport is None else transport.get_extra_info
    return Credentials(
        authorization=_values(request, "Authorization"),
        api_keys=_values(request, API_KEY),
        subject_tokens=_values(request, SUBJECT_TOKEN),
        forwarded_certificates=_values(request, FORWARDED_CERTIFICATE),
        forwarded_claims=_values(request, FORWARDED_CLAIMS),
        peer=_address(there("peername")),
        certificate=_names(there("peercert")),
    )


def _values(request: web.BaseRequest, name: str) -> tuple[str, ...]:
    return tuple(request.headers.getall(name, ()))


def _address(peer: Any) -> str:
    """A socket in the file system has a name that is no address."""
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""


def _names(certificate: Any) -> CertificateNames | None:
    """From what `ssl.SSLSocket.getpeercert` gives: empty for a certificate that was not verified."""
    if not certificate:
        return None
    alternative = certificate.get("subjectAltName", ())
    subject = (pair for attributes in certificate.get("subject", ()) for pair in attributes)
    return CertificateNames(
        uris=tuple(name for kind, name in alternative if kind == "URI"),
        dns=tuple(name for kind, name in alternative if kind == "DNS"),
        common_names=tuple(name for kind, name in subject if kind == "commonName"),
    )
