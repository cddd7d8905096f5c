import json
import subprocess
import sys
from typing import Any

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from presidio_analyzer.predefined_recognizers import EmailRecognizer, PhoneRecognizer, UrlRecognizer

from proxy.edges.presidio import addresses, births, cards, organisations, people, phones, secret_keys
from proxy.edges.presidio.forms import SURE, Form, FormRecogniser
from proxy.edges.presidio.ours import ours
from proxy.edges.presidio.process import environment
from proxy.edges.presidio.quick import quickened

PEOPLE = people.recogniser("en")
ADDRESSES = addresses.recogniser("en")
ORGANISATIONS = organisations.recogniser("en")
PHONES = phones.by_shape("en")
CARDS = cards.recogniser("en")
BIRTHS = births.recogniser("en")
SECRETS = secret_keys.recogniser("en")
GITHUB = "ghp_" + "a1B2c3D4e5F6" * 3
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"

FOUND = [
    (PEOPLE, "Name: Darika Sood", "Darika Sood"),
    (PEOPLE, "Dear Mr. Okonjo,\nthank you", "Okonjo"),
    (PEOPLE, "Hi Yahvi,\n\nall is well", "Yahvi"),
    (PEOPLE, "Best regards,\n\nAnnelore van den Berg\nSales", "Annelore van den Berg"),
    (PEOPLE, "From: Ishwar Rao <ishwar@example.com>", "Ishwar Rao"),
    (PEOPLE, "my name is jane doe.", "jane doe"),
    (PEOPLE, "the file of Laura Q. Vance was lost", "Laura Q. Vance"),
    (PEOPLE, "Is Dr. Quiney in?", "Quiney"),
    (
        ADDRESSES,
        "Send it to 12 Juniper Trail\nSuite 4\nMudford, NY 10001 today",
        "12 Juniper Trail\nSuite 4\nMudford, NY 10001",
    ),
    (ADDRESSES, "Flat 7, 88 Abbey Walk, Leeds", "Flat 7, 88 Abbey Walk, Leeds"),
    (ADDRESSES, "wohnt in der Gartenstraße 12, 10115 Berlin", "Gartenstraße 12, 10115 Berlin"),
    (ADDRESSES, "habite 14 rue de la Paix, 75002 Paris", "14 rue de la Paix, 75002 Paris"),
    (ADDRESSES, "the flight to Marseille was late", "Marseille"),
    (ORGANISATIONS, "the contract with Holt Engineering GmbH ends", "Holt Engineering GmbH"),
    (ORGANISATIONS, "a letter of the University of Nowhere said", "University of Nowhere"),
    (PHONES, "call (555) 123-4567 now", "(555) 123-4567"),
    (PHONES, "Tel. 0800 12 34 56", "0800 12 34 56"),
    (PHONES, "or +91 57528 45562, say", "+91 57528 45562"),
    (CARDS, "card 4222 2222 2222 2 and", "4222 2222 2222 2"),
    (CARDS, "my card 501808577198 is", "501808577198"),
    (BIRTHS, "DOB: 3 March 1971", "3 March 1971"),
    (BIRTHS, "geboren am 3.4.1980 in", "3.4.1980"),
    (SECRETS, "use AKIAIOSFODNN7EXAMPLF here", "AKIAIOSFODNN7EXAMPLF"),
    (SECRETS, f"token {GITHUB}", GITHUB),
    (SECRETS, f"it is {TOKEN}", TOKEN),
    (SECRETS, "password: hunter2", "hunter2"),
    (SECRETS, "DB_PASSWORD='s3cr3t-x'", "s3cr3t-x"),
    (SECRETS, "postgres://user:pa55w0rd@db/x", "pa55w0rd"),
    (SECRETS, "Authorization: Bearer abcdef.ghijkl-mnop", "abcdef.ghijkl-mnop"),
    (
        SECRETS,
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    ),
    (SECRETS, "-----BEGIN PRIVATE KEY-----\nMIIEv", "-----BEGIN PRIVATE KEY-----\nMIIEv"),
]
NOT_FOUND = [
    (PEOPLE, "Summarise the Annual Report, please"),
    (PEOPLE, "Dear Customer,\nthank you"),
    (PEOPLE, "Subject: Quarterly Figures"),
    (PEOPLE, "Best regards,\n\nCustomer Support"),
    (ADDRESSES, "we have 3 Options and 12 Orders"),
    (ADDRESSES, "a street with a lane"),
    (ORGANISATIONS, "the limited edition of the group"),
    (PHONES, "my number 219-09-9999"),
    (PHONES, "call 178.193.162.15"),
    (PHONES, "on 2024-05-06 we met 12 people"),
    (CARDS, "card 4222 2222 2222 3"),
    (CARDS, "0000 0000 0000 0000"),
    (BIRTHS, "we met on 3 March 1971"),
    (SECRETS, "The password: required"),
    (SECRETS, "password: ${DB_PASSWORD}"),
    (SECRETS, "sk-" + "a" * 30),
    (SECRETS, "secret: none of them"),
]


