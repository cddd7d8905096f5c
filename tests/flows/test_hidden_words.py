"""Private words behind spellings that hide them from a pattern: the whole program, both ways."""

import json
from typing import Any

import pytest

from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program

pytestmark = pytest.mark.asyncio(loop_scope="module")

CARD = "4111111111111111"
MAIL = "emma.thompson@example.com"
HIDDEN = {
    "behind a line end in JSON": json.dumps({"note": f"card:\n{CARD}\n"}),
    "behind a line end in JSON in JSON": json.dumps({"inner": json.dumps({"note": f"card:\n{CARD}\n"})}),
    "in a program": f'text = "card:\\n{CARD}"',
    "an escaped sign": MAIL.replace("@", r"\u0040"),
    "letters that nobody sees": MAIL.replace("m", "m\u200b"),
    "wide letters": "".join(chr(ord(letter) + 0xFEE0) for letter in MAIL),
}


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "smollm2", "messages": [{"role": "user", **fields}]}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("name", HIDDEN)
async def test_a_spelling_hides_nothing_and_comes_back_as_it_was(
    name: str, stream: bool, program: Program, upstream: EchoUpstream
) -> None:
    answer = await program.post({**chat(content=HIDDEN[name]), "stream": stream})
    said = upstream.chats[-1]["messages"][0]["content"]
    assert CARD not in said
    assert "[EMAIL_ADDRESS_" in said or "[CREDIT_CARD_" in said
    if not stream:
        assert json.loads(answer.body)["choices"][0]["message"]["content"] == HIDDEN[name]


async def test_a_persons_name_in_the_field_for_names_does_not_reach_the_model(
    program: Program, upstream: EchoUpstream
) -> None:
    await program.post(chat(name="Emma Thompson", content="Hello"))
    assert "Thompson" not in upstream.bodies[-1].decode()
