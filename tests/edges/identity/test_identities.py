"""Who asks: every credential that was sent is good and agrees with the others, or nobody asks."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.identity.certificates import Certificates
from proxy.edges.identity.identities import ANONYMOUS, Identities, Ways
from proxy.edges.identity.keys import ApiKeys, KeyEntry, hashed, new_key
from proxy.edges.identity.peers import TrustedPeers
from proxy.edges.identity.tokens import Issuers, JwtIdentity
from proxy.edges.kept import Kept
from proxy.errors import Unauthenticated
from proxy.exchange import CertificateNames, Credentials, Identity, Subject
from proxy.settings import Agent, Certificate
from tests.edges.fakes_identity import (
    AUDIENCE,
    ISSUER,
    NOW,
    OTHER_RSA,
    HandClock,
    StandingKeys,
    settings,
    token,
)

KEY, AGENT_KEY = new_key(), new_key()
CLOCK = HandClock()
ENTRIES = [
    KeyEntry("one", hashed(KEY), Subject("bob"), "app"),
    KeyEntry("two", hashed(AGENT_KEY), Subject("bot", groups=("robots",)), "bot", may_act=True),
]
KEYS = Kept("keys", [], lambda: ApiKeys(ENTRIES, CLOCK), None)
TOKENS = Issuers([JwtIdentity(settings(), StandingKeys(), CLOCK)])
BOTH = Ways(keys=KEYS, tokens=TOKENS)

PEER = "10.0.0.7"
LEDGER = "spiffe://acme/ns/pay/sa/ledger"
GATEWAY = "spiffe://acme/ns/mesh/sa/gateway"
MESH = replace(
    BOTH,
    certificates=Certificates(
        [Certificate("{account}", uri="spiffe://acme/ns/{space}/sa/{account}", may_act=True)]
    ),
    peers=TrustedPeers([PEER, GATEWAY]),
    peer_issuers={ISSUER: settings(peer_claims=True)},
)


async def who(sent: Credentials, ways: Ways = BOTH) -> Identity:
    return await Identities(ways, CLOCK).identify(sent)


async def refused(sent: Credentials, ways: Ways = BOTH) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await who(sent, ways)
    error = caught.value
    return f"{error.reason} {error.param} {error.rules} {error.__cause__}"


def bearer(value: str | None) -> Credentials:
    return Credentials() if value is None else Credentials(authorization=(value,))


def claims(**changes: Any) -> str:
    """As a gateway passes on what was in a token."""
    whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": NOW + 600, **changes}
    return base64.urlsafe_b64encode(json.dumps(whole).encode()).decode().rstrip("=")


# -- keys and tokens


async def test_a_key_and_a_token_are_told_apart() -> None:
    assert (await who(bearer(f"Bearer {KEY}"))).subject.id == "bob"
    assert (await who(bearer(f"Bearer {token()}"))).subject.id == "alice"


async def test_anthropics_clients_send_their_key_in_a_header_of_its_own() -> None:
    assert (await who(Credentials(api_keys=(KEY,)))).subject.id == "bob"
    assert (await who(Credentials(api_keys=(token(),)))).subject.id == "alice"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
async def test_the_schemes_name_has_no_case(scheme: str) -> None:
    assert (await who(bearer(f"{scheme} {KEY}"))).method == "api_key"


WRONG = [
    None,
    "",
    "Bearer",
    "Bearer ",
    KEY,
    f"Basic {KEY}",
    f"Bearer {KEY}x",
    f"Bearer {KEY} x",
    f"Bearer\t{KEY}",
    f" Bearer {KEY}",
    f"Bearer {KEY}\n",
    f"Bearer {KEY}, Bearer {KEY}",
    "Bearer sg-",
    "Bearer sg-nobody",
    "Bearer a.b.c",
    "Bearer a.b",
    f"Bearer {token({'aud': 'other'})}",
    f"Bearer {token(header={'kid': 'gone'})}",
    f"Bearer {token({'exp': 1})}",
    "Bearer ä",
    "Bearer sg-\udcff",
]


async def test_every_refusal_is_the_same() -> None:
    said = {await refused(bearer(value)) for value in WRONG}
    for sent in CONTRADICTIONS:
        said.add(await refused(sent, MESH))
    assert len(said) == 1


CONTRADICTIONS = [
    Credentials(authorization=(f"Bearer {KEY}", f"Bearer {KEY}")),
    Credentials(authorization=(f"Bearer {KEY}",), api_keys=(KEY,)),
    Credentials(authorization=(f"Bearer {token()}",), api_keys=(KEY,)),
    Credentials(api_keys=(KEY, AGENT_KEY)),
    Credentials(api_keys=(KEY,), subject_tokens=(token(),)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token(), token())),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token({"exp": 1}),)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token({"sub": "bot"}),)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token({"tenant": "other"}),)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token({"may_act": {"sub": "x"}}),)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token(key=OTHER_RSA),)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(KEY,)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(AGENT_KEY,)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=("",)),
    Credentials(api_keys=(AGENT_KEY,), subject_tokens=(f"Bearer {token()}",)),
    Credentials(api_keys=("sg-wrong",), subject_tokens=(token(),)),
    Credentials(authorization=(f"Bearer {token()}",), subject_tokens=(token({"sub": "root"}),)),
    Credentials(subject_tokens=(token(),)),
    Credentials(peer=PEER, forwarded_claims=(claims(), claims())),
    Credentials(peer=PEER, forwarded_claims=(claims(), claims(sub="root"))),
    Credentials(peer=PEER, forwarded_claims=("not base64!",)),
    Credentials(peer=PEER, forwarded_claims=("",)),
    Credentials(peer=PEER, forwarded_claims=(claims(iss="https://other.example"),)),
    Credentials(peer=PEER, forwarded_claims=(claims(iss=[ISSUER]),)),
    Credentials(peer=PEER, forwarded_claims=(claims(aud="other"),)),
    Credentials(peer=PEER, forwarded_claims=(claims(exp=NOW - 60),)),
    Credentials(peer=PEER, forwarded_claims=(claims(groups="finance"),)),
    Credentials(peer=PEER, forwarded_claims=(claims(),), authorization=(f"Bearer {KEY}",)),
    Credentials(peer=PEER, forwarded_claims=(claims(),), authorization=("Bearer sg-wrong",)),
    Credentials(peer=PEER, forwarded_certificates=(f"URI={LEDGER}", f"URI={LEDGER}")),
    Credentials(peer=PEER, forwarded_certificates=('URI="',)),
    Credentials(peer=PEER, forwarded_certificates=('URI="',), api_keys=(KEY,)),
    Credentials(peer=PEER, forwarded_certificates=(f"URI={LEDGER};URI=spiffe://acme/x",)),
    Credentials(peer=PEER, forwarded_certificates=("URI=spiffe://elsewhere/x",)),
    Credentials(peer="10.0.0.8", forwarded_certificates=(f"URI={LEDGER}",)),
    Credentials(peer="10.0.0.8", forwarded_claims=(claims(),)),
    Credentials(certificate=CertificateNames((LEDGER, "spiffe://acme/ns/pay/sa/admin"))),
    Credentials(certificate=CertificateNames((GATEWAY,))),
]


@pytest.mark.parametrize("sent", CONTRADICTIONS)
async def test_credentials_that_do_not_hold_together_let_nobody_in(sent: Credentials) -> None:
    await refused(sent, MESH)


@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"Bearer {text}"))
async def test_no_header_that_was_made_up_lets_anyone_in(text: str) -> None:
    await refused(Credentials(authorization=(text,)), MESH)
    await refused(Credentials(subject_tokens=(text,), api_keys=(AGENT_KEY,)), MESH)
    await refused(Credentials(forwarded_certificates=(text,), peer=PEER), MESH)
    await refused(Credentials(forwarded_claims=(text,), peer=PEER), MESH)


# -- nobody in particular


async def test_anonymous_only_where_it_is_configured() -> None:
    assert await who(Credentials(), Ways(anonymous=True)) == ANONYMOUS
    await refused(Credentials(), Ways())
    await refused(Credentials())


async def test_anonymous_is_in_no_group() -> None:
    assert ANONYMOUS.subject == Subject("anonymous", "default", (), ())


async def test_a_wrong_key_never_falls_back_to_anonymous() -> None:
    ways = replace(BOTH, anonymous=True)
    assert await who(Credentials(), ways) == ANONYMOUS
    assert (await who(bearer(f"Bearer {KEY}"), ways)).subject.id == "bob"
    for wrong in ("Bearer sg-wrong", "Bearer a.b.c", "", "Basic x", "Bearer EMPTY"):
        await refused(bearer(wrong), ways)
    for sent in CONTRADICTIONS:
        if (
            sent.peer != "10.0.0.8"
            and sent.certificate is None
            and "elsewhere" not in repr(sent.forwarded_certificates)
        ):
            await refused(sent, replace(MESH, anonymous=True))


async def test_where_nothing_can_check_a_key_it_says_nothing() -> None:
    """SDKs refuse to start without a key, so they send any."""
    for sent in ("Bearer sg-anything", "Bearer EMPTY", "Basic x", "Bearer a.b.c"):
        assert await who(bearer(sent), Ways(anonymous=True)) == ANONYMOUS
        await refused(bearer(sent), Ways())


async def test_what_is_not_configured_lets_nobody_in() -> None:
    await refused(bearer(f"Bearer {KEY}"), Ways(tokens=TOKENS))
    await refused(bearer(f"Bearer {token()}"), Ways(keys=KEYS))


# -- on behalf of


async def test_an_agents_key_with_a_token_acts_for_its_subject() -> None:
    found = await who(Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token(),)))
    assert found.subject == Subject("alice", groups=("finance",))
    assert (found.actor, found.delegated) == ("bot", True)
    assert (found.method, found.actor_verified) == ("jwt", "api_key")


async def test_what_an_agent_may_do_itself_is_told_however_it_was_verified() -> None:
    ways = replace(BOTH, agents={"bot": Agent("bot", ("robots",), ("internal",))})
    for sent in (
        Credentials(api_keys=(AGENT_KEY,)),
        Credentials(api_keys=(AGENT_KEY,), subject_tokens=(token(),)),
        Credentials(api_keys=(token({"act": {"sub": "bot"}}),)),
    ):
        found = await who(sent, ways)
        assert (found.actor_groups, found.actor_clearances) == (("robots",), ("internal",))
    other = await who(Credentials(api_keys=(token({"act": {"sub": "other"}}),)), ways)
    assert (other.actor_groups, other.actor_clearances) == ((), ())


# -- certificates and peers


async def test_a_client_certificate_is_who_the_table_says() -> None:
    found = await who(Credentials(certificate=CertificateNames((LEDGER,))), MESH)
    assert (found.subject.id, found.actor, found.method) == ("ledger", "ledger", "client_certificate")


async def test_a_certificate_that_the_table_does_not_know_says_nothing() -> None:
    unknown = CertificateNames(("spiffe://elsewhere/x",))
    await refused(Credentials(certificate=unknown), MESH)
    assert (await who(Credentials(certificate=unknown, api_keys=(KEY,)), MESH)).subject.id == "bob"


@pytest.mark.parametrize(
    "peer", [Credentials(peer=PEER), Credentials(peer="::1", certificate=CertificateNames((GATEWAY,)))]
)
async def test_a_trusted_peer_tells_whose_certificate_it_saw(peer: Credentials) -> None:
    header = f"By={LEDGER};Hash=00;URI=spiffe://acme/ns/x/sa/admin,By={GATEWAY};Hash=00;URI={LEDGER}"
    found = await who(replace(peer, forwarded_certificates=(header,)), MESH)
    assert (found.subject.id, found.method) == ("ledger", "forwarded_certificate")


@pytest.mark.parametrize(
    "peer", [Credentials(peer=PEER), Credentials(peer="::1", certificate=CertificateNames((GATEWAY,)))]
)
async def test_a_trusted_peer_tells_the_claims_of_a_token_that_it_checked(peer: Credentials) -> None:
    for padding in ("", "="):
        whole = claims(groups=["finance"]) + padding * (-len(claims(groups=["finance"])) % 4)
        found = await who(replace(peer, forwarded_claims=(whole,)), MESH)
        assert found == Identity(Subject("alice", groups=("finance",)), "unknown", "forwarded_claims")


async def test_forwarded_claims_are_held_to_the_issuer_that_they_name() -> None:
    partner = settings(issuer="https://partner.example", tenant="partner", peer_claims=True)
    two = replace(MESH, peer_issuers={**MESH.peer_issuers, partner.issuer: partner})
    for issuer, tenant in ((ISSUER, "default"), (partner.issuer, "partner")):
        found = await who(Credentials(peer=PEER, forwarded_claims=(claims(iss=issuer),)), two)
        assert found.subject.tenant == tenant


async def test_who_comes_through_a_workload_is_the_subject_and_the_workload_acts() -> None:
    sent = Credentials(peer=PEER, forwarded_claims=(claims(),), forwarded_certificates=(f"URI={LEDGER}",))
    found = await who(sent, MESH)
    assert (found.subject.id, found.actor, found.delegated) == ("alice", "ledger", True)
    assert (found.method, found.actor_verified) == ("forwarded_claims", "forwarded_certificate")


async def test_a_token_that_was_checked_twice_is_told_by_our_own_check() -> None:
    sent = Credentials(peer=PEER, forwarded_claims=(claims(),), authorization=(f"Bearer {token()}",))
    assert (await who(sent, MESH)).method == "jwt"


async def test_from_anybody_else_those_headers_are_as_if_they_were_not_there() -> None:
    spoofed = Credentials(
        peer="10.0.0.8", forwarded_claims=(claims(sub="root"),), forwarded_certificates=(f"URI={LEDGER}",)
    )
    await refused(spoofed, MESH)
    assert (await who(replace(spoofed, api_keys=(KEY,)), MESH)).subject.id == "bob"
    assert await who(spoofed, replace(MESH, anonymous=True)) == ANONYMOUS
    broken = replace(spoofed, forwarded_claims=("!", "?"), forwarded_certificates=('"', '"'), api_keys=(KEY,))
    assert (await who(broken, MESH)).subject.id == "bob"


async def test_what_is_not_configured_is_not_looked_at_even_from_a_peer() -> None:
    sent = Credentials(
        peer=PEER, forwarded_claims=("!",), forwarded_certificates=('"',), authorization=(f"Bearer {KEY}",)
    )
    plain = replace(MESH, certificates=Certificates([]), peer_issuers={})
    assert (await who(sent, plain)).subject.id == "bob"


async def test_without_a_way_for_keys_a_certificate_is_enough_for_an_sdk_that_sends_one() -> None:
    ways = Ways(certificates=MESH.certificates)
    sent = Credentials(certificate=CertificateNames((LEDGER,)), authorization=("Bearer EMPTY",))
    assert (await who(sent, ways)).subject.id == "ledger"


def test_nothing_shows_a_credential() -> None:
    sent = Credentials((f"Bearer {KEY}",), (KEY,), (token(),), (LEDGER,), (claims(),), PEER)
    assert repr(sent) == "Credentials()"
    shown = repr(Identities(MESH, CLOCK)) + repr(KEYS.current)
    for secret in (KEY, hashed(KEY), LEDGER, PEER, "bob"):
        assert secret not in shown
