"""Kinds of entities: which are names and which are patterns."""

from collections.abc import Iterable

from proxy.verdict import KindPlan

NAMED_KINDS = frozenset({"PERSON", "LOCATION", "ORGANIZATION", "NRP", "DATE_TIME"})
"""A model finds these by reading the prose around them; every other kind is found by its pattern alone.
Dates are found both ways, and count as names here: in an identifier they are left alone."""


MARKED_KINDS = frozenset(
    {
        *("EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS"),
        *("US_SSN", "US_ITIN", "US_BANK_NUMBER", "UK_NHS", "UK_NINO"),
    }
)
"""Their patterns begin in the word with a digit or an `@`, unless others are configured for the kind."""

SECRET = "SECRET"  # noqa: S105 - the kind's name
"""Keys, tokens, passwords. One-way, whatever a plan says: a vault never gives one back."""


def for_identifiers(plan: Iterable[KindPlan]) -> tuple[KindPlan, ...]:
    """The plan for texts that are no prose: names of tools, keys, enumerations.

    A model of prose takes `get_weather` or `Berlin-2` for whatever it likes; a pattern is one anywhere.
    """
    return tuple(wanted for wanted in plan if wanted.kind not in NAMED_KINDS)
