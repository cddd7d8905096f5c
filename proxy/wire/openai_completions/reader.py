"""The answer of an OpenAI-compatible completions server, streamed or whole, as events."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.errors import UpstreamUnavailable
from proxy.exchange import AnswerEvent, Delta, End, Finish, Json, Lane, Usage
from proxy.wire import answers
from proxy.wire.openai_completions.fields import TEXTS
from proxy.wire.sse import SseReader


class CompletionReader:
    """`feed` what comes, `finish` when the upstream has closed the answer. Raises UpstreamUnavailable."""

    def __init__(self, stream: bool) -> None:
        self.dropped: Counter[str] = Counter()
        self._sse = SseReader() if stream else None
        self._whole = answers.Body()
        self._headed = False
        self._ended = False
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._total: Usage | None = None
        self._of_choices: dict[int, Usage] = {}

    def feed(self, piece: bytes) -> list[AnswerEvent]:
        if self._sse is None:
            self._whole.hold(piece)
            return []
        if self._ended:
            return []
        events: list[AnswerEvent] = []
        for payload in self._sse.feed(piece):
            if payload == "[DONE]":
                events.extend(self._end())
                break
            if payload != "null":  # llama.cpp begins so when a request has several prompts
                events.extend(self._read(payload))
        return events

    def finish(self) -> list[AnswerEvent]:
        if self._sse is None:
            return [*self._read(self._whole.take()), *self._end()]
        if not self._ended:
            raise UpstreamUnavailable("The model server's stream was cut off.")
        return []

    def _end(self) -> Iterator[AnswerEvent]:
        if not self._open or self._open != self._finished:
            raise UpstreamUnavailable("The model server ended its answer before it was whole.")
        self._ended = True
        if self._total is not None:
            yield self._total
        elif self._of_choices:
            yield _sum(self._of_choices)
        yield End()

    def _read(self, payload: str | bytes) -> Iterator[AnswerEvent]:
        """One chunk of a stream, or the whole answer: they have the same shape."""
        chunk = answers.members(answers.parsed(payload))
        answers.count_unknown(self.dropped, chunk, _CHUNK)
        if not self._headed:
            self._headed = True
            yield answers.head(chunk)
        choices = answers.objects(chunk.get("choices"), "choices")
        for choice in choices:
            yield from self._read_choice(choice)
        if chunk.get("usage") is not None:
            self._book(answers.usage(chunk["usage"]), choices)

    def _book(self, usage: Usage, choices: list[dict[str, Json]]) -> None:
        """llama.cpp tells the usage of each text with its end, others that of all of them after the last."""
        if self._sse is not None and len(choices) == 1:
            self._of_choices[answers.index(choices[0].get("index"), TEXTS)] = usage
        else:
            self._total = usage

    def _read_choice(self, choice: Mapping[str, Json]) -> Iterator[AnswerEvent]:
        answers.count_unknown(self.dropped, choice, _CHOICE)
        index = answers.index(choice.get("index"), TEXTS)
        self._open.add(index)
        text = choice.get("text")
        if text is not None and text != "":
            if not isinstance(text, str) or index in self._finished:
                raise answers.malformed("text")
            yield Delta(Lane(index, "content"), text)
        reason = choice.get("finish_reason")
        if reason is not None and index not in self._finished:
            self._finished.add(index)
            told = _FINISHES.get(reason) if isinstance(reason, str) else None
            if told is None:
                raise UpstreamUnavailable("The model server gave up on its answer.")
            yield Finish(index, told)


def _sum(usages: Mapping[int, Usage]) -> Usage:
    """Of several choices of one stream, each of which was told alone."""
    return Usage(
        prompt=sum(one.prompt for one in usages.values()),
        completion=sum(one.completion for one in usages.values()),
        cached=sum(one.cached for one in usages.values()),
        reasoning=sum(one.reasoning for one in usages.values()),
    )


_CHUNK: Final = frozenset(
    {
        *("id", "object", "created", "model", "choices", "usage", "system_fingerprint", "service_tier"),
        *("timings", "__verbose"),  # llama.cpp
        *("kv_transfer_params", "metadata"),  # vLLM, SGLang
    }
)
_CHOICE: Final = frozenset({"index", "text", "finish_reason", "stop_reason", "matched_stop"})

_FINISHES: Final[Mapping[str, str]] = {
    "stop": "stop",
    "eos_token": "stop",  # TGI
    "stop_sequence": "stop",  # TGI
    "length": "length",
    "content_filter": "content_filter",
}
