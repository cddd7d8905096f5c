"""The examples of all dialects, as their rooms' tests have them."""

from typing import Any

from tests.wire.openai_chat import examples as openai_chat

_ROOMS = (openai_chat,)

REQUESTS: dict[str, list[dict[str, Any]]] = {
    name: requests for room in _ROOMS for name, requests in room.REQUESTS.items()
}
REFUSED: dict[str, dict[str, Any]] = {
    name: fields for room in _ROOMS for name, fields in room.REFUSED.items()
}
ANSWERS: dict[str, dict[str, bytes]] = {
    wire: answers for room in _ROOMS for wire, answers in room.ANSWERS.items()
}
