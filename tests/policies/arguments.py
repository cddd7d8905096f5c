"""Arguments for built-in functions, by the types that OPA declares, and now and then of a wrong type."""

import random
from typing import Any

NUMBERS = (
    0, 1, -1, 2, 3, 7, 100, -3, 2.0, 12.0, 1.5, -2.5, 0.1, 1e-7, 1000.0, 2**31, 2**32, 2**53 - 1, 1 - 2**53
)  # fmt: skip
SMALL = (-5, -1, 0, 1, 2, 3, 2.0, 2.5, 10, 70)
STRINGS = (
    "", "a", "b", "abc", "ABC", "aXbXc", " a ", "\t\na\r ", "ab,cd", "é", "É", "ß", "İ", "ı", "Σας", "日本",
    "😀", "e\u0301", "\u00a0x\u00a0", "\u2003y", "\u200b", "\u0085z", "10.0.0.1", "a.b.c", "*", "[a-z]+",
    "(", "1", "-2.5", "true", '{"a":1}', "YWJj", "%", "X", "A\u0000B", "\u0000", "Ⅷ", "ǅ", "ﬀ", "\u212a",
    "🇩🇪", "a/b", "\ufeff", "\u2028",
)  # fmt: skip
KEYS = ("a", "b", "c", "é", "😀", "", "0")


class Arguments:
    """`numbers`: the ones to choose from; small ones for a function that makes so many things."""

    def __init__(self, seed: int, *, numbers: tuple[float, ...] = NUMBERS) -> None:
        self._chance = random.Random(seed)
        self._numbers = numbers

    def of(self, declared: dict[str, Any], depth: int = 0) -> Any:
        kind = declared.get("type", "any")
        if self._chance.random() < 0.06:
            kind, declared = "any", {}
        if kind == "any":
            return self._any(declared, depth)
        return getattr(self, f"_{kind}")(declared, depth)

    def _any(self, declared: dict[str, Any], depth: int) -> Any:
        if declared.get("of"):
            return self.of(self._chance.choice(declared["of"]), depth)
        kinds = ["number", "string", "null", "boolean", "array", "object"]
        return self.of({"type": self._chance.choice(kinds if depth < 2 else kinds[:4])}, depth)

    def _number(self, _declared: dict[str, Any], _depth: int) -> Any:
        return self._chance.choice(self._numbers)

    def _string(self, _declared: dict[str, Any], _depth: int) -> str:
        return "".join(self._chance.choices(STRINGS, k=self._chance.choice((1, 1, 1, 2, 3))))

    def _boolean(self, _declared: dict[str, Any], _depth: int) -> bool:
        return self._chance.random() < 0.5

    def _null(self, _declared: dict[str, Any], _depth: int) -> None:
        return None

    def _array(self, declared: dict[str, Any], depth: int) -> list[Any]:
        if declared.get("static"):
            return [self.of(one, depth + 1) for one in declared["static"]]
        element = declared.get("dynamic") or declared.get("of") or {}
        return [self.of(element, depth + 1) for _ in range(self._chance.randint(0, 4))]

    _set = _array

    def _object(self, declared: dict[str, Any], depth: int) -> dict[str, Any]:
        value = declared.get("dynamic", {}).get("value", {})
        return {
            self._chance.choice(KEYS): self.of(value, depth + 1) for _ in range(self._chance.randint(0, 4))
        }
