"""Recognisers of ours: what stands in a known form around it, such as a name behind `Dear` or a number behind
`Tel.`. A form is a pattern with a group `entity`; what surrounds the group is its evidence.

A pattern that does not end in time raises: the text is then refused, not passed on half read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import regex
from presidio_analyzer import AnalysisExplanation, LocalRecognizer, RecognizerResult

TIME_S = 1.0
"""Of one form on one piece of 4,000 characters, which takes a well-made one a millisecond."""

SURE = 0.9
"""Above what the language model's findings score (0.85), so that a form names what both found."""

LIKELY = 0.7
"""Below it: where the language model sees something else, that stands."""

Accept = Callable[[str], bool]


def anything(_words: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Form:
    """`needs`: of these, one must be in the text, lower-cased, or the pattern cannot match; none: always
    asked. `accept`: what the words must be beside matching, such as a right check digit."""

    pattern: regex.Pattern[str]
    score: float
    needs: tuple[str, ...] = ()
    accept: Accept = anything

    def found(self, text: str, lowered: str) -> Iterator[tuple[int, int]]:
        """Raises TimeoutError."""
        if self.needs and not any(need in lowered for need in self.needs):
            return
        for match in self.pattern.finditer(text, timeout=TIME_S):
            start, end = match.span("entity")
            if start < end and self.accept(text[start:end]):
                yield start, end


class FormRecogniser(LocalRecognizer):
    """Everything of one kind that stands in one of these forms."""

    def __init__(self, kind: str, forms: Sequence[Form], language: str, name: str) -> None:
        super().__init__([kind], name=name, supported_language=language)
        self._kind = kind
        self._reason = name
        self._forms = tuple(forms)

    def load(self) -> None:
        """Nothing to load: Presidio asks every recogniser."""

    def analyze(self, text: str, entities: list[str], nlp_artifacts: Any = None) -> list[RecognizerResult]:
        """Presidio's door. `nlp_artifacts` are not looked at."""
        del entities, nlp_artifacts
        lowered = text.lower()
        return [
            self._result(start, end, form.score)
            for form in self._forms
            for start, end in form.found(text, lowered)
        ]

    def _result(self, start: int, end: int, score: float) -> RecognizerResult:
        return RecognizerResult(self._kind, start, end, score, AnalysisExplanation(self._reason, score))