def words(recogniser: FormRecogniser, text: str) -> set[str]:
    return {text[one.start : one.end] for one in recogniser.analyze(text, recogniser.supported_entities)}


@pytest.mark.parametrize(("recogniser", "text", "entity"), FOUND)
def test_what_stands_in_its_form_is_found(recogniser: FormRecogniser, text: str, entity: str) -> None:
    assert entity in words(recogniser, text)


@pytest.mark.parametrize(("recogniser", "text"), NOT_FOUND)
def test_what_only_resembles_a_form_is_left_alone(recogniser: FormRecogniser, text: str) -> None:
    assert words(recogniser, text) == set()


def test_a_form_that_does_not_end_in_time_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.edges.presidio.forms.TIME_S", 0.05)
    endless = FormRecogniser("X", [Form(regex.compile(r"(?P<entity>(?:a|aa)+)b"), SURE)], "en", "Endless")
    with pytest.raises(TimeoutError):
        endless.analyze("a" * 4000 + "c", ["X"])


HOSTILE = [
    "." * 4000,
    "a@" * 2000,
    "7" * 4000,
    "(" * 4000,
    "Aa " * 1333,
    "A-" * 2000,
    "Jane " * 800,
    "1 " * 2000,
]
HOSTILE += [
    "eyJ" * 1333,
    "password:" * 444,
    "\n" * 4000,
    "12 Oak Street, " * 266,
    "+1" * 2000,
    "x://a:" * 666,
]
HOSTILE += [
    "-----BEGIN PRIVATE KEY-----" * 148,
    "Dear " * 800,
    "1.1" * 1333,
    "tel " * 1000,
    "Rue de la " * 400,
]


@pytest.mark.parametrize("recogniser", ours("en"), ids=lambda one: one.name)
def test_no_hostile_text_holds_a_form_near_its_time(recogniser: FormRecogniser) -> None:
    for text in HOSTILE:
        recogniser.analyze(text, recogniser.supported_entities)  # raises when it takes a second


_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [" ", ", ", "\n", "/", "-", "(", ")", ".", "@", "ext. ", " x", "+", "call ", "www", "a", "é"]
        ),
        st.sampled_from(
            ["212-555-0143", "+49 30 901820", "030 123456", "01234 567890", "jane@example.com", "foo.co.uk"]
        ),
        st.integers(0, 10**9).map(str),
        st.text("abc ", max_size=120),
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    "slow", [PhoneRecognizer(), EmailRecognizer(), UrlRecognizer()], ids=lambda one: one.name
)
@settings(max_examples=60, deadline=None)
@given(text=_PIECES)
def test_a_quick_twin_finds_what_presidios_own_finds(slow: Any, text: str) -> None:
    kinds = slow.supported_entities
    twins: list[Any] = [slow, quickened(slow, "en")]
    theirs, ours = (
        {(found.start, found.end, found.score) for found in one.analyze(text, kinds)} for one in twins
    )
    pagers = {place for place in theirs if sum(map(str.isdigit, text[place[0] : place[1]])) == 4}
    assert theirs - (pagers if isinstance(slow, PhoneRecognizer) else set()) == ours


@pytest.mark.slow
def test_held_out_texts_are_read_as_well_as_the_page_says() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "load.redaction", "--count", "240", "--seed", "3", "--json"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=100,
        check=True,
    )
    seen = json.loads(ran.stdout)
    assert seen["ours"]["all"]["recall"] >= 0.85
    assert seen["ours"]["all"]["precision"] >= 0.93
    for kind, plain in seen["plain"].items():
        assert seen["ours"][kind]["recall"] >= plain["recall"], kind
