"""People in the forms in which texts name them: fields, greetings, signatures, titles, mail headers,
given names."""

from typing import Final

import regex

from proxy.edges.presidio.forms import LIKELY, SURE, Form, FormRecogniser
from proxy.edges.presidio.words import GIVEN, NOBODY, PLACES

_CAP: Final = r"(?:(?:O['’]|D['’]|Mc|Mac)?\p{Lu}[\p{Ll}\p{M}'’]{1,24}+(?:-\p{Lu}\p{Ll}{1,24}+)?)"
"""One part of a name. Never all in capitals: those are abbreviations, or a heading that shouts."""

_GAP: Final = r"[ \u00a0]"
_PARTICLE: Final = (
    rf"(?:(?:van|von|de|del|della|di|da|dos|das|du|la|le|bin|al|el|der|den|ten|ter|zu){_GAP}){{0,2}}"
)
_NEXT: Final = rf"(?:{_GAP}(?:\p{{Lu}}\.{_GAP}?){{0,2}}{_PARTICLE}{_CAP})"
_ONE_OR_MORE: Final = rf"{_CAP}{_NEXT}{{0,3}}"
_TWO_OR_MORE: Final = rf"{_CAP}{_NEXT}{{1,3}}"
_END: Final = r"(?![\p{L}\p{N}_@]|[-.]\w)"

_FIELDS: Final = (
    "name|full name|first name|last name|surname|given name|family name|maiden name|patient|customer|"
    "client|employee|"
    "applicant|tenant|landlord|beneficiary|contact|contact person|attn|attention|account holder|"
    "cardholder|signed|"
    "author|from|to|cc|bcc|sender|recipient|candidate|guest|passenger|manager|owner|holder|prepared by|"
    "signed by|"
    "approved by|reported by|assigned to|requester|user|member|student|teacher|doctor|physician|insured|"
    "driver|"
    "nom|prénom|vorname|nachname|nombre|apellido|nome|cognome|naam"
)
_TITLES: Final = (
    r"(?:Mr|Mrs|Ms|Mx|Dr|Prof|Sr|Sra|Dott|Hr|Fr|M)\.|(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Doctor|Judge|"
    r"Captain|"
    r"Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Señora?|Signora?|Senhora?|Mevrouw|Meneer)"
)
_GREETINGS: Final = (
    "dear|hi|hello|hey|good morning|good afternoon|good evening|bonjour|cher|chère|hallo|liebe|lieber|"
    "hola|estimado|estimada|querido|querida|ciao|caro|cara|gentile|olá|prezado|prezada|beste|geachte"
)
_CLOSINGS: Final = (
    "regards|wishes|cheers|sincerely|faithfully|truly|thanks|thank you|best|yours|love|respectfully|"
    "grüßen|grüße|"
    "cordialement|salutations|saludos|atentamente|saluti|cumprimentos|groeten|groet"
)
_SAYING: Final = (
    r"my (?:full )?name is|her name is|his name is|name was|call me|my name['’]s|i am called|known as"
)
_NEAR: Final = (
    "remind|ask|tell|told|asked|invite|thank|according to|said|says|meet with|speak to|spoke to|spoke "
    "with|talk to|talked to|"
    "called by|written by|signed by|on behalf of|for employee|wife|husband|partner|brother|sister|son|"
    "daughter|colleague"
)


def _nobody(words: str) -> bool:
    """Whether a part of it can never be of a person's name."""
    return any(part.strip(".,'’").lower().removesuffix("'s") in NOBODY for part in words.split())


def _somebody(words: str) -> bool:
    return not _nobody(words) and words not in PLACES


def _pattern(text: str) -> regex.Pattern[str]:
    return regex.compile(text, regex.MULTILINE)


def _given(text: str) -> regex.Pattern[str]:
    names = {name.capitalize() for name in GIVEN} - set(PLACES)
    return regex.compile(text, regex.MULTILINE, given=names, ignore_unused=True)


def _by_given_name() -> tuple[Form, ...]:
    """With a surname behind it, or alone."""
    return (
        Form(
            _given(rf"(?<![\p{{L}}\p{{N}}_@./-])(?P<entity>\L<given>(?:-{_CAP})?{_NEXT}{{1,3}}){_END}"),
            SURE,
            (),
            _somebody,
        ),
        Form(_given(rf"(?<![\p{{L}}\p{{N}}_@./-])(?P<entity>\L<given>){_END}"), LIKELY, (), _somebody),
    )


def recogniser(language: str) -> FormRecogniser:
    behind_field = rf"(?:^|[\n,;(|]{_GAP}{{0,3}})(?i:{_FIELDS}){_GAP}?[:=]\s{{0,3}}(?:(?:{_TITLES}){_GAP})?"
    return FormRecogniser(
        "PERSON",
        (
            Form(_pattern(rf"{behind_field}(?P<entity>{_ONE_OR_MORE}){_END}"), SURE, (":", "="), _somebody),
            Form(
                _pattern(rf"\b(?i:{_SAYING})\s(?P<entity>{_ONE_OR_MORE}){_END}"),
                SURE,
                ("name", "call", "known"),
                _somebody,
            ),
            Form(
                _pattern(
                    r"\b(?i:my (?:full )?name is) (?P<entity>[\p{Ll}'’]{2,20} [\p{Ll}'’]{2,20})(?=[.,!?\n]|$)"
                ),
                SURE,
                ("name is",),
                _somebody,
            ),
            Form(
                _pattern(rf"(?<![\w.])(?:{_TITLES}){_GAP}(?P<entity>{_ONE_OR_MORE}){_END}"),
                SURE,
                (),
                _somebody,
            ),
            Form(
                _pattern(
                    rf"(?:^|[\n>\"“.!?]{_GAP}?)(?i:{_GREETINGS}),?{_GAP}(?:(?:{_TITLES}){_GAP})?"
                    rf"(?P<entity>{_ONE_OR_MORE})(?={_GAP}?(?:[,!:.;\n–—]|-{_GAP}|$))"
                ),
                SURE,
                (),
                _somebody,
            ),
            Form(
                _pattern(
                    rf"(?i:\b(?:{_CLOSINGS}))[,.!]?[ \t]{{0,3}}\n\s{{0,4}}(?P<entity>{_ONE_OR_MORE})(?=[ "
                    rf"\t]{{0,3}}(?:[,|\n]|$))"
                ),
                SURE,
                ("\n",),
                _somebody,
            ),
            Form(
                _pattern(
                    rf"(?P<entity>\p{{Lu}}[\p{{L}}'’.-]{{0,24}}(?:{_GAP}[\p{{L}}'’.-]{{1,24}}){{1,3}})"
                    rf"{_GAP}?[<(]\S{{1,64}}@"
                ),
                SURE,
                ("@",),
            ),
            Form(_pattern(rf"\b(?i:{_NEAR}){_GAP}(?P<entity>{_CAP}){_END}"), LIKELY, (), _somebody),
            *_by_given_name(),
        ),
        language,
        name="People",
    )
