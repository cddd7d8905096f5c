import json
import subprocess
import sys
from typing import Any

import pytest

from proxy.edges.presidio.process import environment
from proxy.redact.kinds import NAMED_KINDS

TEXTS = [
    "Please call Jane Doe at 212-555-0143 or mail jane.doe@example.com; her card is 4111 1111 1111 1111.",
    "My cards are 4111-1111-1111-1111 and 378282246310005. The social security number is 078-05-1120.",
    "His SSNs were 219-09-9999 and 457-55-5462; passports 912803456 and A12345678 were lost in Berlin.",
    "The bank account numbers: 945456787654. Driver's licenses H12234567, AC 432223, and licence 12A34567.",
    "Servers 10.1.2.3, 2001:db8::1 and aa:bb:cc:dd:ee:ff answer at https://example.com/x?y=1 or foo.co.uk.",
    "IBAN GB33 BUKB 2020 1555 5555 55, wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa, ITIN 911-70-1234.",
    "We met on 12/05/2023 and again last Tuesday in Paris with Angela Merkel of the United Nations.",
    "Called the patients' numbers (cellphones): +44 20 7946 0958, 030 123456, +1 (415) 555-2671.",
    "medical licences BB1388568; NHS: 943 476 5919; uuid 123e4567-e89b-12d3-a456-426614174000",
    "Ünïcödé: jöhn@exämple.com, Łukasz Żółć, 😀 +49 30 901820, 東京, naïve café in Zürich.",
    "Nothing to see here; the team only talked about the plan for the quarter and then went home.",
    "",
    "   \n\t ",
    "a\x00b\u200bc jane@example.com\u2028Jane",
]
NO_NAMES = {
    ("ITIN", "ORGANIZATION"),
    ("IBAN", "ORGANIZATION"),
    ("NHS", "ORGANIZATION"),
    ("UUID", "ORGANIZATION"),
}
"""What the small model takes for firms, and `believed` does not."""

PATTERN_KINDS = [
    "CREDIT_CARD",
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "IBAN_CODE",
    "US_SSN",
    "IP_ADDRESS",
    "CRYPTO",
]
MORE_KINDS = [
    "US_BANK_NUMBER",
    "US_DRIVER_LICENSE",
    "US_ITIN",
    "US_PASSPORT",
    "UK_NHS",
    "MEDICAL_LICENSE",
    "URL",
]


@pytest.fixture(scope="module")
def compared() -> dict[str, Any]:
    """Ours and Presidio's own on the same texts, in a process with a worker's environment."""
    kinds = [PATTERN_KINDS, [*PATTERN_KINDS, *MORE_KINDS, "UUID", "MAC_ADDRESS"], sorted(NAMED_KINDS)]
    kinds.append([*sorted(NAMED_KINDS), *PATTERN_KINDS])
    ran = subprocess.run(
        [sys.executable, "-m", "tests.edges.fakes_presidio_default"],
        input=json.dumps({"texts": TEXTS, "kinds": kinds}),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=100,
        check=True,
    )
    seen: dict[str, Any] = json.loads(ran.stdout)
    assert len(seen["pairs"]) == len(TEXTS) * len(kinds)
    return seen


@pytest.mark.slow
def test_whatever_presidio_finds_is_found_with_half_its_pipes_but_for_what_is_no_name(
    compared: dict[str, Any],
) -> None:
    lost = {
        (text[start:end], kind)
        for text, _, theirs, ours in compared["pairs"]
        for start, end, kind, score in theirs
        if not any(
            left <= start and end <= right and kind == found and score <= sure
            for left, right, found, sure in ours
        )
    }
    assert lost <= NO_NAMES


def test_the_texts_show_something_of_most_kinds(compared: dict[str, Any]) -> None:
    found = {kind for _, _, _, ours in compared["pairs"] for _, _, kind, _ in ours}
    assert len(found) >= 18


def test_nothing_is_asked_of_the_network_and_nothing_written(compared: dict[str, Any]) -> None:
    assert compared["reached"] == []
