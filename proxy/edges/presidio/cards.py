"""Payment cards of lengths that Presidio does not look for: 12 to 19 digits, with the right check digit."""

from typing import Final

import regex

from proxy.edges.presidio.forms import SURE, Form, FormRecogniser

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def checks(words: str) -> bool:
    """ISO/IEC 7812-1, annex B (Luhn). `0000 0000 0000` has the right check digit, and is no card."""
    digits = [int(letter) for letter in words if letter.isdigit()]
    others = digits[-1::-2], digits[-2::-2]
    return len(set(digits)) > 1 and (sum(others[0]) + sum(_DOUBLED[digit] for digit in others[1])) % 10 == 0


def recogniser(language: str) -> FormRecogniser:
    groups = r"\d{4}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?"
    return FormRecogniser(
        "CREDIT_CARD",
        (
            Form(
                regex.compile(
                    rf"(?<![\w.,-])(?P<entity>(?=[3-6]|2[2-7])(?:\d{{13,19}}|{groups}))(?![\w-]|[.,]\d)"
                ),
                SURE,
                accept=checks,
            ),
            Form(
                regex.compile(
                    r"(?i:\b(?:card|cc|maestro|visa|mastercard|amex)\b[^\d\n]{0,24})(?P<entity>\d{12,19})"
                    r"(?!\w)"
                ),
                SURE,
                ("card", "cc", "maestro", "visa", "amex"),
                accept=checks,
            ),
        ),
        language,
        name="Cards by check digit",
    )
