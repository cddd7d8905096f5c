"""Dates of birth: a date is one only where the words before it say so. Other dates are nobody's."""

from typing import Final

import regex

from proxy.edges.presidio.forms import SURE, Form, FormRecogniser

_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DATE: Final = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}[-/.][ ]?\d{{1,2}}[-/.][ ]?(?:\d{{4}}|\d{{2}})"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[ -](?:of[ ])?{_MONTH}[ ,-]{{1,2}}\d{{4}}|{_MONTH}[ ]\d{{1,2}}(?:st|nd|"
    rf"rd|th)?,?[ ]\d{{4}})"
)
_SAID: Final = (
    r"(?i:\b(?:born(?: on)?|birth ?date|date of birth|d\.?o\.?b\.?|birthday(?: is)?|geboren am|"
    r"geburtsdatum|né le|née le|"
    r"date de naissance|fecha de nacimiento|nacid[oa] el|data di nascita|nat[oa] il|data de nascimento|"
    r"geboortedatum))"
)


def recogniser(language: str) -> FormRecogniser:
    return FormRecogniser(
        "DATE_OF_BIRTH",
        (
            Form(
                regex.compile(
                    rf"{_SAID}[ \t]{{0,3}}(?:is|was|on|:|=|-)?[ \t]{{0,3}}(?P<entity>{_DATE})(?!\w)"
                ),
                SURE,
                (
                    "born",
                    "birth",
                    "dob",
                    "d.o.b",
                    "gebor",
                    "geburt",
                    "né",
                    "naissance",
                    "nac",
                    "nasc",
                    "nat",
                    "geboorte",
                ),
            ),
        ),
        language,
        name="Dates of birth",
    )
