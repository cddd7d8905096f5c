"""Every recogniser of ours, beside Presidio's."""

from proxy.edges.presidio import addresses, births, cards, organisations, people, phones, secret_keys
from proxy.edges.presidio.forms import FormRecogniser


def ours(language: str) -> list[FormRecogniser]:
    return [
        people.recogniser(language),
        addresses.recogniser(language),
        organisations.recogniser(language),
        phones.by_shape(language),
        cards.recogniser(language),
        births.recogniser(language),
        secret_keys.recogniser(language),
    ]
