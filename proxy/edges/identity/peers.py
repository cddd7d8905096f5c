"""Which peers may tell who calls through them: by address, or by their certificate's SPIFFE id. No I/O."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from proxy.exchange import Credentials

SPIFFE = "spiffe://"


class TrustedPeers:
    def __init__(self, listed: Sequence[str]) -> None:
        """Raises ValueError for what is neither an address, a network nor a SPIFFE id."""
        self._ids = frozenset(one for one in listed if one.startswith(SPIFFE))
        self._networks = [network_of(one) for one in listed if not one.startswith(SPIFFE)]

    def __repr__(self) -> str:
        return f"<TrustedPeers: {len(self._networks)} networks, {len(self._ids)} ids>"

    def __bool__(self) -> bool:
        return bool(self._ids or self._networks)

    def holds(self, sent: Credentials) -> bool:
        uris = sent.certificate.uris if sent.certificate else ()
        return (len(uris) == 1 and uris[0] in self._ids) or self._near(sent.peer)

    def _near(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def network_of(text: str) -> IPv4Network | IPv6Network:
    """Raises ValueError, also for a network that would be everybody."""
    network = ip_network(text)
    if network.prefixlen == 0:
        raise ValueError
    return network
