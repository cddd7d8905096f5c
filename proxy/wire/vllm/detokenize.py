"""Detokenize, as vLLM has it: tokens back into a text.

Nobody can inspect the tokens on the way in, so they are named as unscannable, for the policies to decide
about. The text that they become passes the guard like any answer.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from proxy.exchange import AnswerEvent, Delta, Exchange, Finish, Json, Lane, Unscannable
from proxy.settings import Limits
from proxy.wire import answers, checks, tree
from proxy.wire.draft import Draft
from proxy.wire.fields import ENGINE, Field, Schema, governed, take_model
from proxy.wire.measures import Measured, name_model
from proxy.wire.vllm.tokenize import LARGEST_ID

NAME: Final = "vllm_detokenize"

TOKEN_IDS: Final = 131_072
"""As many as usual contexts hold. Each is checked, which takes 10 ms at the most."""

_CHECK: Final = checks.items(0, TOKEN_IDS, checks.whole(0, LARGEST_ID))


def _take_tokens(draft: Draft, name: str, value: Json) -> None:
    draft.body[name] = _CHECK(value, (name,))
    draft.unscannable.append(Unscannable(name, "token_ids"))


FIELDS: Final[Mapping[str, Field]] = {
    "model": governed("a name from GET /v1/models; without one, the default of the settings", take_model),
    "tokens": governed(f"up to {TOKEN_IDS} token ids: unscannable, so a rule must allow them", _take_tokens),
    "add_special_tokens": ENGINE,
    "skip_special_tokens": ENGINE,
}

SCHEMA: Final = Schema(FIELDS, ("tokens",), {"lora": ENGINE})


def parse(body: Json, *, exchange_id: str, limits: Limits, model: str | None = None) -> Exchange:
    """Raises RequestInvalid with the name of the field."""
    draft = Draft(limits)
    SCHEMA.read(draft, body)
    name_model(draft, model)
    return draft.exchange(exchange_id, NAME, operation="tokenize")


def upstream_body(exchange: Exchange, model: str) -> bytes:
    return tree.dump({**exchange.body, "model": model})


def read(body: Json, dropped: Counter[str]) -> Iterator[AnswerEvent]:
    envelope = answers.members(body)
    answers.count_unknown(dropped, envelope, frozenset({"prompt"}))
    text = envelope.get("prompt")
    if not isinstance(text, str):
        raise answers.malformed("prompt")
    if text:
        yield Delta(Lane(0, "content"), text)
    yield Finish(0, "stop")


def spell(_exchange: Exchange, measured: Measured) -> Json:
    return {"prompt": "".join(measured.texts)}
