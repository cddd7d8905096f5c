"""Scores from a Text Generation Inference server, through its own client (`text-generation`, extra `tgi`).

The client builds the question and reads the answer; the connection is ours, because the client's own follows
redirects and reads answers of any length. Imported only when configured.
"""

from typing import Any

from pydantic import ValidationError
from text_generation import AsyncClient
from text_generation.types import ChatComplete, ChatRequest, Message

from proxy import soft
from proxy.edges.judges.channel import Channel, JudgeFailed
from proxy.edges.judges.openai import CHAT

TOP = 5  # TGI tells five at most unless its operator allows more (`--max-top-n-tokens`)


class TgiScorer:
    """The belief in Yes against No, from the probabilities of the first token of a chat answer."""

    def __init__(self, channel: Channel) -> None:
        self._client = _ClientOver(channel)

    async def score(self, sentence: str, text: str) -> float:
        messages = [Message(**one) for one in soft.answer_messages(sentence, text)]
        answer = await self._client.chat(messages, max_tokens=1, logprobs=True, top_logprobs=TOP)
        return soft.answer_score(soft.first_beliefs(answer.model_dump()))


class _ClientOver(AsyncClient):  # type: ignore[misc]  # the client ships no types
    """TGI's client with the one method replaced in which it opens a connection."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(base_url="")
        self._channel = channel

    async def _chat_single_response(self, request: ChatRequest) -> Any:
        answer = await self._channel.post(CHAT, request.model_dump(exclude_none=True))
        try:
            return ChatComplete.model_validate(answer)
        except ValidationError:
            # Its words quote what the server sent, so they end here.
            raise JudgeFailed("the judge's answer is not a chat completion") from None
