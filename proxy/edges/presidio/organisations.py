"""Firms by their legal form, and institutions by what they are called after (`University of …`, `…
Hospital`)."""

from typing import Final

import regex

from proxy.edges.presidio.forms import SURE, Form, FormRecogniser

_CAP: Final = r"(?:\p{Lu}[\p{L}\p{M}\p{N}'’&-]{0,24}+)"
_GAP: Final = r"[ \u00a0]"
_NAME: Final = rf"{_CAP}(?:{_GAP}(?:(?:&|and){_GAP})?{_CAP}){{0,4}}?"
_LEGAL: Final = (
    r"Ltd|Limited|Inc|Incorporated|LLC|LLP|Corp|Corporation|plc|PLC|GmbH|mbH|AG|KG|KGaA|SE|S\.A|SA|SAS|"
    r"SARL|S\.r\.l|Srl|"
    r"S\.p\.A|SpA|S\.L|NV|N\.V|BV|B\.V|AB|Oy|ASA|A/S|ApS|Pty|Co|Group|Holdings?|Partners|Industries|Bros|"
    r"& Sons|& Co|"
    r"and Sons|Associates|Enterprises"
)
_BEHIND: Final = (
    "University|College|Hospital|Bank|Institute|Foundation|Council|City Council|Clinic|Academy|Orchestra|"
    "Airlines|Airways|"
    "Insurance|Ministry|Agency|Chamber of Commerce|Polytechnic|Universität|Universiteit"
)
_BEFORE: Final = (
    "University|Bank|Institute|Ministry|Department|College|Council|Museum|Chamber|Université|Universität"
)


def _pattern(text: str) -> regex.Pattern[str]:
    return regex.compile(text, regex.MULTILINE)


def recogniser(language: str) -> FormRecogniser:
    before = r"(?<![\p{L}\p{N}_@./-])"
    return FormRecogniser(
        "ORGANIZATION",
        (
            Form(_pattern(rf"{before}(?P<entity>{_NAME},?{_GAP}(?:{_LEGAL})\b\.?)(?!{_GAP}?@)"), SURE),
            Form(
                _pattern(rf"{before}(?P<entity>(?:{_CAP}{_GAP}){{1,3}}(?:{_BEHIND}))\b"), SURE, accept=_named
            ),
            Form(
                _pattern(
                    rf"{before}(?P<entity>(?:{_BEFORE}){_GAP}(?:of|de|of the|für|di)"
                    rf"{_GAP}{_CAP}(?:{_GAP}{_CAP}){{0,2}})"
                ),
                SURE,
            ),
        ),
        language,
        name="Organisations",
    )


def _named(words: str) -> bool:
    """`The Hospital` and `My Bank` name nothing."""
    return words.split(maxsplit=1)[0] not in (
        "The",
        "My",
        "Our",
        "Your",
        "Their",
        "This",
        "A",
        "An",
        "Which",
        "Any",
        "Every",
        "No",
    )
