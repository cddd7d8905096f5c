"""Who calls, through the whole program: TLS, certificates, trusted peers, on-behalf-of, keys that change."""

import asyncio
import base64
import json
import signal
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from proxy.edges.identity.keys import hashed, new_key
from tests.edges.fakes_certificates import Authority
from tests.edges.fakes_identity import AUDIENCE, ISSUER, RSA, jwk, key_set, token
from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program, running

BODY = json.dumps({"model": "smollm2", "messages": [{"role": "user", "content": "Hello there."}]}).encode()
STRANGER, GATEWAY = "127.0.0.1", "127.0.0.2"


@dataclass
class Site:
    program: Program
    upstream: EchoUpstream
    authority: Authority
    folder: Path
    agent_key: str = field(repr=False)

    def caller(self, **certificate: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority.file(self.folder)))
        if certificate:
            files = self.authority.files(self.folder, "caller", **certificate)
            context.load_cert_chain(files.certificate, files.key)
        return context

    async def ask(
        self, headers: dict[str, str], *, tls: ssl.SSLContext | None = None, of: str = STRANGER
    ) -> tuple[int, str]:
        """The status, and the request's id."""
        host, _, port = self.program.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(
            host, int(port), ssl=tls or self.caller(), server_hostname="localhost", local_addr=(of, 0)
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n{lines}Content-Type: application/json\r\n"
            f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n".encode()
            + BODY
        )
        answer = (await asyncio.wait_for(reader.read(), 30)).decode()
        writer.close()
        head = answer.partition("\r\n\r\n")[0].lower()
        return int(head.split(" ")[1]), head.partition("x-sluicegate-request-id: ")[2].partition("\r\n")[0]

    async def decided(self, request_id: str) -> dict[str, Any]:
        """The line of the decision log, waited for."""
        async with asyncio.timeout(10):
            while True:
                for path in (self.folder / "state").rglob("decisions/*.jsonl"):
                    for line in (await asyncio.to_thread(path.read_text)).splitlines():
                        document: dict[str, Any] = json.loads(line)
                        if document.get("decision_id") == request_id:
                            return document
                await asyncio.sleep(0.05)

    async def reload(self) -> None:
        def loaded() -> int:
            return sum(line.get("event") in ("file_loaded", "file_not_loaded") for line in self.program.log)

        before = loaded()
        self.program.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(10):
            while loaded() < before + 3:  # keys, signing keys, certificates
                await asyncio.sleep(0.02)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(tmp_path_factory: Any) -> AsyncIterator[Site]:
    folder: Path = tmp_path_factory.mktemp("identity")
    authority = Authority()
    server = authority.files(folder, "server")
    authority.file(folder)
    server.key.chmod(0o600)
    (folder / "jwks.json").write_bytes(key_set(jwk(RSA)))
    identity = {
        "keys_file": "keys.yaml",
        "jwt": {
            "issuer": ISSUER,
            "audience": AUDIENCE,
            "jwks_file": "jwks.json",
            "peer_claims": True,
            "tenant": "acme",
        },
        "certificates": [
            {
                "uri": "spiffe://acme/{team}/{bot}",
                "subject": "{bot}",
                "actor": "{team}/{bot}",
                "tenant": "acme",
                "groups": ["finance"],
                "may_act": True,
            }
        ],
        "trusted_peers": [GATEWAY],
        "agents": [{"id": "assistant", "groups": ["robots"]}],
    }
    tls = {
        "cert_file": "server.pem",
        "key_file": "server.key",
        "client_ca_file": "authority.pem",
        "client_certificate": "optional",
    }
    listen = {"address": "127.0.0.1:0", "admin": "127.0.0.1:0", "tls": tls}
    async with (
        EchoUpstream.listening() as upstream,
        running(folder, upstream.url, listen=listen, identity=identity) as program,
    ):
        found = Site(program, upstream, authority, folder, new_key())
        await found_keys(
            found, [("finance", program.keys["finance"], False), ("assistant", found.agent_key, True)]
        )
        await found.reload()
        yield found


async def found_keys(site: Site, keys: list[tuple[str, str, bool]]) -> None:
    """Writes the keys file anew."""
    entries = [
        {
            "id": name,
            "sha256": hashed(key),
            "actor": name,
            "subject": {"id": f"{name}-person", "tenant": "acme", "groups": ["finance"]},
            "may_act": may_act,
        }
        for name, key, may_act in keys
    ]
    await asyncio.to_thread((site.folder / "keys.yaml").write_text, yaml.safe_dump({"keys": entries}))


def fresh(**claims: Any) -> str:
    return token({"exp": int(time.time()) + 600, **claims})


def payload(whole: str) -> str:
    return whole.split(".")[1]


on_one_loop = pytest.mark.asyncio(loop_scope="module")


