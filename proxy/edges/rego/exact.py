"""Which part of Rego the embedded engine runs exactly as OPA does, and where a module leaves that part.

OPA's Wasm differs from OPA in silence: sets and objects are walked in another order, and some built-in
functions answer otherwise for some arguments. An allow-list, measured (docs/policy-engines.md,
tests/policies/test_exactness.py): what is not on it is refused by name and place when policies are loaded.
"""

import re
from collections.abc import Iterator

from proxy.exchange import Json

# OPA releases that the list was measured with.
MEASURED = re.compile(r"1\.22\.\d+")

EXACT = frozenset(
    """
    abs and array.concat array.flatten array.reverse assign base64.encode base64url.encode concat contains
    count endswith eq equal graph.reachable gt gte internal.member_2 internal.member_3 intersection is_array
    is_boolean is_null is_number is_object is_set is_string lt lte max min neq numbers.range object.filter
    object.get object.keys object.remove object.union or regex.match rego.metadata.chain rego.metadata.rule
    rem sort split startswith strings.reverse trim trim_left trim_prefix trim_right trim_space trim_suffix
    type_name union
    """.split()  # noqa: SIM905  # a list to be read, not one to be counted
)

# Of regular expressions, the part where RE2 and Go's own library were compared: no named groups, no \C,
# no classes that depend on a Unicode version, no repetition above 1000.
_PATTERN = re.compile(
    r"(?:\(\?i\))?"
    r"(?:[^\\()\x00-\x1f\x7f-\U0010ffff{]"
    r"|\\[dwsDWSbB.^$*+?()|{}/\[\]\\-]"
    r"|\((?:\?:|(?!\?))"
    r"|\)"
    r"|\{\d{1,2}(?:,\d{0,2})?\})*"
)

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")

_ORDERED = "an array comprehension"
_REASONS = {
    _ORDERED: "its order may differ from OPA's: use a set comprehension, or put it into sort() or count()",
    "concat": "of a set, its order may differ from OPA's: join a literal array, or sort() first",
    "regex.match": "only a literal pattern of plain syntax is known to match exactly as in OPA",
    "shadow": "a rule may not have the name of the built-in function that other checks rely on",
}


def number_keys(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of keys in data that spell a number: OPA finds them by the number too, its Wasm does not."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if _NUMBER.fullmatch(key):
                yield (*path, key)
            yield from number_keys(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from number_keys(inner, (*path, index))


def places(module: Json) -> Iterator[tuple[int, str, str]]:
    """Line, name and reason of each thing in a parsed module (`opa parse`) that is not exact by its form."""
    for rule in module.get("rules", ()):
        if rule.get("head", {}).get("name") in {"sort", "count"}:
            yield _row(rule), rule["head"]["name"], _REASONS["shadow"]
        yield from _inside(rule, ordered=True)


def _inside(node: Json, *, ordered: bool) -> Iterator[tuple[int, str, str]]:
    """`ordered`: whether the order of an array that is made here can be seen."""
    if isinstance(node, list):
        for item in node:
            yield from _inside(item, ordered=True)
        return
    if not isinstance(node, dict):
        return
    if node.get("type") == "arraycomprehension" and ordered:
        yield _row(node), _ORDERED, _REASONS[_ORDERED]
    call = _call(node)
    if call is None:
        for key, child in node.items():
            if key not in {"location", "annotations"}:
                yield from _inside(child, ordered=True)
        return
    name, arguments = call
    if not _exact(name, arguments):
        yield _row(node), name, _REASONS[name]
    for argument in arguments:
        yield from _inside(argument, ordered=name not in {"sort", "count"})
    yield from _inside(node.get("with", []), ordered=True)


def _call(node: Json) -> tuple[str, list[Json]] | None:
    """A call is a term of type `call`, or an expression whose terms are a list."""
    terms = node.get("value") if node.get("type") == "call" else node.get("terms")
    if not isinstance(terms, list) or not terms or terms[0].get("type") != "ref":
        return None
    return ".".join(str(part.get("value")) for part in terms[0]["value"]), terms[1:]


def _exact(name: str, arguments: list[Json]) -> bool:
    if name == "concat" and len(arguments) > 1:
        joined = arguments[1]
        call = _call(joined)
        return joined.get("type") == "array" or (call is not None and call[0] == "sort")
    if name == "regex.match" and arguments:
        pattern = arguments[0]
        return pattern.get("type") == "string" and bool(_PATTERN.fullmatch(pattern["value"]))
    return True


def _row(node: Json) -> int:
    row: int = node.get("location", {}).get("row", 0)
    return row
