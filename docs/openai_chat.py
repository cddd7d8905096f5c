"""Writes the tables of docs/openai-chat.md from the schema in proxy/wire: `python -m docs.openai_chat`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from proxy.wire.fields import Fate
from proxy.wire.openai_chat.fields import FAMILIES, FIELDS
from proxy.wire.openai_chat.messages import MEMBERS, PARTS

PAGE = Path(__file__).with_name("openai-chat.md")
BEGIN, END = "<!-- fields: begin -->", "<!-- fields: end -->"

FATES: dict[Fate, str] = {
    "governed": "Every text in these is read by the recognisers and known to the policies.",
    "inert": "Checked for type and range, then passed on; policies see them as `parameters`.",
    "not forwarded": "Accepted, because clients send them, and kept here.",
    "refused": "400 `request_invalid`, with the reason.",
}


def page(text: str) -> str:
    """The page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    tables = "\n".join(_tables())
    return f"{before}{BEGIN}\n\n{tables}\n{END}{after}"


def _tables() -> Iterator[str]:
    for fate, about in FATES.items():
        yield f"### {fate.capitalize()}\n\n{about}\n\n| field | {_heading(fate)} |\n|---|---|"
        rows = [(name, field.note) for name, field in FIELDS.items() if field.fate == fate]
        rows += [(f"{name}…", field.note) for name, field in FAMILIES.items() if field.fate == fate]
        yield "\n".join(f"| `{name}` | {note} |" for name, note in rows) + "\n"
    yield "### Messages\n\n| role | may hold |\n|---|---|"
    yield "\n".join(f"| `{role}` | {_codes(members)} |" for role, members in MEMBERS.items()) + "\n"
    yield "### Parts of a message\n\n| type | in messages of |\n|---|---|"
    yield "\n".join(f"| `{kind}` | {_codes(sorted(roles))} |" for kind, (roles, _, _) in PARTS.items()) + "\n"


def _heading(fate: Fate) -> str:
    return "because" if fate == "refused" else "what it may be"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
