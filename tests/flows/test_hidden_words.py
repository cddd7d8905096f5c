"""Private words behind spellings that hide them from a pattern: the whole program, both ways."""

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote

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
    "letters of another script": MAIL.replace("c", "\u0441").replace("o", "\u043e"),
    "letters of mathematics": "".join(chr(ord(one) + 0x1D3B9) if one.isalpha() else one for one in MAIL),
    "digits of another script": "card: " + "".join(chr(ord(digit) + 0x630) for digit in CARD),
    "spaces that break no line": "card: " + "\u00a0".join(["4111"] * 1 + ["1111"] * 3),
    "letters with marks on them": "\u0336".join(MAIL),
    "in a web page": MAIL.replace("@", "&commat;").replace("x", "&#120;"),
    "in a link": f"https://example.com/?q={quote(f'<{MAIL}>')}",
    "in quoted-printable": MAIL.replace("@", "=40").replace("thom", "thom=\r\n"),
    "in base64": "token " + b64encode(f"user {MAIL} logged in".encode()).decode(),
    "in base64 for links": "jwt.eyJ0eXAiOiJKV1QifQ."
    + urlsafe_b64encode(json.dumps({"sub": MAIL}).encode()).decode(),
    "in hexadecimal": "0x" + f"card {CARD}".encode().hex(),
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


@pytest.mark.parametrize("cut", [3, 8, 14, 20])
async def test_parts_of_a_message_hide_nothing_and_come_back_as_they_were(
    cut: int, program: Program, upstream: EchoUpstream
) -> None:
    texts = [f"write to {MAIL[:cut]}", f"{MAIL[cut:]} and pay with 4111 1111", "1111 1111"]
    await program.post(chat(content=[{"type": "text", "text": text} for text in texts]))
    parts = [part["text"] for part in upstream.chats[-1]["messages"][0]["content"]]
    said = "".join(parts)
    assert "emma" not in said
    assert "example" not in said
    assert "1111" not in said


async def test_a_persons_name_in_the_field_for_names_does_not_reach_the_model(
    program: Program, upstream: EchoUpstream
) -> None:
    await program.post(chat(name="Emma Thompson", content="Hello"))
    assert "Thompson" not in upstream.bodies[-1].decode()
