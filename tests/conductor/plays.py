"""Little plays for the conductor: a house of fakes, an exchange, and what came out of it."""

from dataclasses import dataclass, field
from typing import Any

from proxy.conductor import Conductor, Doors, House
from proxy.errors import SluicegateError
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Identity, Subject, ToolOpen
from proxy.settings import Limits
from proxy.wire.openai_chat import request as openai_request
from tests.fakes import (
    LetterTokens,
    MailRecogniser,
    MemoryJournal,
    ScriptedPolicies,
    ScriptedUpstream,
    StandingClock,
    Tally,
    WordJudge,
)

ANNA = Identity(Subject("anna", "acme", ("finance",)), "tests", "api_key")
BERT = Identity(Subject("bert", "acme", ("engineering",)), "tests", "api_key")


class PlainWriter:
    """Writes a delta's text as it is, and marks the rest, so that a test reads what a client would."""

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(_, text):
                return text.encode()
            case ToolOpen(_, _, name):
                return f"[call {name}]".encode()
            case Finish(_, reason):
                return f"[{reason}]".encode()
            case End():
                return b"[end]"
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return f"[{error.code}]".encode()


@dataclass
class Play:
    """`heard`: what the client received, piece by piece, until the end or the error."""

    policies: Any = field(default_factory=ScriptedPolicies)
    upstream: ScriptedUpstream = field(default_factory=ScriptedUpstream)
    recogniser: Any = field(default_factory=MailRecogniser)
    judge: Any = field(default_factory=WordJudge)
    tokens: Any = field(default_factory=LetterTokens)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    tally: Tally = field(default_factory=Tally)
    heard: list[bytes] = field(default_factory=list)
    window_chars: int = 200
    writer: Any = field(default_factory=PlainWriter)
    clock: Any = field(default_factory=StandingClock)
    marked: frozenset[str] = frozenset()

    @property
    def conductor(self) -> Conductor:
        doors = Doors(
            policy=self.policies,
            recogniser=self.recogniser,
            judge=self.judge,
            tokens=self.tokens,
            upstream=self.upstream,
            journal=self.journal,
            clock=self.clock,
            meter=self.tally,
        )
        return Conductor(House(doors, b"k" * 32, "[withheld]", self.window_chars, marked=self.marked))

    async def run(self, exchange: Exchange, identity: Identity = ANNA) -> str:
        async with self.conductor.converse(identity, exchange) as reply:
            async for out in reply.stream(self.writer):
                self.heard.append(out)
        return self.text

    @property
    def text(self) -> str:
        return b"".join(self.heard).decode()


MAIL_TOOL = {"type": "function", "function": {"name": "mail"}}


def chat(*texts: str, stream: bool = True, **fields: Any) -> Exchange:
    """A chat of user messages; `fields` go into the body as they are."""
    body = {
        "model": "small",
        "stream": stream,
        "messages": [{"role": "user", "content": text} for text in texts],
        **fields,
    }
    return openai_request.parse(body, exchange_id="exchange-1", limits=Limits())
