import threading
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from proxy.conductor.asking import COUNT_INLINE_CHARS
from proxy.redact.spans import Span
from proxy.verdict import KindPlan
from tests.conductor.plays import Play, chat
from tests.fakes import MAIL, LetterTokens, ScriptedPolicies, allow


class RememberingTokens(LetterTokens):
    """Knows the texts that it was told; `counted` are those that it had to count, and where."""

    def __init__(self, *known: str) -> None:
        self.known = known
        self.counted: list[tuple[str, bool]] = []

    def cached(self, model: str, text: str) -> int | None:
        return len(text) if text in self.known else None

    def count(self, model: str, text: str) -> int:
        self.counted.append((text, threading.current_thread() is threading.main_thread()))
        return len(text)


def tokens_told(play: Play) -> list[int]:
    return [message["tokens"] for message in play.policies.asked[0]["messages"]]


LONG = "x" * (COUNT_INLINE_CHARS + 1)


async def test_a_long_new_text_is_counted_beside_the_loop() -> None:
    tokens = RememberingTokens("known")
    play = Play(tokens=tokens)
    await play.run(chat("known", LONG, "new"))
    assert tokens.counted == [(LONG, False), ("new", False)]
    assert tokens_told(play) == [5, len(LONG), 3]


async def test_a_long_text_that_is_known_sends_nothing_to_another_thread() -> None:
    tokens = RememberingTokens(LONG)
    play = Play(tokens=tokens)
    await play.run(chat(LONG, "new"))
    assert tokens.counted == [("new", True)]


@given(st.lists(st.tuples(st.text(min_size=1, max_size=8), st.booleans()), min_size=1, max_size=8))
async def test_every_message_has_its_own_count_whichever_are_known(texts: list[tuple[str, bool]]) -> None:
    play = Play(tokens=RememberingTokens(*(text for text, known in texts if known)))
    await play.run(chat(*(text for text, _ in texts)))
    assert tokens_told(play) == [len(text) for text, _ in texts]


class KindsAsked:
    """Finds nothing; `kinds` are those that each text was asked about."""

    def __init__(self) -> None:
        self.kinds: dict[str, list[str]] = {}

    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        self.kinds |= {text: [wanted.kind for wanted in plan] for text in texts}
        return [() for _ in texts]


async def test_names_of_people_are_looked_for_in_prose_and_not_in_identifiers() -> None:
    plan = (MAIL, KindPlan("PERSON", 0.5))
    play = Play(policies=ScriptedPolicies(admission=allow(redact_prompt=plan)), recogniser=KindsAsked())
    await play.run(chat(messages=[{"role": "user", "name": "Berlin-2", "content": "Hi"}]))
    assert play.recogniser.kinds == {"Hi": ["EMAIL_ADDRESS", "PERSON"], "Berlin-2": ["EMAIL_ADDRESS"]}
