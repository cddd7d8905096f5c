"""Business texts with personal words in them, and where those stand: made by a seed, never collected.

Two sets that share no template and no name, street, town or firm: `tuning`, which recognisers may be built by
looking at, and `held_out`, which is for measuring alone. Numbers with check digits are made to be right.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Final, Literal

from load.redaction_words import FIRMS, FIRST, HELD_OUT, LAST, PLACES, STREETS, TUNING

Set = Literal["tuning", "held_out"]


@dataclass(frozen=True, slots=True)
class Entity:
    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Sample:
    text: str
    entities: tuple[Entity, ...]


class Maker:
    """Values of one set. A half of each list of words is its own."""

    def __init__(self, which: Set, seed: int) -> None:
        self._random = random.Random(f"{which} {seed}")
        self._first, self._last, self._streets, self._places, self._firms = (
            _half(words, int(which == "held_out")) for words in (FIRST, LAST, STREETS, PLACES, FIRMS)
        )
        self._templates = TUNING if which == "tuning" else HELD_OUT

    def samples(self, count: int) -> Iterator[Sample]:
        """Every template as often as any other, give or take one."""
        for index in range(count):
            yield self.sample(self._templates[index % len(self._templates)])

    def sample(self, template: str) -> Sample:
        text, entities = "", []
        for words, name, _, _ in Formatter().parse(template):
            text += words
            if name:
                kind, make = KINDS[name]
                value = make(self)
                entities.append(Entity(len(text), len(text) + len(value), kind))
                text += value
        return Sample(text, tuple(entities))

    def first(self) -> str:
        return self._random.choice(self._first)

    def last(self) -> str:
        return self._random.choice(self._last)

    def person(self) -> str:
        middle = f" {self._random.choice('ABCDEFGHJKLMRST')}." if self._random.random() < 0.12 else ""
        return f"{self.first()}{middle} {self.last()}"

    def email(self) -> str:
        host = self._random.choice(
            ("example.com", "mail.example.org", "firma-nord.de", "acme.co.uk", "poste.fr")
        )
        joined = self._random.choice((".", "_", ""))
        return f"{self.first()}{joined}{self.last()}@{host}".lower().replace(" ", "").replace("'", "")

    def phone(self) -> str:
        return self._digits(self._random.choice(PHONES))

    def city(self) -> str:
        return self._random.choice(self._places)

    def street(self) -> str:
        return f"{self._random.randint(1, 999)} {self._random.choice(self._streets)}"

    def address(self) -> str:
        """On one line or over several, as people write them in English, and some from elsewhere."""
        form = self._random.choice(ADDRESSES)
        filled = form.format(street=self.street(), city=self.city(), flat=self._random.randint(1, 99))
        return self._digits(filled)

    def continental(self) -> str:
        """A street that has its number behind it, and the town's code before the town."""
        name = self._random.choice(
            ("Haupt", "Garten", "Linden", "Berg", "Goethe", "Schiller", "Wiesen", "Bahnhof")
        )
        form = self._random.choice(("straße", "strasse", "weg", "allee", "gasse", "platz"))
        return self._digits(f"{name}{form} {self._random.randint(1, 180)}, ##### {self.city()}")

    def firm(self) -> str:
        form = self._random.choice(
            ("Ltd", "Inc.", "GmbH", "LLC", "plc", "AG", "Group", "Holdings", "S.A.", "& Sons")
        )
        return f"{self._random.choice(self._firms)} {form}"

    def institute(self) -> str:
        form = self._random.choice(
            ("University of {}", "{} Hospital", "Bank of {}", "{} City Council", "{} College")
        )
        return form.format(self.city())

    def card(self) -> str:
        body = self._digits(self._random.choice(("4##############", "53#############")))
        number = body + _luhn(body)
        gap = self._random.choice((" ", "-", ""))
        return gap.join(number[at : at + 4] for at in range(0, 16, 4))

    def iban(self) -> str:
        country, account = self._random.choice(
            (
                ("DE", "##################"),
                ("GB", "BUKB##############"),
                ("FR", "#######################"),
                ("NL", "ABNA##########"),
            )
        )
        body = self._digits(account)
        check = 98 - int("".join(str(int(letter, 36)) for letter in body + country + "00")) % 97
        number = f"{country}{check:02}{body}"
        return (
            " ".join(number[at : at + 4] for at in range(0, len(number), 4))
            if self._random.random() < 0.5
            else number
        )

    def ssn(self) -> str:
        area, group, serial = (self._random.randint(*ends) for ends in ((100, 665), (10, 99), (1000, 9999)))
        return f"{area}-{group}-{serial}"

    def _digits(self, form: str) -> str:
        return "".join(self._random.choice("23456789") if letter == "#" else letter for letter in form)


PHONES: Final = (
    "(###) ###-####",
    "###-###-####",
    "###.###.####",
    "+1 ### ### ####",
    "1-###-###-####",
    "###-###-####x###",
    "+44 20 7### ####",
    "020 7### ####",
    "07### ######",
    "+49 30 ########",
    "030 #######",
    "+33 1 ## ## ## ##",
    "06 ## ## ## ##",
    "+39 06 #### ####",
    "+34 6## ### ###",
    "+31 20 ### ####",
    "0## ### ## ##",
    "+61 2 #### ####",
    "001-###-###-####",
    "+91 ##### #####",
    "+351 9## ### ###",
    "(0##) #### ####",
)

ADDRESSES: Final = (
    "{street}, {city}",
    "{street}\n{city}",
    "{street}, Apt. {flat}, {city} #####",
    "{street}\nSuite {flat}\n{city}, NY #####",
    "Flat {flat}, {street}, {city}",
    "{street}, {city}, TX #####",
)

KINDS: Final[dict[str, tuple[str, Callable[[Maker], str]]]] = {
    "person": ("PERSON", Maker.person),
    "first": ("PERSON", Maker.first),
    "last": ("PERSON", Maker.last),
    "email": ("EMAIL_ADDRESS", Maker.email),
    "phone": ("PHONE_NUMBER", Maker.phone),
    "city": ("LOCATION", Maker.city),
    "street": ("LOCATION", Maker.street),
    "address": ("LOCATION", Maker.address),
    "continental": ("LOCATION", Maker.continental),
    "firm": ("ORGANIZATION", Maker.firm),
    "institute": ("ORGANIZATION", Maker.institute),
    "card": ("CREDIT_CARD", Maker.card),
    "iban": ("IBAN_CODE", Maker.iban),
    "ssn": ("US_SSN", Maker.ssn),
}


def _half(words: Sequence[str], which: int) -> tuple[str, ...]:
    """By pairs: first names alternate between women's and men's."""
    return tuple(word for index, word in enumerate(words) if index // 2 % 2 == which)


def _luhn(body: str) -> str:
    """The check digit that makes `body` a card number (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)
