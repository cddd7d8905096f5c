"""Tools, response schemas and documents of an OpenAI chat request: trees that the caller shapes.

Every description, property name, enumeration and default in them is a segment. What a server would make of
a schema is the server's; here it is bounded in size and depth.
"""

from typing import Final

from proxy.exchange import Entry, Json, Path
from proxy.wire import checks, tree
from proxy.wire.draft import Draft, Source, bounded_tree, invalid
from proxy.wire.fences import MOST, claimed_ids

SCHEMA_BYTES: Final = 65_536
SCHEMA_DEPTH: Final = 32
"""Engines compile schemas into grammars; deep or huge ones have stopped whole servers (CVE-2025-62426)."""

DOCUMENTS: Final = MOST
"""As many as may stand in texts."""

_LIMITING_WORDS: Final = """
    minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems maxItems
    minProperties maxProperties
"""
_BOUNDS: Final = frozenset(_LIMITING_WORDS.split())
"""Their values must stay numbers, and 2147483647 is no phone number here."""

_VOCABULARY: Final = """
    type properties items required enum const description title default examples format pattern anyOf oneOf
    allOf not if then else additionalProperties patternProperties propertyNames prefixItems contains
    uniqueItems $ref $defs $schema $id $comment definitions nullable deprecated readOnly writeOnly
    discriminator string number integer boolean object array null
"""
_SCHEMA_WORDS: Final = _BOUNDS.union(_VOCABULARY.split())
"""The vocabulary of JSON Schema: said alone, these words carry nothing of anybody's."""

_PROSE: Final = frozenset({"description", "title", "default", "examples", "$comment"})
"""What is written for a reader; every other text in a schema is an identifier."""

_TEXT_KEYS: Final = ("text", "content", "contents", "page_content")
"""Where templates look for the text of a document."""

_DOCUMENT_WORDS: Final = frozenset(
    {
        *("id", "doc_id", "document_id", "title", "text", "content", "contents", "page_content"),
        *("snippet", "source", "url", "metadata"),
    }
)
"""What fields of documents are called everywhere."""


def take_tools(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or len(value) > draft.limits.tools:
        raise invalid((name,), f"must be a list of at most {draft.limits.tools} tools")
    if value:  # servers refuse an empty list
        draft.body[name] = [_tool(draft, tool, (name, index)) for index, tool in enumerate(value)]


def take_tool_choice(draft: Draft, name: str, value: Json) -> None:
    """Stands after `tools`: a named choice must be one of them."""
    if isinstance(value, str):
        mode = _MODES(value, (name,))
        if not draft.tools and mode == "required":
            raise invalid((name,), "asks for a call, and there are no tools")
        if draft.tools:  # servers refuse a choice among none
            draft.body[name] = draft.parameters[name] = mode
        return
    choice = checks.members(draft, value, (name,), ("type", "function"))
    checks.one_of("function")(choice.get("type"), (name, "type"))
    function = checks.members(draft, choice.get("function"), (name, "function"), ("name",))
    if function.get("name") not in draft.tools:
        raise invalid((name, "function", "name"), "must name one of the tools")
    draft.text(function["name"], "system", "name", (name, "function", "name"))
    draft.insisted = function["name"]
    draft.body[name] = {"type": "function", "function": function}
    draft.parameters[name] = "function"


def take_response_format(draft: Draft, name: str, value: Json) -> None:
    wanted = checks.members(draft, value, (name,), ("type", "json_schema"))
    kind = _FORMATS(wanted.get("type"), (name, "type"))
    if (kind == "json_schema") is not ("json_schema" in wanted):
        raise invalid((name, "json_schema"), "goes with the type json_schema, and only with it")
    if kind == "json_schema":
        wanted["json_schema"] = _described(draft, wanted["json_schema"], (name, "json_schema"), "schema")
    draft.body[name] = wanted
    draft.parameters[name] = kind


def take_documents(draft: Draft, name: str, value: Json) -> None:
    if not isinstance(value, list) or len(value) > DOCUMENTS:
        raise invalid((name,), f"must be a list of at most {DOCUMENTS} documents")
    for index, document in enumerate(value):
        _read_document(draft, document, (name, index))
    if value:
        draft.body[name] = value


def _tool(draft: Draft, value: Json, path: Path) -> dict[str, Json]:
    tool = checks.members(draft, value, path, ("type", "function"))
    checks.one_of("function")(tool.get("type"), (*path, "type"))
    function = _described(draft, tool.get("function"), (*path, "function"), "parameters")
    draft.tools.append(function["name"])
    return {"type": "function", "function": function}


def _described(draft: Draft, value: Json, path: Path, schema: str) -> dict[str, Json]:
    """A name, a description and a schema: what tools and response formats are made of."""
    described = checks.members(draft, value, path, ("name", "description", "strict", schema))
    draft.text(checks.identifier(described.get("name"), (*path, "name")), "system", "name", (*path, "name"))
    if "description" in described:
        text = checks.text(described["description"], (*path, "description"))
        draft.text(text, "system", "tool_definition", (*path, "description"))
    if "strict" in described:
        checks.boolean(described["strict"], (*path, "strict"))
    if schema in described:
        read_schema(draft, described[schema], (*path, schema))
    return described


def read_schema(draft: Draft, value: Json, path: Path) -> None:
    """Every text in a JSON schema but its vocabulary. Other dialects' tools hold the same schemas."""
    bounded_tree(value, path, size=SCHEMA_BYTES, depth=SCHEMA_DEPTH)
    for leaf in tree.walk(value, path):
        if leaf.text in _SCHEMA_WORDS or (leaf.number and leaf.path[-1] in _BOUNDS):
            continue
        draft.text(leaf.text, "system", _schema_source(leaf), leaf.path, key=leaf.key)


def _schema_source(leaf: tree.Leaf) -> Source:
    keyword = next(step for step in reversed(leaf.path) if isinstance(step, str))
    return "tool_definition" if keyword in _PROSE and not leaf.key else "name"


def _read_document(draft: Draft, document: Json, path: Path) -> None:
    """A string, or an object whose fields are the caller's own: templates print what they know of them."""
    if isinstance(document, dict) and document:
        key = next((key for key in _TEXT_KEYS if key in document), _TEXT_KEYS[0])
        draft.entries.append(Entry(path, claimed_ids(document), text_key=key))
    elif isinstance(document, str):
        draft.entries.append(Entry(path))
    else:
        raise invalid(path, "must be a string or an object with text")
    for leaf in tree.walk(document, path):
        if not (leaf.key and leaf.text in _DOCUMENT_WORDS):
            draft.text(leaf.text, "user", "document", leaf.path, key=leaf.key)


_MODES: Final = checks.one_of("none", "auto", "required")
_FORMATS: Final = checks.one_of("text", "json_object", "json_schema")
