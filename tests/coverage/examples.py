"""The examples of all dialects, as their rooms' tests have them."""

from typing import Any

from tests.wire.anthropic import examples as anthropic
from tests.wire.ollama import examples as ollama
from tests.wire.openai_chat import examples as openai_chat
from tests.wire.openai_completions import examples as openai_completions
from tests.wire.openai_embeddings import examples as openai_embeddings
from tests.wire.openai_responses import examples as openai_responses
from tests.wire.tei import examples as tei
from tests.wire.tgi import examples as tgi
from tests.wire.vllm import examples as vllm

_ROOMS = (
    *(openai_chat, openai_completions, openai_responses, openai_embeddings),
    *(anthropic, ollama, tgi, tei, vllm),
)

REQUESTS: dict[str, list[dict[str, Any]]] = {
    name: requests for room in _ROOMS for name, requests in room.REQUESTS.items()
}
REFUSED: dict[str, dict[str, Any]] = {
    name: fields for room in _ROOMS for name, fields in room.REFUSED.items()
}
ANSWERS: dict[str, dict[str, bytes]] = {
    wire: answers for room in _ROOMS for wire, answers in room.ANSWERS.items()
}
