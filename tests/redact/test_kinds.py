from proxy.redact.kinds import for_identifiers
from proxy.verdict import KindPlan


def test_identifiers_are_searched_for_patterns_and_not_for_names() -> None:
    plan = [KindPlan("PERSON", 0.5), KindPlan("EMAIL_ADDRESS", 0.5, restore=False), KindPlan("LOCATION", 0.5)]
    assert for_identifiers(plan) == (KindPlan("EMAIL_ADDRESS", 0.5, restore=False),)
