"""Telephone numbers: as Presidio finds them, at a fraction of the cost, and by their shape and by what
stands before.

Presidio walks through the whole text once for each of eight regions. All of them look for the same
candidates; only whether one is a number differs. So candidates are looked for once, near digits, and each
is asked of the regions.
"""

from collections.abc import Iterator
from typing import Any, Final

import phonenumbers
import regex
from presidio_analyzer import AnalysisExplanation, RecognizerResult
from presidio_analyzer.predefined_recognizers import PhoneRecognizer

from proxy.edges.presidio.forms import LIKELY, SURE, Form, FormRecogniser

MARGIN: Final = 48
"""Characters without a digit between two windows: longer than any gap inside a number, with its
extension's words (at most 27: `phonenumbers` allows for separators, a word and punctuation) and what it
looks at around one."""

LEAST_DIGITS: Final = 5
"""Of Presidio's regions only Germany has shorter ones, of four digits, for pagers: years, pages and
houses have four too."""

MOST_DIGITS: Final = 20
"""`phonenumbers` takes 17 for a national number and three for a country; what is longer it does not parse."""

_DIGITS = regex.compile(r"\p{Nd}")


class _Matcher(phonenumbers.PhoneNumberMatcher):
    """One region's look at a window. `shared`: what a number with its country's code is, is the same in
    all."""

    def __init__(
        self, text: str, region: str, leniency: int | None, shared: dict[tuple[str, int], Any]
    ) -> None:
        super().__init__(text, region, leniency=leniency)  # type: ignore[arg-type]  # a number, as Presidio has it
        self._shared = shared

    def _parse_and_verify(self, candidate: str, offset: int) -> Any:
        digits = sum(map(str.isdigit, candidate))
        if not LEAST_DIGITS <= digits <= MOST_DIGITS:
            return None
        if not candidate.startswith("+"):
            return super()._parse_and_verify(candidate, offset)
        known = candidate, offset
        if known not in self._shared:
            self._shared[known] = super()._parse_and_verify(candidate, offset)
        return self._shared[known]


class QuickPhones(PhoneRecognizer):
    """What `PhoneRecognizer` finds, but for its reasons, at windows around digits instead of in the whole
    text."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Presidio's door. Only `text` is looked at."""
        del entities, nlp_artifacts
        places: set[tuple[int, int]] = set()
        for start, end in windows(text):
            window, shared = text[start:end], {}  # type: ignore[var-annotated]
            for region in self.supported_regions:
                matches = _Matcher(window, region, self.leniency, shared)
                places.update((start + match.start, start + match.end) for match in matches)
        kind = self.supported_entities[0]
        return self.remove_duplicates(
            [
                RecognizerResult(kind, *place, self.SCORE, AnalysisExplanation("QuickPhones", self.SCORE))
                for place in places
            ]
        )


def windows(text: str) -> Iterator[tuple[int, int]]:
    """The parts of a text that can hold a number, with their margins; never closer than a margin's digits."""
    first = last = -1
    count = 0
    for match in _DIGITS.finditer(text):
        at = match.start()
        if count and at - last > 2 * MARGIN:
            if count >= LEAST_DIGITS:
                yield max(0, first - MARGIN), min(len(text), last + 1 + MARGIN)
            count = 0
        first = at if not count else first
        last = at
        count += 1
    if count >= LEAST_DIGITS:
        yield max(0, first - MARGIN), min(len(text), last + 1 + MARGIN)


_START: Final = r"(?<![\w/.,+-])"
_END: Final = r"(?![\w/-]|[.,]\d)"
_EXTENSION: Final = r"(?:[ ]?(?:x|ext\.?|extension)[ ]?\d{1,6})?"
_LABELS: Final = (
    r"tel|tel\.|telephone|phone|phone number|mobile|mobile number|cell|cellphone|fax|desk|direct|hotline|"
    r"whatsapp|my number|contact number|"
    r"call|called from|ring|rang|dial|text|text me at|reach(?:able|ed)?(?: me| us| him| her| them)? "
    r"(?:at|on|under|by phone at)|"
    r"téléphone|portable|telefon|handy|mobil|teléfono|móvil|telefono|cellulare|telefone|telemóvel|telefoon"
)


_SOMETHING_ELSE: Final = regex.compile(
    r"\d{3}-\d{2}-\d{4}|\d{1,3}(?:\.\d{1,3}){3}|(?:\d{4}[ -]?){3}\d{3,4}|\d{4}-\d\d-\d\d"
)
"""A social security number, an address of a network, a card, a date."""


def _long_enough(words: str) -> bool:
    """E.164 has at most 15 digits (with an extension, more); subscribers' numbers have at least six."""
    digits = sum(letter.isdigit() for letter in words)
    return 6 <= digits <= 20 and not _SOMETHING_ELSE.fullmatch(words)


def _international(words: str) -> bool:
    """A country calling code that exists, and as many digits as its numbers may have."""
    try:
        number = phonenumbers.parse(words)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)


def by_shape(language: str) -> FormRecogniser:
    """Also numbers that no network has given out: what is written like one belongs to somebody all the
    same."""
    part = r"[ .\u00a0-]{0,2}\(?\d{1,6}\)?"
    return FormRecogniser(
        "PHONE_NUMBER",
        (
            Form(
                regex.compile(
                    rf"{_START}(?P<entity>(?:\+?1[ .-]?|001[ .-])?(?:\(\d{{3}}\)[ ]?|\d{{3}}[.-])"
                    rf"\d{{3}}[ .-]\d{{4}}{_EXTENSION}){_END}"
                ),
                SURE,
            ),
            Form(
                regex.compile(
                    rf"{_START}(?P<entity>\+?1[ .-]\d{{3}}[ .-]\d{{3}}[ .-]\d{{4}}{_EXTENSION}){_END}"
                ),
                SURE,
            ),
            Form(
                regex.compile(rf"(?<![\w+])(?P<entity>\+\d{{1,3}}(?:{part}){{2,7}}{_EXTENSION}){_END}"),
                SURE,
                ("+",),
                _international,
            ),
            Form(
                regex.compile(
                    rf"(?i:\b(?:{_LABELS}))(?:[ ]?(?:is|at|on|from|under|no\.?|nr\.?|number|:|=|\#))"
                    rf"{{0,3}}[ \t]{{0,3}}:?[ \t]{{0,3}}"
                    rf"(?P<entity>(?:\+|00)?\(?\d{{1,6}}\)?(?:{part}){{1,6}}{_EXTENSION}){_END}"
                ),
                SURE,
                accept=_long_enough,
            ),
            Form(
                regex.compile(
                    rf"{_START}(?P<entity>0\d{{1,4}}(?:[ ]\d{{2,8}}){{1,4}}|\(0\d{{1,4}}\)[ "
                    rf"]\d{{2,8}}(?:[ -]\d{{2,8}}){{0,3}}){_END}"
                ),
                LIKELY,
                ("0",),
                _national,
            ),
        ),
        language,
        name="Phones by shape",
    )


def _national(words: str) -> bool:
    return 9 <= sum(letter.isdigit() for letter in words) <= 12
