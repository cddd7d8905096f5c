"""From a request to `Credentials`: five headers, the address and the certificate, and nothing else."""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy.exchange import Credentials
from proxy.web.credentials import credentials_of
from tests.edges.fakes_certificates import Authority
from tests.web.fakes_front import House, body_of, get, house, talk

LEDGER = "spiffe://acme/ns/pay/sa/ledger"


async def show(request: web.BaseRequest, _request_id: str) -> web.StreamResponse:
    return web.json_response(asdict(credentials_of(request)))


@asynccontextmanager
async def showing(tls: ssl.SSLContext | None = None) -> AsyncIterator[House]:
    async with house(get("/show", show), tls=(lambda: tls) if tls else None) as there:
        yield there


async def shown(headers: str) -> dict[str, Any]:
    """What is picked up of a request with these header lines, over a plain connection."""
    async with showing() as there:
        answer = await talk(there, f"GET /show HTTP/1.1\r\nHost: a\r\n{headers}\r\n".encode("latin-1"))
    found: dict[str, Any] = body_of(answer)
    return found


NOTHING = json.loads(json.dumps(asdict(Credentials(peer="127.0.0.1"))))


async def test_each_header_comes_to_its_place_with_all_its_values() -> None:
    assert await shown(
        "Authorization: Bearer a\r\nX-Api-Key: b\r\nx-api-key: c\r\nX-Sluicegate-Subject-Token: d\r\n"
        "X-Forwarded-Client-Cert: URI=e\r\nX-Forwarded-Client-Cert: URI=f\r\nX-JWT-Payload: g\r\n"
        "authorization: Bearer h\r\n"
    ) == {
        **NOTHING,
        "authorization": ["Bearer a", "Bearer h"],
        "api_keys": ["b", "c"],
        "subject_tokens": ["d"],
        "forwarded_certificates": ["URI=e", "URI=f"],
        "forwarded_claims": ["g"],
    }


@pytest.mark.parametrize(
    "line",
    [
        "X-User: root",
        "X-Forwarded-User: root",
        "X-Forwarded-Email: root@example.com",
        "X-Forwarded-For: 10.0.0.7",
        "X-Real-IP: 10.0.0.7",
        "Forwarded: for=10.0.0.7",
        "X-Remote-User: root",
        "X-Amzn-Oidc-Identity: root",
        "X-Goog-Authenticated-User-Email: root",
        "X-SSL-Client-S-DN: CN=root",
        "X-Client-Cert: root",
        "X_Forwarded_Client_Cert: URI=root",
        "X_Api_Key: root",
        "OpenAI-Organization: root",
        "OpenAI-Project: root",
        "Proxy-Authorization: Bearer root",
        "Cookie: session=root",
        "api-key: root",
        "X-Sluicegate-Subject: root",
        "X-Sluicegate-Actor: root",
    ],
)
async def test_whatever_else_claims_to_be_somebody_is_not_picked_up(line: str) -> None:
    assert await shown(f"{line}\r\n") == NOTHING


@pytest.fixture
def authority() -> Authority:
    return Authority()


def contexts(
    authority: Authority, folder: Path, demand: ssl.VerifyMode
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The front's, and that of a caller who shows a certificate."""
    server = authority.server(folder, ask=True)
    server.verify_mode = demand
    client = ssl.create_default_context(cafile=str(authority.file(folder)))
    ours = authority.files(folder, "ledger", hosts=("ledger.example", "LEDGER"), uris=(LEDGER, "https://a"))
    client.load_cert_chain(ours.certificate, ours.key)
    return server, client


@pytest.mark.parametrize("demand", [ssl.CERT_REQUIRED, ssl.CERT_OPTIONAL, ssl.CERT_NONE])
async def test_the_names_of_a_verified_certificate_are_told(
    authority: Authority, tmp_path: Path, demand: ssl.VerifyMode
) -> None:
    server, client = contexts(authority, tmp_path, demand)
    async with showing(server) as there:
        answer = await talk(there, b"GET /show HTTP/1.1\r\nHost: a\r\n\r\n", tls=client)
    expected = {
        "uris": [LEDGER, "https://a"],
        "dns": ["ledger.example", "LEDGER"],
        "common_names": ["ledger"],
    }
    assert body_of(answer)["certificate"] == (None if demand is ssl.CERT_NONE else expected)
    assert body_of(answer)["peer"] == "127.0.0.1"
