"""Names in a certificate and who they are, by the table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.identity.certificates import Ambiguous, Certificates, words_of
from proxy.edges.identity.proof import Proof
from proxy.exchange import CertificateNames, Identity, Subject
from proxy.settings import Certificate

WORKLOADS = Certificate(
    "{account}", uri="spiffe://acme/ns/{space}/sa/{account}", actor="{space}/{account}", tenant="acme"
)
HOSTS = Certificate("host-{host}", dns="{host}.ledger.example", groups=("machines",), may_act=True)
PERSON = Certificate("jane", common_name="Doe, Jane", clearances=("secret",))
TABLE = Certificates([WORKLOADS, HOSTS, PERSON])


def found(*uris: str, dns: tuple[str, ...] = (), cn: tuple[str, ...] = ()) -> Proof | None:
    return TABLE.find(CertificateNames(uris, dns, cn), "client_certificate")


def test_a_spiffe_id_fills_the_words_of_its_line() -> None:
    assert found("spiffe://acme/ns/pay/sa/bot") == Proof(
        Identity(Subject("bot", "acme"), "pay/bot", "client_certificate")
    )


def test_a_dns_name_has_no_case_and_a_common_name_has() -> None:
    proof = found(dns=("A1.Ledger.Example",))
    assert proof == Proof(
        Identity(Subject("host-a1", "default", ("machines",)), "host-a1", "client_certificate"), may_act=True
    )
    assert found(cn=("Doe, Jane",)) is not None
    assert found(cn=("doe, jane",)) is None


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://acme/ns/pay/sa/bot/x",
        "spiffe://acme/ns//sa/bot",
        "spiffe://acme/ns/a/b/sa/bot",
        "spiffe://acme.evil/ns/pay/sa/bot",
        "xspiffe://acme/ns/pay/sa/bot",
        "SPIFFE://acme/ns/pay/sa/bot",
        "spiffe://acme/ns/pay/sa/bot\n",
        "spiffe://acme/ns/pay/sa/b\x00t",
        "spiffe://acme/ns/pay/sa/bört",
        "spiffe://acme/ns/pay/sa/" + "b" * 300,
        "",
    ],
)
def test_a_name_that_does_not_fit_as_a_whole_is_nobodys(uri: str) -> None:
    assert found(uri) is None


def test_a_point_in_a_line_is_a_point() -> None:
    assert found(dns=("a1.ledgerxexample",)) is None


def test_a_name_counts_only_as_what_it_is() -> None:
    assert found(dns=("spiffe://acme/ns/pay/sa/bot",), cn=("a1.ledger.example",)) is None


def test_two_spiffe_ids_are_nobody() -> None:
    with pytest.raises(Ambiguous):
        found("spiffe://acme/ns/pay/sa/bot", "spiffe://acme/ns/pay/sa/admin")
    with pytest.raises(Ambiguous):
        found("spiffe://acme/ns/pay/sa/bot", "spiffe://other/x")


def test_two_names_that_fit_one_line_are_nobody_unless_they_say_the_same() -> None:
    with pytest.raises(Ambiguous):
        found(dns=("a1.ledger.example", "a2.ledger.example"))
    assert found(dns=("a1.ledger.example", "A1.ledger.example", "other.example")) is not None


def test_the_first_line_that_fits_counts() -> None:
    special = Certificate("admin", uri="spiffe://acme/ns/ops/sa/admin")
    names = CertificateNames(("spiffe://acme/ns/ops/sa/admin",))
    for table, tenant in (([special, WORKLOADS], "default"), ([WORKLOADS, special], "acme")):
        proof = Certificates(table).find(names, "forwarded_certificate")
        assert proof is not None
        assert proof.identity.subject.tenant == tenant
        assert proof.identity.method == "forwarded_certificate"


def test_a_word_that_stands_twice_means_the_same_twice() -> None:
    table = Certificates([Certificate("{a}", uri="spiffe://acme/{a}/{a}")])
    assert table.find(CertificateNames(("spiffe://acme/x/x",)), "client_certificate") is not None
    assert table.find(CertificateNames(("spiffe://acme/x/y",)), "client_certificate") is None


def test_an_actor_that_would_be_too_long_is_nobody() -> None:
    line = Certificate("{a}", dns="{a}.example", actor="{a}{a}{a}")
    with pytest.raises(Ambiguous):
        Certificates([line]).find(CertificateNames(dns=("a" * 100 + ".example",)), "client_certificate")


def test_no_names_and_no_table_tell_nothing() -> None:
    assert found() is None
    assert not Certificates([])
    assert Certificates([]).find(CertificateNames(("a",), ("b",), ("c",)), "client_certificate") is None


def test_the_words_of_a_name_are_told() -> None:
    assert words_of("spiffe://a/{b}/{c_d}/{E}/{}") == {"b", "c_d"}


parts = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True)


@given(parts, parts)
def test_every_part_comes_back_as_it_was(space: str, account: str) -> None:
    proof = found(f"spiffe://acme/ns/{space}/sa/{account}")
    assert proof is not None
    assert (proof.identity.subject.id, proof.identity.actor) == (account, f"{space}/{account}")
