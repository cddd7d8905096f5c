"""Streets with their numbers, with what follows them (flats, towns, codes), over lines; and places by
their names."""

from typing import Final

import regex

from proxy.edges.presidio.forms import LIKELY, SURE, Form, FormRecogniser
from proxy.edges.presidio.words import PLACES, STRONG_WAYS, WAYS

_CAP: Final = r"\p{Lu}[\p{Ll}\p{M}'’]{1,24}+(?:-\p{Lu}\p{Ll}{1,24}+)?"
_GAP: Final = r"[ \u00a0]"
_LINE: Final = r"(?:[ \t]{0,3},[ \t]{0,3}\n?[ \t]{0,3}|[ \t]{0,3}\n{1,2}[ \t?>]{0,4}|[ \t])"
"""Between two lines of an address, also when they were quoted or written on one."""

_UNIT: Final = (
    r"(?:(?:Apt|Apartment|Suite|Ste|Flat|Unit|Floor|Fl|Room|Rm|Studio|PO Box|P\.O\. Box|Bldg|Building)\b\.?"
    r"[ ]?#?\d{0,5}[A-Za-z]?\b|\#\d{1,5})"
)
_CODE: Final = (
    r"(?:\p{Lu}{1,2}\d[\p{Lu}\d]?[ ]?\d\p{Lu}{2}|\p{Lu}\d\p{Lu}[ ]?\d\p{Lu}\d"
    r"|(?:[A-Z]{1,2}-)?\d{4,6}(?:-\d{3,4})?(?:[ ]?[A-Z]{2}\b)?)"
)
"""Postal codes: of Britain, of Canada, and all that are of digits."""

_TOWN: Final = (
    rf"(?:{_CAP}(?:{_GAP}(?:(?:upon|on|am|an|der|sur|de|la|le|les|el|di|and|of|the)"
    rf"{_GAP}){{0,2}}{_CAP}){{0,3}})"
)
_TAIL: Final = (
    rf"(?:{_LINE}{_UNIT}){{0,2}}"
    rf"(?:{_LINE}(?:{_CODE}{_GAP})?{_TOWN}(?=[ \t]*(?:[,.;:!?\n)]|$|{_CODE}|\p{{Lu}}{{2}}\b|[a-z])))?"
    rf"(?:{_LINE}\p{{Lu}}{{2}}\b)?(?:{_LINE}(?:{_TOWN}{_GAP})?{_CODE}\b)?"
)
_FLAT_FIRST: Final = rf"(?:{_UNIT}(?:[ \t]*,[ \t]*|[ \t]*\n[ \t?>]*|[ ]))?"
_ROMANCE: Final = (
    "rue|avenue|boulevard|place|quai|chemin|impasse|allée|cours|via|viale|piazza|corso|vicolo|largo|"
    "calle|avenida|"
    "paseo|plaza|carrer|camino|rua|praça|travessa|estrada"
)
_ONE_WORD_WAYS: Final = (
    *(
        "straße",
        "strasse",
        "str.",
        "weg",
        "allee",
        "gasse",
        "platz",
        "ufer",
        "damm",
        "ring",
        "straat",
        "laan",
    ),
    *("gracht", "plein", "kade", "vägen", "gatan", "gade", "vej"),
)
"""What ends a street's name in German, Dutch and the languages of the north."""


def _alternatives(words: frozenset[str]) -> str:
    return "|".join(sorted(map(str.capitalize, words), key=len, reverse=True))


def _pattern(text: str) -> regex.Pattern[str]:
    return regex.compile(text, regex.MULTILINE, places=PLACES, ignore_unused=True)


def _by_name() -> tuple[Form, ...]:
    """Where nothing else is named after the place; and, less sure, anywhere."""
    return (
        Form(
            _pattern(
                rf"(?<![\p{{L}}\p{{N}}_@./-])(?<!\b\p{{Lu}}\p{{Ll}}{{1,24}}[ ])(?P<entity>\L<places>)"
                rf"(?![\p{{L}}\p{{N}}_@]|[-.]\p{{L}}|{_GAP}\p{{Lu}}\p{{Ll}})"
            ),
            SURE,
        ),
        Form(_pattern(r"(?<![\p{L}\p{N}_@./-])(?P<entity>\L<places>)(?![\p{L}\p{N}_@])"), LIKELY),
    )


def recogniser(language: str) -> FormRecogniser:
    number = r"(?<![\w.,/-])\d{1,6}[A-Za-z]?(?:[-/]\d{1,4})?"
    ways = rf"(?:{_alternatives(WAYS)})"
    strong = rf"(?:{_alternatives(STRONG_WAYS)})"
    one_word = "|".join(map(regex.escape, _ONE_WORD_WAYS))
    names = rf"(?:(?:{_CAP}|\p{{Lu}}\.|\d{{1,3}}(?:st|nd|rd|th)){_GAP}){{1,4}}?"
    return FormRecogniser(
        "LOCATION",
        (
            Form(
                _pattern(
                    rf"(?P<entity>{_FLAT_FIRST}{number},?{_GAP}(?:[NSEW]\.?{_GAP}|(?:North|South|East|"
                    rf"West){_GAP})?"
                    rf"{names}{ways}\b\.?(?:{_GAP}(?:N|S|E|W|NE|NW|SE|SW)\b)?{_TAIL})"
                ),
                SURE,
            ),
            Form(_pattern(rf"(?P<entity>{_UNIT}{_LINE}{names}{ways}\b{_TAIL})"), SURE),
            Form(
                _pattern(
                    rf"(?<![\w.])(?P<entity>(?:{_CAP}{_GAP}){{1,3}}{strong}\b)"
                    rf"(?!{_GAP}\p{{Lu}}\p{{Ll}}+{_GAP}(?:Ltd|Inc))"
                ),
                SURE,
            ),
            Form(
                _pattern(
                    rf"(?<!\w)(?P<entity>(?:{_CAP}{_GAP}){{0,2}}\p{{L}}[\p{{L}}-]{{2,24}}?(?i:{one_word})"
                    rf"{_GAP}\d{{1,4}}{_GAP}?[a-zA-Z]?\b{_TAIL})"
                ),
                SURE,
                _ONE_WORD_WAYS,
            ),
            Form(
                _pattern(
                    rf"(?<!\w)(?P<entity>(?:\d{{1,4}}(?:{_GAP}(?:bis|ter))?,?{_GAP})?(?i:(?:{_ROMANCE}))"
                    rf"{_GAP}(?:(?:de|del|della|dei|degli|delle|du|"
                    rf"des|da|do|dos|la|las|los|le|les|l['’]|d['’]){_GAP}?)"
                    rf"{{0,2}}{_CAP}(?:{_GAP}(?:(?:de|la|du){_GAP})?{_CAP}){{0,3}}"
                    rf"(?:,?{_GAP}(?:n[°º.]?{_GAP}?)?\d{{1,4}}\b)?{_TAIL})"
                ),
                SURE,
                tuple(_ROMANCE.split("|")),
                accept=lambda words: any(letter.isdigit() for letter in words),
            ),
            Form(
                _pattern(
                    rf"(?i:\b(?:zip|zip code|postcode|postal code|plz){_GAP}?:?{_GAP}(?:is{_GAP})?)"
                    rf"(?P<entity>{_CODE})\b"
                ),
                SURE,
                ("zip", "post", "plz"),
            ),
            Form(_pattern(rf"(?P<entity>(?:{_TOWN}),{_GAP}[A-Z]{{2}}{_GAP}\d{{5}}(?:-\d{{4}})?)\b"), SURE),
            *_by_name(),
        ),
        language,
        name="Addresses",
    )
