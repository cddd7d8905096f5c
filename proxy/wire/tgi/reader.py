"""The answer of a Text Generation Inference server, streamed or whole, as events. Bytes in, events out.

The server is not trusted with its shape. Tokens are read for their text alone; a stream is whole when an
event tells how it ended, which is asked for.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Json, Lane, Usage
from proxy.wire import answers
from proxy.wire.answers import malformed
from proxy.wire.sse import SseReader


class TgiReader:
    """`feed` what comes, `finish` when the upstream has closed the answer. Raises UpstreamUnavailable."""

    def __init__(self, stream: bool) -> None:
        self.dropped: Counter[str] = Counter()
        self._sse = SseReader() if stream else None
        self._body = answers.Body()
        self._ended = False

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        if self._sse is None:
            self._body.hold(piece)
            return []
        events: list[AnswerEvent] = []
        if self._ended:
            return events
        for payload in self._sse.feed(piece):
            if self._read_event(payload, events):
                break
        return events

    def finish(self) -> list[AnswerEvent]:
        if self._sse is None:
            return self._read_body()
        if not self._ended:
            raise UpstreamUnavailable("The model server's stream was cut off.")
        return []

    def _read_body(self) -> list[AnswerEvent]:
        body = answers.members(answers.parsed(self._body.take()))
        answers.count_unknown(self.dropped, body, _BODY)
        text = body.get("generated_text")
        if not isinstance(text, str):
            raise malformed("generated_text")
        said = [Delta(_CONTENT, text)] if text else []
        return [*said, *self._end(body.get("details"))]

    def _read_event(self, payload: str, events: list[AnswerEvent]) -> bool:
        """Whether this was the last event."""
        event = answers.members(answers.parsed(payload))
        answers.count_unknown(self.dropped, event, _EVENT)
        token = event.get("token")
        if not isinstance(token, dict):
            raise malformed("token")
        answers.count_unknown(self.dropped, token, _TOKEN)
        text, special = token.get("text"), token.get("special")
        if not isinstance(text, str) or not isinstance(special, bool):
            raise malformed("token")
        if text and not special:
            events.append(Delta(_CONTENT, text))
        if event.get("details") is None:
            return False
        events += self._end(event["details"])
        self._ended = True
        return True

    def _end(self, details: Json) -> list[AnswerEvent]:
        if not isinstance(details, dict):
            raise malformed("details")
        answers.count_unknown(self.dropped, details, _DETAILS)
        usage = Usage(answers.tokens(details, "input_length"), answers.tokens(details, "generated_tokens"))
        return [_finish(details.get("finish_reason")), usage, End()]


def _finish(reason: Json) -> Finish:
    """A closed list: this is no place for words of the server's own. Which stop string it was is not told."""
    if not isinstance(reason, str) or reason not in _FINISHES:
        raise UpstreamUnavailable("The model server gave up on its answer.")
    return _FINISHES[reason]


_CONTENT: Final = Lane(0, "content")

_FINISHES: Final[Mapping[str, Finish]] = {
    "length": Finish(0, "length"),
    "eos_token": Finish(0, "stop"),
    "stop_sequence": Finish(0, "stop", ""),
}

_BODY: Final = frozenset({"generated_text", "details"})
_EVENT: Final = frozenset({"index", "token", "generated_text", "details"})
_TOKEN: Final = frozenset({"id", "text", "logprob", "special"})
_DETAILS: Final = frozenset(
    {"finish_reason", "generated_tokens", "seed", "input_length", "prefill", "tokens"}
)
"""`prefill` and `tokens` tell the texts once more, token by token: known, and not read."""
