"""Every field that a call of Text Generation Inference's may or may not hold, and every parameter in it.

A test holds the page `docs/tgi.md` to these tables.
"""

from collections.abc import Mapping
from typing import Final

from proxy.exchange import Json, Path
from proxy.wire import checks, nested
from proxy.wire.draft import Draft, invalid
from proxy.wire.fields import ANSWER_TOKENS, ENGINE, TEMPLATE, TOKENS, Schema, false, governed, take_stream
from proxy.wire.openai_chat.tools import read_schema


def _take_inputs(draft: Draft, name: str, value: Json) -> None:
    if not checks.text(value, (name,)):
        raise invalid((name,), "must not be empty")
    draft.text(value, "user", "message", (name,))
    draft.body[name] = value


def _take_parameters(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = nested.read(draft, (name,), value, PARAMETERS)


def _grammar(draft: Draft, path: Path, value: Json) -> Json:
    grammar = checks.members(draft, value, path, ("type", "value"))
    _GRAMMARS(grammar.get("type"), (*path, "type"))
    read_schema(draft, grammar.get("value"), (*path, "value"))
    draft.parameters["response_format"] = "json_schema"
    return grammar


_GRAMMARS: Final = checks.one_of("json")  # a regular expression can hold up a whole server

PARAMETERS: Final[Mapping[str, nested.Member]] = {
    "stop": nested.strings(16, 256),
    "grammar": nested.governed("json, with a schema; every text in it is read", _grammar),
    "max_new_tokens": nested.whole(1, ANSWER_TOKENS, "max_tokens"),
    "do_sample": nested.boolean(),
    "temperature": nested.number(0, 2),
    "top_k": nested.whole(1, 1_000_000),
    "top_p": nested.number(0, 1),
    "typical_p": nested.number(0, 1),
    "repetition_penalty": nested.number(0, 10),
    "frequency_penalty": nested.number(-2, 2),
    "seed": nested.whole(0, 2**53),
    "watermark": nested.boolean(),
    "details": nested.boolean(),
    "return_full_text": nested.boolean(),
    "best_of": nested.kept("1", checks.whole(1, 1)),
    "decoder_input_details": nested.kept("false", false),
    "truncate": nested.refused(TEMPLATE.note),
    "top_n_tokens": nested.refused(TOKENS.note),
    "adapter_id": nested.refused(ENGINE.note),
}

SCHEMA: Final = Schema(
    {
        "inputs": governed("a text", _take_inputs),
        "parameters": governed("see below", _take_parameters),
        "stream": governed("true or false; on a path of its own it must agree with it", take_stream),
    },
    ("inputs",),
)
