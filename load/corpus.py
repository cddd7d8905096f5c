"""The texts of a measurement: chat requests with a history, and answers that repeat a word of the request.

Every request has a mark, `[[…]]`, in its last message; the stand-in upstream repeats it in its answer, and
the driver looks for it there. So an answer to somebody else's request, or a damaged one, is found out.
"""

import json
import random
from dataclasses import dataclass
from itertools import count

MODEL = "smollm2"
HISTORY_MESSAGES = 7  # with the last one: the eight messages that the budget speaks of
MARK_OPEN = b"[["
MARK_CLOSE = b"]]"
MARK_LETTERS = "bcdfghjklmnpqrstvwxz"  # no vowels: no name, no number, so no recogniser takes it for anything
MARK_LENGTH = 12

# Stand in the history, so that there is something to redact, to restore and to remember.
PERSONAL = (
    "Please send the minutes to Anna Lindqvist, anna.lindqvist@example.com, or call +49 30 901820 at noon. "
)

PROSE = """
the meeting about our new warehouse moved to spring because several teams asked for more time and nobody
wants another rushed plan so we agreed that every group writes down what it needs which risks it sees and
how much room is left before winter after that we compare notes choose one layout and order the shelves
"""
WORDS = PROSE.split()


@dataclass(frozen=True, slots=True)
class Question:
    """A request body that lacks its last message's own words: `before + words + after`."""

    before: bytes
    after: bytes

    def body(self, mark: str) -> bytes:
        return self.before + f"{MARK_OPEN.decode()}{mark}{MARK_CLOSE.decode()}".encode() + self.after


def question(history_chars: int, *, stream: bool = False, rate: int = 0) -> Question:
    """Seven messages of history, the same in every request, and a last one that is yet to be marked.

    `rate`: chunks a second that the stand-in is to stream, 0 for all at once. It travels as the `seed`, which
    every proxy passes on.
    """
    each = history_chars // HISTORY_MESSAGES
    roles = ["system", *(("user", "assistant")[turn % 2] for turn in range(HISTORY_MESSAGES - 1))]
    messages = [{"role": role, "content": _prose(number, each)} for number, role in enumerate(roles)]
    last = "About ticket MARK: " + _prose(99, 200)
    messages.append({"role": "user", "content": last})
    body = {"model": MODEL, "messages": messages, "max_tokens": 256, "seed": rate, "stream": stream}
    before, _, after = json.dumps(body).encode().partition(b"MARK")
    return Question(before, after)


class Marks:
    """Marks that never come twice in a run."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._numbers = count()

    def fresh(self) -> str:
        letters = "".join(self._dice.choices(MARK_LETTERS, k=MARK_LENGTH - 4))
        number, tail = next(self._numbers), ""
        for _ in range(4):
            number, digit = divmod(number, len(MARK_LETTERS))
            tail += MARK_LETTERS[digit]
        return letters + tail


def mark_in(body: bytes) -> bytes:
    """What stands between the last marks of a body; it may have been redacted on the way."""
    start = body.rfind(MARK_OPEN)
    end = body.find(MARK_CLOSE, start)
    return body[start + 2 : end] if 0 <= start < end else b""


def answer_pieces(pieces: int, *, mark_once: bool = False) -> list[str]:
    """An answer in pieces of about a token. `MARK` stands in every sentence: none of them is an old one.

    With `mark_once` in the first one alone; the others are plain prose, in which nobody looks for anything.
    """
    dice = random.Random(pieces)
    said = []
    for number in range(pieces):
        place = number % 16
        if place == 0:
            said.append("Ticket ")
        elif place == 1 and not (mark_once and number > 1):
            said.append("[[MARK]]")
        elif place == 15:
            said.append(" done.\n")
        else:
            said.append(" " + dice.choice(WORDS))
    return said


def _prose(seed: int, chars: int) -> str:
    """Plain sentences, with the personal one among them in every third text."""
    dice = random.Random(seed)
    text = PERSONAL if seed % 3 == 1 else ""
    while len(text) < chars:
        words = dice.choices(WORDS, k=dice.randint(7, 16))
        text += " ".join(words).capitalize() + ". "
    return text[:chars]
