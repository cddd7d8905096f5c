"""An answer's events as TGI's clients read them: token events of a stream, or one body.

The pieces of a stream are ours: what was held back and let go, not the model's tokens. So their ids are 0,
they have no probability, and `details` lists none of them.
"""

from collections.abc import Mapping
from typing import Final

import orjson

from proxy.errors import RateLimited, Refused, SluicegateError, told
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Json, Usage
from proxy.wire import sse
from proxy.wire.ndjson import unbroken

_FINISHES: Final[Mapping[str, str]] = {"stop": "eos_token", "content_filter": "length"}
"""The official clients know three words; cut short is nearest to what a server's own filter does."""


class TgiWriter:
    """`write` each event. A stream's events as they come, a whole answer with `End`: in a list on the path
    `/`, where clients for many kinds of models expect one."""

    def __init__(self, exchange: Exchange) -> None:
        parameters = exchange.body.get("parameters", {})
        self._stream = exchange.stream
        self._listed = exchange.dialect == "tgi"
        self._details = parameters.get("details", False)
        self._seed = parameters.get("seed")
        # The caller's own words, put before the answer here: no upstream is asked to repeat them.
        self._said = [exchange.body["inputs"]] if parameters.get("return_full_text") else []
        self._index = 0
        self._finish = "eos_token"
        self._usage = Usage(0, 0)

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text) if lane.kind != "tool":
                return self._text(text)
            case Finish():
                self._finish = _finish(event)
            case Usage():
                self._usage = event
            case End():
                return self._last() if self._stream else self._body()
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        return sse.event(error_body(error, request_id))

    def _text(self, text: str) -> bytes:
        self._said.append(text)
        if not self._stream:
            return b""
        self._index += 1
        return b'data: {"index":%d,"token":{"id":0,"text":%b,%b' % (
            self._index,
            unbroken(orjson.dumps(text)),
            b'"logprob":null,"special":false},"generated_text":null,"details":null}\n\n',
        )

    def _last(self) -> bytes:
        """After the text: as TGI has it when the last token is the end itself, which is no text."""
        told = {
            "index": self._index + 1,
            "token": {"id": 0, "text": "", "logprob": None, "special": True},
            "generated_text": "".join(self._said),
            "details": {**self._ending(), "input_length": self._usage.prompt} if self._details else None,
        }
        return sse.event(unbroken(orjson.dumps(told)))

    def _body(self) -> bytes:
        told: dict[str, Json] = {"generated_text": "".join(self._said)}
        if self._details:
            told["details"] = {**self._ending(), "prefill": [], "tokens": []}
        return orjson.dumps([told] if self._listed else told)

    def _ending(self) -> dict[str, Json]:
        return {
            "finish_reason": self._finish,
            "generated_tokens": self._usage.completion,
            "seed": self._seed,
        }


def _finish(event: Finish) -> str:
    if event.reason == "stop" and event.stop is not None:
        return "stop_sequence"
    return _FINISHES.get(event.reason, event.reason)


def error_body(error: SluicegateError, request_id: str) -> bytes:
    """`error_type` is one of those that the official clients raise errors of their own for. Nothing in it
    comes from the request or from an upstream."""
    kind = "overloaded" if isinstance(error, RateLimited) else "generation"
    if isinstance(error, Refused) and kind == "generation":
        kind = "validation"
    document = {
        "error": told(error),  # all that the official client shows
        "error_type": kind,
        "code": error.code,
        "param": error.param,
        "rules": error.rules,
        "request_id": request_id,
    }
    return orjson.dumps(document)
