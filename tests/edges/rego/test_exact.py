from typing import Any

import pytest

from proxy.edges.rego.exact import places
from proxy.edges.rego.opa_command import lay_out, parse
from tests.policies.engines import opa


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("exact")

    def names(body: str) -> list[tuple[int, str]]:
        root = lay_out(folder, {"a.rego": f"package a\n\n{body}\n".encode()})
        (module,) = parse(opa(), root, ["a.rego"]).values()
        return [(line, name) for line, name, _ in places(module)]

    return names


@pytest.mark.parametrize(
    "body",
    [
        "p := {x | some x in input.l}",
        "p := sort([x | some x in input.l])",
        "p := count([x | some x in input.l])",
        "p if count([x | some x in input.l]) > 2",
        'p := concat(", ", ["a", input.x])',
        'p := concat(", ", sort({x | some x in input.l}))',
        'p if regex.match("^[a-z0-9-]{1,20}$", input.x)',
        "p if regex.match(`(?i)^(?:gpt|llama)[-.]\\d+b?\\.gguf$`, input.x)",
        "p := [1, input.x]",
        "p contains x if some x in input.l",
        "p[k] := v if some k, v in input.o",
        "p if every x in input.l { x > 1 }",
    ],
)
def test_what_is_exact_passes(judge: Any, body: str) -> None:
    assert judge(body) == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("p := [x | some x in input.l]", "an array comprehension"),
        ("p contains [x | some x in input.l]", "an array comprehension"),
        ("p := sort([[y | some y in x] | some x in input.l])", "an array comprehension"),
        ("p if { some x in [y | some y in input.l]; x }", "an array comprehension"),
        ("p if count({x | some x in input.l; x == [y | some y in x]}) > 0", "an array comprehension"),
        ("f(x) := [y | some y in x]", "an array comprehension"),
        ("p := 1 if false else := [x | some x in input.l]", "an array comprehension"),
        ("p if input.x with data.y as [x | some x in input.l]", "an array comprehension"),
        ("p if every x in [y | some y in input.l] { x }", "an array comprehension"),
        ("p if not input.x == [y | some y in input.l]", "an array comprehension"),
        ('p := concat(", ", {x | some x in input.l})', "concat"),
        ('p := concat(", ", input.l)', "concat"),
        ('p if concat(", ", input.l, "a")', "concat"),
        ("p if regex.match(input.pattern, input.x)", "regex.match"),
        ('p if regex.match("\\\\p{Greek}", input.x)', "regex.match"),
        ('p if regex.match("(?P<n>a)", input.x)', "regex.match"),
        ('p if regex.match("(?<n>a)", input.x)', "regex.match"),
        ('p if regex.match("(?s)a", input.x)', "regex.match"),
        ('p if regex.match("\\\\Ca", input.x)', "regex.match"),
        ('p if regex.match("a{1001}", input.x)', "regex.match"),
        ('p if regex.match("é", input.x)', "regex.match"),
        ('p if regex.match("a\\u0000", input.x)', "regex.match"),
        ("sort(x) := x", "sort"),
        ("count(x) := x", "count"),
    ],
)
def test_what_is_not_exact_is_named_with_its_line(judge: Any, body: str, name: str) -> None:
    assert judge(body) == [(3, name)]
