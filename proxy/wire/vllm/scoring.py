"""The fields that vLLM's rerank and score share, and the way back from the numbers of either."""

from collections.abc import Mapping
from typing import Final

from proxy.wire import checks
from proxy.wire.fields import BOOLEAN, CACHE, ENGINE, MINE, TEMPLATE, Field, dropped, whole, word
from proxy.wire.openai_fields import UNREADABLE

_TOKENS: Final = whole(-1, 10_000_000)

SCORING: Final[Mapping[str, Field]] = {
    "truncate_prompt_tokens": _TOKENS,
    "truncation_side": word("left", "right"),
    "max_tokens_per_query": _TOKENS,
    "max_tokens_per_doc": _TOKENS,
    "use_activation": BOOLEAN,
    "activation": BOOLEAN,
    "softmax": BOOLEAN,
    "user": dropped(MINE, checks.text),
    **UNREADABLE,
    "instruction": TEMPLATE,
    "chat_template": TEMPLATE,
    "chat_template_kwargs": TEMPLATE,
    "mm_processor_kwargs": ENGINE,
    "priority": ENGINE,
    "request_id": ENGINE,
    "rid": ENGINE,
    "cache_salt": CACHE,
}

FAMILIES: Final[Mapping[str, Field]] = {"lora": ENGINE}
