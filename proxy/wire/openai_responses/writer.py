"""An answer's events as a response of OpenAI's: typed events of a stream, or one body.

Everything the caller reads is written here anew. Each lane is an item of its own; items end when all is said,
since until then the guard may still hold back their last words.
"""

from typing import Any, Final

import orjson

from proxy.errors import Denied, SluicegateError
from proxy.exchange import AnswerEvent, Delta, End, Exchange, Finish, Head, Lane, ToolOpen, Usage
from proxy.wire.openai_errors import error_body
from proxy.wire.openai_responses.output import Output, OutputItem

_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why an answer is not whole, in the words of a response. With any other finish it is."""

APART: Final = "\n\n"
"""Before each text of an answer but the first. The official clients' `output_text` puts nothing between them,
and what no guard saw whole, because its halves stood on two lanes, would be whole there."""


class ResponsesWriter:
    """`write` each event. A stream's bytes come as they can; a whole answer's with `End`."""

    def __init__(self, exchange: Exchange) -> None:
        self._output = Output(exchange)
        self._stream = _Stream(self._output) if exchange.stream else None
        self._finish = "stop"

    def write(self, event: AnswerEvent) -> bytes:
        match event:
            case Delta(lane, text):
                return self._say(lane, text)
            case ToolOpen(lane):
                return self._say(lane, "", event)
            case Finish(_, reason):
                self._finish = reason
            case Head():
                self._output.note(event)
                return b"" if self._stream is None else self._stream.begin()
            case Usage():
                self._output.note(event)
            case End():
                return self._end()
        return b""

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        """The end of a stream that may not go on: the response as incomplete (`content_filter`) where a rule
        stopped it, else as failed; and then an error, which the official clients raise."""
        if self._stream is None:
            return error_body(error, request_id)
        return self._stream.error(error, request_id)

    def _say(self, lane: Lane, text: str, call: ToolOpen | None = None) -> bytes:
        item, begins = self._output.item(lane, call)
        if begins and item.shape.part == "output_text" and self._output.texts > 1:
            text = APART + text
        item.pieces.append(text)
        if self._stream is None:
            return b""
        opening = self._stream.open(item) if begins else b""
        return opening + self._stream.say(item, text) if text else opening

    def _end(self) -> bytes:
        reason = _INCOMPLETE.get(self._finish)
        if self._stream is not None:
            return self._stream.end(reason)
        return orjson.dumps(self._output.whole("incomplete" if reason else "completed", reason))


class _Stream:
    """Events in their order and with their numbers. What stands around a delta is written once an item."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._number = 0
        self._begun = False
        self._prefixes: dict[int, bytes] = {}

    def begin(self) -> bytes:
        """Before anything else; later news of the head stand in the last event."""
        if self._begun:
            return b""
        self._begun = True
        response = self._output.begun()
        return self._event("response.created", response=response) + self._event(
            "response.in_progress", response=response
        )

    def open(self, item: OutputItem) -> bytes:
        opened = item.json("in_progress", None)
        out = self.begin() + self._event("response.output_item.added", output_index=item.place, item=opened)
        if item.shape.part:
            out += self._event("response.content_part.added", **_where(item), part=item.part(""))
        name = f"{item.shape.events}.delta"
        frame = orjson.dumps({"type": name, **_where(item), **_logprobs(item)})[:-1]
        self._prefixes[item.place] = b'event: %b\ndata: %b,"delta":' % (name.encode(), frame)
        return out

    def say(self, item: OutputItem, text: str) -> bytes:
        self._number += 1
        return b'%b%b,"sequence_number":%d}\n\n' % (
            self._prefixes[item.place], orjson.dumps(text), self._number - 1,
        )  # fmt: skip

    def end(self, reason: str | None) -> bytes:
        """`reason`: why the answer is incomplete."""
        status = "incomplete" if reason else "completed"
        closed = [self._close(item, status) for item in self._output.items]
        response = self._output.whole(status, reason)
        return b"".join([self.begin(), *closed, self._event(f"response.{status}", response=response)])

    def error(self, error: SluicegateError, request_id: str) -> bytes:
        if isinstance(error, Denied):
            last = self.end("content_filter")
        else:
            last = self.begin() + self._event("response.failed", response=self._output.failed(error.reason))
        told = orjson.loads(error_body(error, request_id))["error"]
        flat = {name: told[name] for name in ("code", "message", "param")}
        return last + self._event("error", **flat, error=told)

    def _close(self, item: OutputItem, status: str) -> bytes:
        text = item.text
        told = {**_where(item), item.shape.member: text, **_logprobs(item)}
        out = self._event(f"{item.shape.events}.done", **told)
        if item.shape.part:
            out += self._event("response.content_part.done", **_where(item), part=item.part(text))
        whole = item.json(status, text)
        return out + self._event("response.output_item.done", output_index=item.place, item=whole)

    def _event(self, name: str, **members: Any) -> bytes:
        told = {"type": name, **members, "sequence_number": self._number}
        self._number += 1
        return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(told))


def _where(item: OutputItem) -> dict[str, Any]:
    place = {"item_id": item.id, "output_index": item.place}
    return {**place, "content_index": 0} if item.shape.part else place


def _logprobs(item: OutputItem) -> dict[str, Any]:
    """The official types want them named where there are none."""
    return {"logprobs": []} if item.shape.part == "output_text" else {}
