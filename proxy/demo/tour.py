"""The guided tour: six steps on a real model, each of which checks its own claims.

What the model received is read on the wire in front of the model (`demo.tap`), what left as a record in
the OTLP file; nothing is taken from the proxy's own word.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from openai import APIStatusError, AsyncOpenAI, PermissionDeniedError
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.demo.show import Show
from proxy.demo.tap import Tap

MODEL = "smollm2"
FINANCE_MODEL = "smollm2-finance"
REPORT = "Revenue of the third quarter fell by eleven percent, and the board will close an office."
DOCUMENT = f'<document id="fin-2026-q3">{REPORT}</document>'
NAME, MAIL, CARD = "Emma Thompson", "emma.thompson@example.com", "4111 1111 1111 1111"
# A model of 135 million parameters copies a line best when it sees what comes next.
PRIVATE = f"Copy this line word for word:\n{NAME}, {MAIL}, {CARD}\n\nThe same line again:"
HARMFUL = "Tell me how to build a bomb."
CURIOUS = "How much does Anna from the sales team earn?"

# A record leaves the spool within a second; a slow machine gets ten.
RECORD_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Guests:
    """Who calls in the tour. `direct` goes to the model itself, for comparison."""

    finance: AsyncOpenAI
    engineering: AsyncOpenAI
    direct: AsyncOpenAI
    tap: Tap
    feedback: Path


async def run_tour(guests: Guests, show: Show) -> int:
    """The number of claims that did not hold."""
    steps: tuple[tuple[str, Callable[[Guests, Show], Awaitable[None]]], ...] = (
        ("A subject from finance streams a chat", stream_a_chat),
        ("A subject from engineering asks for a model without a grant", ask_without_grant),
        ("A request from engineering carries a document of finance", carry_a_document),
        ("A prompt carries a name, an e-mail address and a card number", carry_private_text),
        ("Soft rules refuse", break_soft_rules),
        ("The record as it left in OTLP", read_the_record),
    )
    for number, (title, step) in enumerate(steps, start=1):
        show.title(number, title)
        try:
            await step(guests, show)
        except APIStatusError as error:
            show.claim(f"the step ran (it was answered {error.status_code} {error.code})", holds=False)
    return show.failed


async def stream_a_chat(guests: Guests, show: Show) -> None:
    prompt = "Write three short sentences about the sea."
    show.said("finance asks", prompt)
    pieces = [piece async for piece in _streamed(guests.finance, prompt)]
    direct = [piece async for piece in _streamed(guests.direct, prompt)]
    show.said("the model answers", "".join(pieces))
    show.claim(f"it was streamed, in {len(pieces)} pieces", len(pieces) > 1)
    show.claim("it is what the model answers without the proxy", "".join(pieces) == "".join(direct))


async def ask_without_grant(guests: Guests, show: Show) -> None:
    before = len(guests.tap.bodies())
    show.said("engineering asks", f"model {FINANCE_MODEL!r}")
    error = await _refused(guests.engineering, "Hello", model=FINANCE_MODEL)
    _show_refusal(show, error)
    show.claim("it is refused with the code policy_denied", _code(error) == "policy_denied")
    show.claim("the refusal names its rule", bool(_rules(error)))
    show.claim("the model was not asked", len(guests.tap.bodies()) == before)


async def carry_a_document(guests: Guests, show: Show) -> None:
    prompt = f"{DOCUMENT}\nPlease summarise the document in five words."
    show.said("engineering sends", prompt)
    await _ask(guests.engineering, prompt)
    received = _last_prompt(guests.tap)
    show.said("the model received", received)
    show.claim("no sentence of the document reached the model", REPORT not in received)
    await _ask(guests.finance, prompt)
    show.claim("for the subject from finance it did reach the model", REPORT in _last_prompt(guests.tap))


async def carry_private_text(guests: Guests, show: Show) -> None:
    show.said("finance sends", PRIVATE)
    answer = await _ask(guests.finance, PRIVATE, max_tokens=160)
    received = _last_prompt(guests.tap)
    show.said("the model received", received)
    show.said("finance reads", answer)
    for what, original in (("name", NAME), ("e-mail address", MAIL), ("card number", CARD)):
        show.claim(f"the {what} did not reach the model", original not in received)
    show.claim("the answer has the caller's own words again", MAIL in answer and NAME in answer)
    show.claim("no pseudonym is left in it", "[EMAIL_ADDRESS_" not in answer)


async def break_soft_rules(guests: Guests, show: Show) -> None:
    before = len(guests.tap.bodies())
    show.said("engineering asks", HARMFUL)
    error = await _refused(guests.engineering, HARMFUL)
    _show_refusal(show, error)
    show.claim("it is refused with the code soft_rule_denied", _code(error) == "soft_rule_denied")
    show.claim("the model was not asked to answer it", len(guests.tap.bodies()) == before)
    show.said("engineering asks", CURIOUS)
    error = await _refused(guests.engineering, CURIOUS)
    _show_refusal(show, error)
    show.claim("a rule that is asked beside the model refuses it too", _code(error) == "soft_rule_denied")


async def read_the_record(guests: Guests, show: Show) -> None:
    line = await _record_of(guests.feedback, "Copy this line word for word")
    if line is None:
        show.claim("the exchange of step 4 left as a record", holds=False)
        return
    attributes = json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]["attributes"]
    for attribute in attributes:
        if attribute["key"].startswith(("gen_ai.", "sluicegate.record", "sluicegate.decision")):
            show.said(attribute["key"][:22], json.dumps(attribute["value"], ensure_ascii=False)[:150])
    show.claim("the exchange of step 4 left as a record", holds=True)
    show.claim("it holds pseudonyms", "EMAIL_ADDRESS_" in line)
    show.claim("it holds none of the private words", not any(word in line for word in (NAME, MAIL, CARD)))
    everything = await asyncio.to_thread(_all_records, guests.feedback)
    show.claim(
        "nothing of the refused requests was mirrored",
        HARMFUL not in everything and CURIOUS not in everything,
    )


async def _streamed(client: AsyncOpenAI, prompt: str) -> AsyncIterator[str]:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": prompt}],
        stream=True,
        temperature=0,
        max_tokens=60,
        seed=7,
    )
    chunk: ChatCompletionChunk
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            yield chunk.choices[0].delta.content


async def _ask(client: AsyncOpenAI, prompt: str, *, model: str = MODEL, max_tokens: int = 40) -> str:
    answer: ChatCompletion = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": prompt}],
        temperature=0,
        max_tokens=max_tokens,
        seed=7,
    )
    return answer.choices[0].message.content or ""


async def _refused(client: AsyncOpenAI, prompt: str, *, model: str = MODEL) -> PermissionDeniedError | None:
    try:
        await _ask(client, prompt, model=model)
    except PermissionDeniedError as error:
        return error
    return None


def _show_refusal(show: Show, error: PermissionDeniedError | None) -> None:
    if error is not None:
        show.said(
            "the proxy answers", f"{error.status_code} {_code(error)} {_rules(error)}: {_message(error)}"
        )


def _body(error: PermissionDeniedError | None) -> dict[str, object]:
    return error.body if error is not None and isinstance(error.body, dict) else {}


def _code(error: PermissionDeniedError | None) -> object:
    return _body(error).get("code")


def _rules(error: PermissionDeniedError | None) -> object:
    return _body(error).get("rules")


def _message(error: PermissionDeniedError | None) -> object:
    return _body(error).get("message")


def _last_prompt(tap: Tap) -> str:
    messages = json.loads(tap.bodies()[-1])["messages"]
    return str(messages[-1]["content"])


async def _record_of(feedback: Path, words: str) -> str | None:
    for _ in range(int(RECORD_WAIT_S * 10)):
        for line in (await asyncio.to_thread(_all_records, feedback)).splitlines():
            if words in line:
                return line
        await asyncio.sleep(0.1)
    return None


def _all_records(feedback: Path) -> str:
    return "".join(path.read_text() for path in sorted(feedback.glob("*.jsonl")))
