"""Peers that may tell who calls through them."""

import pytest

from proxy.edges.identity.peers import TrustedPeers
from proxy.exchange import CertificateNames, Credentials

GATEWAY = "spiffe://acme/ns/mesh/sa/gateway"
PEERS = TrustedPeers(("10.1.0.0/16", "192.168.0.7", "2001:db8::/64", GATEWAY))


@pytest.mark.parametrize(
    "peer", ["10.1.2.3", "192.168.0.7", "2001:db8::9", "::ffff:10.1.2.3", "2001:db8::9%eth0"]
)
def test_a_listed_address_is_trusted(peer: str) -> None:
    assert PEERS.holds(Credentials(peer=peer))


@pytest.mark.parametrize(
    "peer", ["10.2.0.1", "192.168.0.70", "2001:db9::1", "::ffff:10.2.0.1", "", "gateway", "10.1"]
)
def test_another_address_is_not(peer: str) -> None:
    assert not PEERS.holds(Credentials(peer=peer))


def test_a_listed_certificate_is_trusted_wherever_it_comes_from() -> None:
    assert PEERS.holds(Credentials(peer="8.8.8.8", certificate=CertificateNames((GATEWAY,))))


@pytest.mark.parametrize(
    "names",
    [
        CertificateNames((f"{GATEWAY}/x",)),
        CertificateNames((GATEWAY, "spiffe://acme/other")),
        CertificateNames(dns=(GATEWAY,)),
        CertificateNames(common_names=(GATEWAY,)),
        CertificateNames(),
    ],
)
def test_a_certificate_that_only_looks_like_it_is_not(names: CertificateNames) -> None:
    assert not PEERS.holds(Credentials(peer="8.8.8.8", certificate=names))


def test_nobody_is_trusted_without_being_listed() -> None:
    assert not TrustedPeers(())
    assert not TrustedPeers(()).holds(Credentials(peer="127.0.0.1", certificate=CertificateNames((GATEWAY,))))


@pytest.mark.parametrize("listed", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "host"])
def test_everybody_and_nobody_cannot_be_listed(listed: str) -> None:
    with pytest.raises(ValueError):
        TrustedPeers((listed,))
