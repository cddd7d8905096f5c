"""Writes the tables of the dialects' pages from the schemas in proxy/wire: `python -m docs.dialects`.

A page has one place for them, between two marks. What is not a table is written by hand.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxy.wire.anthropic.blocks import BLOCKS, REFUSED_BLOCKS, RESULT, VOICES
from proxy.wire.anthropic.fields import SCHEMA as ANTHROPIC
from proxy.wire.fields import Fate, Schema
from proxy.wire.nested import Member
from proxy.wire.ollama.fields import CHAT, EMBED, EMBEDDINGS, GENERATE
from proxy.wire.ollama.messages import MEMBERS as OLLAMA_MEMBERS
from proxy.wire.ollama.options import OPTIONS
from proxy.wire.openai_chat.fields import SCHEMA as OPENAI_CHAT
from proxy.wire.openai_chat.messages import MEMBERS, PARTS
from proxy.wire.openai_completions import fields as openai_completions
from proxy.wire.openai_embeddings import request as openai_embeddings
from proxy.wire.openai_responses import items as openai_responses
from proxy.wire.openai_responses.fields import SCHEMA as OPENAI_RESPONSES
from proxy.wire.registers import DIALECTS
from proxy.wire.tei import embed, predict
from proxy.wire.tei import rerank as tei_rerank
from proxy.wire.tgi.fields import PARAMETERS
from proxy.wire.tgi.fields import SCHEMA as TGI
from proxy.wire.vllm import detokenize, rerank, score, tokenize

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- fields: begin -->", "<!-- fields: end -->"

FATES: Mapping[Fate, str] = {
    "governed": "Every text in these is read by the recognisers and known to the policies.",
    "inert": "Checked for type and range, then passed on; policies see them as `parameters`.",
    "not forwarded": "Accepted, because clients send them, and kept here.",
    "refused": "400 `request_invalid`, with the reason.",
}


@dataclass(frozen=True)
class Table:
    """`about` stands under the heading, if there is something to say. The first column holds names."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    about: str = ""

    def __str__(self) -> str:
        about = f"{self.about}\n\n" if self.about else ""
        head = f"### {self.heading}\n\n{about}{_line(self.columns)}\n|{'---|' * len(self.columns)}"
        return "\n".join([head, *(_line([f"`{name}`", *told]) for name, *told in self.rows)]) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def fields(schema: Schema, of: str = "") -> Iterator[Table]:
    """A table for each fate that a field of this schema has. `of`: which request, if a page has several."""
    for fate, about in FATES.items():
        rows = [(name, field.note) for name, field in schema.fields.items() if field.fate == fate]
        rows += [(f"{name}…", field.note) for name, field in schema.families.items() if field.fate == fate]
        if rows:
            column = "because" if fate == "refused" else "what it may be"
            yield Table(fate.capitalize() + (f" ({of})" if of else ""), ("field", column), rows, about)


def nested(heading: str, members: Mapping[str, Member]) -> Table:
    """Of an object inside the request."""
    rows = [(name, member.fate, member.note) for name, member in members.items()]
    return Table(heading, ("member", "fate", "what it may be, or why not"), rows)


def codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _openai_chat() -> Iterator[Table]:
    yield from fields(OPENAI_CHAT)
    rows = [(role, codes(members)) for role, members in MEMBERS.items()]
    yield Table("Messages", ("role", "may hold"), rows)
    rows = [(kind, codes(sorted(roles))) for kind, (roles, _, _) in PARTS.items()]
    yield Table("Parts of a message", ("type", "in messages of"), rows)


def _anthropic() -> Iterator[Table]:
    yield from fields(ANTHROPIC)
    voices = {**VOICES, "tool_result": RESULT}
    spoken = {kind: codes(name for name, voice in voices.items() if kind in voice.blocks) for kind in BLOCKS}
    rows = [(kind, codes(names), spoken[kind]) for kind, (names, _) in BLOCKS.items()]
    yield Table("Blocks", ("type", "may hold", "in the words of"), rows)
    yield Table("Blocks that are refused", ("type", "because"), list(REFUSED_BLOCKS.items()))


def _openai_responses() -> Iterator[Table]:
    yield from fields(OPENAI_RESPONSES)
    rows = [
        (kind, codes(("type", "id", "status", *names))) for kind, (_, names) in openai_responses.ITEMS.items()
    ]
    yield Table("Items", ("type", "may hold"), rows)
    rows = [(voice, codes(parts)) for voice, parts in openai_responses.PARTS.items()]
    yield Table("Parts of a message, and of a tool's output", ("in the words of", "types"), rows)
    yield Table("Items that are refused", ("type", "because"), list(openai_responses.REFUSED_ITEMS.items()))


def _measures() -> Iterator[Table]:
    yield from fields(openai_completions.SCHEMA, "/v1/completions")
    yield from fields(openai_embeddings.SCHEMA, "/v1/embeddings")
    yield from fields(rerank.SCHEMA, "/v1/rerank")
    yield from fields(score.SCHEMA, "/v1/score")
    yield from fields(tokenize.SCHEMA, "/tokenize")
    yield from fields(detokenize.SCHEMA, "/detokenize")
    yield from fields(embed.SCHEMA, "/embed")
    yield from fields(tei_rerank.SCHEMA, "/rerank")
    yield from fields(predict.SCHEMA, "/predict")


def _ollama() -> Iterator[Table]:
    calls = {"chat": CHAT, "generate": GENERATE, "embed": EMBED, "embeddings": EMBEDDINGS}
    for name, schema in calls.items():
        yield from fields(schema, name)
    yield nested("Options", OPTIONS)
    rows = [(role, codes(members)) for role, members in OLLAMA_MEMBERS.items()]
    yield Table("Messages", ("role", "may hold"), rows)


def _tgi() -> Iterator[Table]:
    yield from fields(TGI)
    yield nested("Parameters", PARAMETERS)


def _doors() -> Iterator[Table]:
    rows = [
        (name, codes(dialect.paths), codes(dialect.wires), f"[{page}]({page})")
        for name, dialect in DIALECTS.items()
        for page in [_PAGE_OF.get(name) or _PAGE_OF[name.partition("_")[0]]]
    ]
    yield Table("Dialects", ("dialect", "paths", "leaves as", "its fields"), rows)


_PAGE_OF: Mapping[str, str] = {
    "openai_chat": "openai-chat.md",
    "openai_responses": "openai-responses.md",
    "openai": "completions-and-measures.md",
    "vllm": "completions-and-measures.md",
    "tei": "completions-and-measures.md",
    "anthropic": "anthropic.md",
    "ollama": "ollama.md",
    "tgi": "tgi.md",
}
"""By a dialect's name, or by what it begins with."""

PAGES: Mapping[str, Sequence[Table]] = {
    "dialects.md": tuple(_doors()),
    "openai-chat.md": tuple(_openai_chat()),
    "openai-responses.md": tuple(_openai_responses()),
    "anthropic.md": tuple(_anthropic()),
    "completions-and-measures.md": tuple(_measures()),
    "ollama.md": tuple(_ollama()),
    "tgi.md": tuple(_tgi()),
}


def page(name: str, text: str) -> str:
    """The page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(map(str, PAGES[name]))
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


if __name__ == "__main__":
    for name in PAGES:
        path = FOLDER / name
        path.write_text(page(name, path.read_text("utf-8")), "utf-8")
