"""Ollama's `options`: what a caller may say about sampling, and what would reach into the server.

How each is called on an OpenAI-compatible wire stands beside it, so that a translation can forget none.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json, Path
from proxy.wire import checks, nested
from proxy.wire.dialect import untranslatable
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import ANSWER_TOKENS

_LOAD: Final = nested.refused("it makes the server load the model anew; set it there, for everyone")


def _num_predict() -> nested.Member:
    limit = checks.whole(1, ANSWER_TOKENS)

    def take(draft: Draft, path: Path, value: Json) -> Json:
        """-1: without end, -2: until the context is full. To Ollama 0 is no bound either; it is refused."""
        if type(value) is int and value in (-1, -2):
            return value
        draft.parameters["max_tokens"] = limit(value, path)
        return value

    return nested.Member("inert", f"whole, 1 to {ANSWER_TOKENS}, or -1 or -2", take)


OPTIONS: Final[Mapping[str, nested.Member]] = {
    "stop": nested.strings(16, 256),
    "num_predict": _num_predict(),
    "temperature": nested.number(0, 2),
    "top_k": nested.whole(-1, 1_000_000),
    "top_p": nested.number(0, 1),
    "min_p": nested.number(0, 1),
    "typical_p": nested.number(0, 1),
    "tfs_z": nested.number(0, 1),
    "seed": nested.whole(-(2**53), 2**53),
    "repeat_penalty": nested.number(0, 10),
    "repeat_last_n": nested.whole(-1, 1_000_000),
    "presence_penalty": nested.number(-2, 2),
    "frequency_penalty": nested.number(-2, 2),
    "penalize_newline": nested.boolean(),
    "mirostat": nested.whole(0, 2),
    "mirostat_tau": nested.number(0, 100),
    "mirostat_eta": nested.number(0, 1),
    "num_keep": nested.whole(-1, 1_000_000),
    **dict.fromkeys(
        (
            *("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "numa", "low_vram", "f16_kv"),
            *("logits_all", "vocab_only", "use_mmap", "use_mlock", "embedding_only"),
        ),
        _LOAD,
    ),
}

_CHAT: Final[Mapping[str, tuple[str, ...]]] = {
    "stop": ("stop",),
    "num_predict": ("max_tokens",),
    # llama.cpp knows the first of these names, vLLM and SGLang the second; none minds the other.
    "repeat_penalty": ("repeat_penalty", "repetition_penalty"),
    **{
        name: (name,)
        for name in (
            *("temperature", "top_k", "top_p", "min_p", "typical_p", "seed", "repeat_last_n"),
            *("presence_penalty", "frequency_penalty", "mirostat", "mirostat_tau", "mirostat_eta"),
        )
    },
}
"""Names on the wire `openai_chat`, which has no word for `tfs_z`, `penalize_newline` and `num_keep`."""


def take_options(draft: Draft, name: str, value: Json) -> None:
    if taken := nested.read(draft, (name,), value, OPTIONS):
        draft.body[name] = taken


def chat_options(options: Mapping[str, Json]) -> dict[str, Json]:
    """As members of an OpenAI chat. Raises NotTranslatable."""
    asked: dict[str, Json] = {}
    for name, value in options.items():
        words = _CHAT.get(name)
        if words is None:
            raise untranslatable(("options", name))
        if name != "num_predict" or value > 0:  # without a bound is how OpenAI's wire has it by default
            asked |= dict.fromkeys(words, value)
    return asked


def keep_alive(value: Json, path: Path) -> Json:
    """Seconds, or a duration such as `5m`."""
    if type(value) in (int, float) or (isinstance(value, str) and len(value) <= 32):
        return value
    raise invalid(path, "must be a number of seconds or a duration")
