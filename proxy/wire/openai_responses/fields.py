"""Every field that a request for a response may or may not hold. Items and tools are read in files of their
own. A test holds the page `docs/openai-responses.md` to this table.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json, Path
from proxy.wire import checks
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import (
    ANSWER_TOKENS,
    BOOLEAN,
    ENGINE,
    GRAMMAR,
    HOSTED,
    MINE,
    TOKENS,
    UNREAD,
    Field,
    Schema,
    dropped,
    governed,
    refused,
    take_model,
    take_stream,
    take_strings,
)
from proxy.wire.openai_chat import fields as chat
from proxy.wire.openai_fields import FAMILIES, LENGTH, SAMPLING
from proxy.wire.openai_responses.items import take_input
from proxy.wire.openai_responses.tools import take_text, take_tool_choice, take_tools


def _take_instructions(draft: Draft, name: str, value: Json) -> None:
    draft.text(checks.text(value, (name,)), "system", "message", (name,))
    draft.body[name] = value


def _take_reasoning(draft: Draft, name: str, value: Json) -> None:
    """`summary` is checked and left out: models of open weights give the reasoning itself."""
    wanted = checks.members(draft, value, (name,), ("effort", "summary", "generate_summary"))
    for summary in ("summary", "generate_summary"):
        if summary in wanted:
            _SUMMARIES(wanted[summary], (name, summary))
    if "effort" in wanted:
        draft.parameters["reasoning_effort"] = _EFFORTS(wanted["effort"], (name, "effort"))
        draft.body[name] = {"effort": wanted["effort"]}


def _take_max_output_tokens(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = draft.parameters["max_tokens"] = _BOUND(value, (name,))


def _take_stream_options(draft: Draft, name: str, value: Json) -> None:
    options = checks.members(draft, value, (name,), ("include_obfuscation",))
    for option, wanted in options.items():
        checks.boolean(wanted, (name, option))
    if not draft.body.get("stream"):
        raise invalid((name,), "goes with a stream only")


def _nothing_more(value: Json, path: Path) -> Json:
    if value != []:
        raise invalid(
            path, "must be empty: log-probabilities, encrypted reasoning and hosted results are refused"
        )
    return value


def _metadata(value: Json, path: Path) -> Json:
    if (
        not isinstance(value, dict)
        or len(value) > 16
        or not all(isinstance(one, str) for one in value.values())
    ):
        raise invalid(path, "must be an object of at most 16 strings")
    return value


def _false(value: Json, path: Path) -> Json:
    if value is not False:
        raise invalid(path, "must be false: no answer is stored here for later")
    return value


_BOUND: Final = checks.whole(1, ANSWER_TOKENS)
_EFFORTS: Final = checks.one_of("none", "minimal", "low", "medium", "high", "xhigh")
_SUMMARIES: Final = checks.one_of("auto", "concise", "detailed")
_STATE: Final = refused("nothing is stored here; send the earlier items as input")
_FORM: Final = refused("send a JSON schema as text.format")

_OF_CHAT: Final = {
    name: _FORM if field is GRAMMAR else field
    for name, field in chat.FIELDS.items()
    if field.fate == "refused"
}
"""What servers would take here as well: some read a response's request as a chat's."""

FIELDS: Final[Mapping[str, Field]] = {
    **_OF_CHAT,
    "model": governed("a name from GET /v1/models, byte-exact", take_model),
    "instructions": governed("a string", _take_instructions),
    "input": governed("a string, or items; every text in them is read; see below", take_input),
    "tools": governed("functions; every text in them is read", take_tools),
    "tool_choice": governed("none, auto, required, one of the tools, or allowed_tools", take_tool_choice),
    "text": governed("format (text, json_object, json_schema) and verbosity", take_text),
    "reasoning": governed("effort, and summary, which is not forwarded", _take_reasoning),
    "stop": governed("up to 16 strings of up to 256 characters", take_strings(16, 256)),
    "max_output_tokens": governed(
        f"whole, 1 to {ANSWER_TOKENS}; policies see it as max_tokens", _take_max_output_tokens
    ),
    "stream": governed("true or false", take_stream),
    "stream_options": governed("include_obfuscation, which is not forwarded", _take_stream_options),
    # Sampling and length, by the names of OpenAI, vLLM, SGLang, llama.cpp and Ollama.
    **SAMPLING,
    **LENGTH,
    "parallel_tool_calls": BOOLEAN,
    # Accepted because clients send them, and kept here.
    "store": dropped("false; nothing is stored for later retrieval", _false),
    "background": dropped("false", _false),
    "include": dropped("an empty list", _nothing_more),
    "truncation": dropped("disabled", checks.one_of("disabled")),
    "max_tool_calls": dropped("bounds hosted tools, of which there are none", checks.whole(1, 1_000_000)),
    "top_logprobs": dropped("0", checks.whole(0, 0)),
    "user": dropped(MINE, checks.text),
    "safety_identifier": dropped(MINE, checks.text),
    "metadata": dropped("up to 16 strings; nothing behind the proxy needs them", _metadata),
    "prompt_cache_key": dropped("no caller chooses a cache", checks.text),
    "service_tier": dropped("auto or default", checks.one_of("auto", "default")),
    # State that nobody keeps here, and what hosted services have.
    "previous_response_id": _STATE,
    "conversation": _STATE,
    "prompt": refused("a stored template is text that nobody here has read"),
    "context_management": _STATE,
    "background_options": HOSTED,
    "access_programs": HOSTED,
    "moderation": HOSTED,
    "image": HOSTED,
    # What other routes call by another name.
    "messages": refused("send input"),
    "response_format": _FORM,
    "max_tokens": refused("send max_output_tokens"),
    "max_completion_tokens": refused("send max_output_tokens"),
    "reasoning_effort": refused("send reasoning"),
    "documents": refused("put them into a message, as <document id=…>"),
    "n": refused("a response is one answer"),
    # What vLLM and SGLang take here alone.
    "previous_input_messages": UNREAD,
    "enable_response_messages": TOKENS,
    "media_io_kwargs": ENGINE,
}

SCHEMA: Final = Schema(
    FIELDS, ("model", "input"), {name: _FORM if one is GRAMMAR else one for name, one in FAMILIES.items()}
)
