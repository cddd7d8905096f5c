"""`x-forwarded-client-cert`: only what Envoy appended last, and only if all of it is well-formed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.identity.xfcc import XfccMalformed, last_element
from proxy.exchange import CertificateNames

HASH = "468ed33be74eee6556d90c0149c1309e9ba61d6425303443c0748a02dd8de688"
LEDGER = CertificateNames(("spiffe://acme/ns/pay/sa/ledger",))

printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
# Without the one sequence that Envoy's way of writing leaves open.
values = st.text(printable, max_size=30).filter(lambda text: "\\" not in text)
keys = st.sampled_from(["By", "Hash", "Cert", "Chain", "URI", "DNS", "uri", "dNs"])
elements = st.lists(st.tuples(keys, values), min_size=1, max_size=5)


def written(pairs: list[tuple[str, str]]) -> str:
    """As Envoy writes an element: quotes where `,;=` or a quote is, a backslash before each quote."""
    return ";".join(f"{key}={_value(text)}" for key, text in pairs)


def _value(text: str) -> str:
    if not any(letter in text for letter in ',;="'):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def of(pairs: list[tuple[str, str]], key: str) -> tuple[str, ...]:
    return tuple(text for name, text in pairs if name.lower() == key and text)


@given(st.lists(elements, min_size=1, max_size=4))
def test_what_envoy_writes_is_read_back_and_only_the_last_counts(header: list[list[tuple[str, str]]]) -> None:
    last = header[-1]
    names = last_element(",".join(map(written, header)))
    assert names == CertificateNames(of(last, "uri"), of(last, "dns"))


@given(elements, values)
def test_no_value_can_pretend_to_be_another_element(header: list[tuple[str, str]], evil: str) -> None:
    pairs = [*header, ("By", f'{evil}",URI=spiffe://acme/admin;URI="')]
    assert "spiffe://acme/admin" not in last_element(written(pairs)).uris + of(header, "uri")


@given(st.text(max_size=60) | st.text(alphabet='URI=DNS,;"\\ a', max_size=30))
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        last_element(text)
    except XfccMalformed:
        pass


def test_the_example_of_envoys_documentation() -> None:
    header = (
        f"By=http://frontend.lyft.com;Hash={HASH};URI=http://testclient.lyft.com,"
        f'By=http://backend.lyft.com;Hash={HASH};Subject="CN=Test Client,OU=Lyft,L=San Francisco,ST=CA,C=US";'
        "URI=http://frontend.lyft.com;DNS=lyft.com;DNS=www.lyft.com"
    )
    assert last_element(header) == CertificateNames(
        ("http://frontend.lyft.com",), ("lyft.com", "www.lyft.com"), ("Test Client",)
    )


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        ("CN=ledger", ("ledger",)),
        ("CN=Doe\\, Jane,O=Acme", ("Doe, Jane",)),
        ("emailAddress=a@b,CN=ledger,O=Acme", ("ledger",)),
        ("O=CN\\=admin", ()),
        ("CN=a,CN=b", ("b", "a")),
        ("O=Acme", ()),
        ("/C=US/CN=Test Client", ()),
        ("not a name", ()),
        ("", ()),
    ],
)
def test_the_common_name_is_read_from_a_subject_in_its_standard_form(
    subject: str, names: tuple[str, ...]
) -> None:
    assert last_element(f'Subject="{subject}"').common_names == names


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        ",",
        "URI",
        "=a",
        "URI=a;",
        "URI=a,",
        ",URI=a",
        ";URI=a",
        'URI="a',
        'URI=a"b',
        'URI="a"b',
        'URI="a\\"',
        'URI="a\\\\"',
        'URI="a\\\\",URI=b',
        "URI=a\\",
        "URI =a",
        "URI=a  ,URI=b\n",
        "URI=ä",
        "URI=a\tb",
        'Subject="CN=a";Subject="CN=b"',
        "X" * 17 + "=a",
    ],
)
def test_a_header_that_is_not_well_formed_tells_nothing(header: str) -> None:
    with pytest.raises(XfccMalformed):
        last_element(header)


def test_a_broken_element_further_left_spoils_the_header() -> None:
    """Otherwise its open quote could swallow the element that the peer appended, or make one up."""
    with pytest.raises(XfccMalformed):
        last_element('URI="a,URI=spiffe://acme/ns/pay/sa/ledger')


def test_other_proxies_put_a_space_between_elements() -> None:
    assert last_element("URI=a, URI=spiffe://acme/ns/pay/sa/ledger") == LEDGER


def test_keys_have_no_case_and_unknown_ones_identify_nobody() -> None:
    assert last_element("uri=spiffe://acme/ns/pay/sa/ledger;User=admin") == LEDGER


def test_an_empty_name_is_none() -> None:
    assert last_element("By=a;URI=;DNS=") == CertificateNames()


def test_nothing_is_quoted_when_it_fails() -> None:
    with pytest.raises(XfccMalformed) as caught:
        last_element("spiffe://secret")
    assert "secret" not in str(caught.value)
