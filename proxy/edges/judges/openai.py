"""Scores from an OpenAI-compatible server, by one of the three methods of `proxy.soft`."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from proxy import soft
from proxy.edges.judges.channel import Channel
from proxy.exchange import Json

# vLLM and OpenAI tell twenty at most; a judge that understood has Yes and No among the first three.
TOP = 20
# Sentences whose baselines are kept. Rules are written by people: nobody has a thousand of them.
SENTENCES = 1024

YES_OR_NO = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"answer": {"enum": ["yes", "no"]}},
            "required": ["answer"],
            "additionalProperties": False,
        },
    },
}


class Scorer(Protocol):
    async def score(self, sentence: str, text: str) -> float:
        """From 0 (fine) to 1 (the sentence is true of the text). Raises JudgeFailed or soft.NoScore."""


class AnswerScorer:
    """The belief in Yes against No, from the probabilities of the first token."""

    def __init__(self, channel: Channel, model: str) -> None:
        self._channel = channel
        self._model = model

    async def score(self, sentence: str, text: str) -> float:
        messages = soft.answer_messages(sentence, text)
        question = _question(self._model, messages, max_tokens=1) | {"logprobs": True, "top_logprobs": TOP}
        return soft.answer_score(soft.first_beliefs(await self._channel.post(CHAT, question)))


class JsonScorer:
    """A yes or a no, from constrained output."""

    def __init__(self, channel: Channel, model: str) -> None:
        self._channel = channel
        self._model = model

    async def score(self, sentence: str, text: str) -> float:
        messages = soft.answer_messages(sentence, text)
        question = _question(self._model, messages, max_tokens=32) | {"response_format": YES_OR_NO}
        return soft.constrained_score(soft.content_of(await self._channel.post(CHAT, question)))


@dataclass(frozen=True, slots=True)
class _Baseline:
    """A sentence as the model's tokens, and its log-likelihoods as a description of texts without content."""

    tokens: tuple[int, ...]
    likelihoods: tuple[float, ...]


class DescriptionScorer:
    """How likely the rule's sentence is as a description of the text, against texts without content.

    For llama.cpp, whose `/tokenize` and token grammars it needs. A sentence's baseline is asked for once.
    """

    def __init__(self, channel: Channel, model: str) -> None:
        self._channel = channel
        self._model = model
        self._baselines: OrderedDict[str, _Baseline] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def score(self, sentence: str, text: str) -> float:
        baseline = await self._baseline(sentence)
        return soft.description_score(await self._told(baseline.tokens, text), baseline.likelihoods)

    async def _baseline(self, sentence: str) -> _Baseline:
        async with self._one_at_a_time:
            known = self._baselines.get(sentence)
            if known is None:
                known = self._baselines[sentence] = await self._measure(sentence)
            self._baselines.move_to_end(sentence)
            if len(self._baselines) > SENTENCES:
                self._baselines.popitem(last=False)
            return known

    async def _measure(self, sentence: str) -> _Baseline:
        tokens = soft.token_ids(
            await self._channel.post(
                "/tokenize", {"content": sentence, "add_special": False, "parse_special": False}
            )
        )
        return _Baseline(tokens, tuple([await self._told(tokens, text) for text in soft.CONTENT_FREE]))

    async def _told(self, tokens: tuple[int, ...], text: str) -> float:
        question = _question(self._model, soft.description_messages(text), max_tokens=len(tokens))
        question |= {"logprobs": True, "top_logprobs": 1, "grammar": soft.exactly(tokens)}
        return soft.told_likelihood(await self._channel.post(CHAT, question), tokens)


CHAT = "/v1/chat/completions"


def _question(model: str, messages: list[soft.Message], *, max_tokens: int) -> dict[str, Json]:
    return {
        "model": model,
        "messages": messages,
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": False,
    }
