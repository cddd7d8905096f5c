"""What goes through the pipes of a Presidio worker: JSON behind its length. Only its two ends use this."""

from typing import Any

import orjson

LENGTH_BYTES = 4
FRAME_BYTES = 16 * 1024 * 1024
"""A batch is some 4,000 characters; its answer, at a finding a character, stays far below this."""


class FrameBroken(Exception):
    """The bytes are not a frame of ours. Says nothing of what they are."""


def pack(message: dict[str, Any]) -> bytes:
    """Raises FrameBroken for text that is not Unicode (lone surrogates)."""
    try:
        body = orjson.dumps(message)
    except orjson.JSONEncodeError:
        raise FrameBroken from None
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def body_length(head: bytes) -> int:
    length = int.from_bytes(head, "big")
    if len(head) != LENGTH_BYTES or length > FRAME_BYTES:
        raise FrameBroken
    return length


def unpack(body: bytes) -> dict[str, Any]:
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise FrameBroken from None
    if not isinstance(message, dict):
        raise FrameBroken
    return message
