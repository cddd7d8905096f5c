"""Passages of a protected document without a label, through the whole program: who may read it, who not."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.fingerprints.texts import MEMO
from tests.flows.echo_upstream import EchoUpstream
from tests.flows.program import Program, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOTICE = "[A document was withheld: you are not cleared to see it.]"
LIGHTLY_EDITED = (
    MEMO.replace("falls", "drop")
    .replace("northern plant", "plant up north")
    .replace("insists", "insisted")
    .replace("Nobody", "So far nobody")
)


class TellingUpstream(EchoUpstream):
    """Says what it was taught, and not what it was told."""

    taught = ""

    async def _stream(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        said = [{"role": "user", "content": self.taught}] if self.taught else asked["messages"]
        await super()._stream({**asked, "messages": said}, writer)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[TellingUpstream]:
    async with TellingUpstream.listening() as telling:
        yield telling


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def program(
    upstream: TellingUpstream, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Program]:
    folder: Path = tmp_path_factory.mktemp("copies")
    protected = folder / "protected"
    protected.mkdir()
    (protected / "fin-2026-q3.txt").write_text(MEMO)
    index = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "proxy", "labels", "index", str(protected)],
        *["-o", str(folder / "labels.index"), "--state", str(folder / "state")],
        stdout=asyncio.subprocess.DEVNULL,
    )
    assert await index.wait() == 0
    async with running(folder, upstream.url, need_to_know={"index": "labels.index"}) as started:
        yield started


async def _ask(program: Program, who: str, *messages: dict[str, Any]) -> tuple[int, str]:
    answer = await program.post({"model": "smollm2", "stream": True, "messages": list(messages)}, who)
    return answer.status, _text(answer.body)


def _text(body: bytes) -> str:
    events = [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]
    chunks = [json.loads(event) for event in events if event != "[DONE]"]
    return "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks if one.get("choices"))


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


async def test_who_may_read_the_document_may_paste_it(program: Program, upstream: TellingUpstream) -> None:
    status, text = await _ask(program, "finance", _user(f"Sum this up.\n\n{MEMO}"))
    assert (status, text) == (200, f"Sum this up.\n\n{MEMO}")


@pytest.mark.parametrize("passage", [MEMO, MEMO.upper(), LIGHTLY_EDITED, " ".join(MEMO.split()[10:60])])
async def test_who_may_not_read_it_has_it_withheld_without_any_label(
    passage: str, program: Program, upstream: TellingUpstream
) -> None:
    status, text = await _ask(program, "engineering", _user(f"Sum this up.\n\n{passage}\n\nBe short."))
    assert (status, text) == (200, f"Sum this up.\n\n{NOTICE}\n\nBe short.")
    for words in ("furnace", "covenant", "Halden", "Ghent"):
        assert words.lower() not in upstream.bodies[-1].decode().lower()


async def test_a_tool_result_is_looked_at_too(program: Program, upstream: TellingUpstream) -> None:
    call = {"id": "abcdefghi", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    status, _ = await _ask(
        program,
        "engineering",
        _user("What is new?"),
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "abcdefghi", "content": json.dumps({"page": 3, "text": MEMO})},
        _user("Go on."),
    )
    assert status == 200
    received = upstream.bodies[-1].decode()
    assert NOTICE in received
    assert "Halden" not in received


async def test_an_answer_that_quotes_it_is_cut_off_and_never_finishes(
    program: Program, upstream: TellingUpstream
) -> None:
    upstream.taught = f"Well. {MEMO}"
    try:
        _, for_anna = await _ask(program, "finance", _user("What do you know?"))
        answer = await program.post(
            {"model": "smollm2", "stream": True, "messages": [_user("What do you know?")]}, "engineering"
        )
    finally:
        upstream.taught = ""
    assert for_anna == f"Well. {MEMO}"
    assert b"documents.answer" in answer.body
    assert b"[DONE]" not in answer.body
    assert "Ghent" not in _text(answer.body)


async def test_neither_the_index_nor_the_log_holds_a_word_of_it(program: Program) -> None:
    index = (program.folder / "labels.index").read_bytes().lower()
    said = "".join(program.said).lower()
    for word in set(MEMO.lower().split()) - {"fin"}:
        assert len(word) < 5 or word.encode() not in index
    assert "halden" not in said