@on_one_loop
async def test_a_key_is_taken_over_tls_and_nothing_that_identifies_goes_on(site: Site) -> None:
    headers = {
        "Authorization": f"Bearer {site.program.keys['finance']}",
        "X-User": "root",
        "OpenAI-Organization": "root",
        "X-Forwarded-Client-Cert": "URI=spiffe://acme/pay/root",
        "X-JWT-Payload": payload(fresh(sub="root")),
    }
    status, request_id = await site.ask(headers)
    assert status == 200
    document = await site.decided(request_id)
    assert (document["subject"], document["method"]) == ("finance-person", "api_key")
    sent = "".join(site.upstream.heads).lower()
    for name in ("x-user", "openai-organization", "x-forwarded", "x-jwt", "root", "sg-"):
        assert name not in sent


@on_one_loop
async def test_a_client_certificate_is_enough(site: Site) -> None:
    status, request_id = await site.ask({}, tls=site.caller(uris=("spiffe://acme/pay/ledger",)))
    assert status == 200
    document = await site.decided(request_id)
    assert (document["subject"], document["actor"]) == ("ledger", "pay/ledger")
    assert document["method"] == "client_certificate"


@on_one_loop
async def test_what_a_peer_says_counts_from_a_trusted_one_alone(site: Site) -> None:
    certificate = {"X-Forwarded-Client-Cert": 'Hash=00;Subject="CN=x";URI=spiffe://acme/pay/ledger'}
    claims = {"X-JWT-Payload": payload(fresh())}
    for headers, subject in (
        (certificate, "ledger"),
        (claims, "alice"),
        ({**certificate, **claims}, "alice"),
    ):
        assert (await site.ask(headers, of=STRANGER))[0] == 401
        status, request_id = await site.ask(headers, of=GATEWAY)
        assert status == 200
        document = await site.decided(request_id)
        assert document["subject"] == subject
    assert (document["actor"], document["delegated"]) == ("pay/ledger", True)
    assert (document["method"], document["actor_method"]) == ("forwarded_claims", "forwarded_certificate")


@on_one_loop
async def test_an_agent_acts_for_whom_its_token_names(site: Site) -> None:
    key = {"Authorization": f"Bearer {site.agent_key}"}
    status, request_id = await site.ask({**key, "X-Sluicegate-Subject-Token": fresh()})
    assert status == 200
    document = await site.decided(request_id)
    assert (document["subject"], document["actor"], document["delegated"]) == ("alice", "assistant", True)
    assert (document["method"], document["actor_method"]) == ("jwt", "api_key")
    plain = {"Authorization": f"Bearer {site.program.keys['finance']}"}
    for wrong in (
        {**plain, "X-Sluicegate-Subject-Token": fresh()},
        {**key, "X-Sluicegate-Subject-Token": fresh(exp=1)},
        {**key, "X-Sluicegate-Subject-Token": fresh(sub="assistant")},
        {"X-Sluicegate-Subject-Token": fresh()},
    ):
        assert (await site.ask(wrong))[0] == 401


@on_one_loop
async def test_keys_and_certificates_change_while_it_runs(site: Site) -> None:
    old, new = site.program.keys["finance"], new_key()
    await found_keys(site, [("finance", new, False), ("assistant", site.agent_key, True)])
    other = Authority()
    before = site.caller()
    await asyncio.to_thread(other.files, site.folder, "server")
    await site.reload()
    site.program.keys["finance"] = new
    trusting = ssl.create_default_context(cafile=str(await asyncio.to_thread(other.file, site.folder)))
    assert (await site.ask({"Authorization": f"Bearer {old}"}, tls=trusting))[0] == 401
    assert (await site.ask({"Authorization": f"Bearer {new}"}, tls=trusting))[0] == 200
    try:
        await site.ask({"Authorization": f"Bearer {new}"}, tls=before)
    except ssl.SSLCertVerificationError:
        pass
    else:
        raise AssertionError("the old certificate is still shown")
    site.authority = other


@on_one_loop
async def test_a_broken_keys_file_is_told_and_the_last_good_one_counts(site: Site) -> None:
    good = await asyncio.to_thread((site.folder / "keys.yaml").read_text)
    await asyncio.to_thread((site.folder / "keys.yaml").write_text, "keys: broken")
    await site.reload()
    assert (await site.ask({"Authorization": f"Bearer {site.program.keys['finance']}"}))[0] == 200
    assert b"sluicegate_credentials_reload_failed 1.0" in (await site.program.get("/metrics")).body
    await asyncio.to_thread((site.folder / "keys.yaml").write_text, good)
    await site.reload()
    assert b"sluicegate_credentials_reload_failed 0.0" in (await site.program.get("/metrics")).body


@on_one_loop
async def test_no_credential_is_on_disk_or_in_the_log(site: Site) -> None:
    whole = fresh()
    await site.ask({"Authorization": f"Bearer {whole}"})
    await site.ask({"Authorization": f"Bearer {site.agent_key}", "X-Sluicegate-Subject-Token": whole})
    written = await asyncio.to_thread(site.program.files)
    signature = whole.split(".")[2]
    for secret in (site.agent_key, site.program.keys["finance"], whole, signature, payload(whole)):
        assert secret not in written
        assert base64.b64encode(secret.encode()).decode() not in written
