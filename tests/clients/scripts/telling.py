"""What a client's script is given, and how it tells what the client saw: one line of JSON for each feature.

A script is a program of its own, because its client may live in another environment than ours. It knows
nothing of the proxy: a base URL, a key and names of models are all that it gets.
"""

import asyncio
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Asks:
    """`stranger`: a key that may use no model. `echo` answers with the user's own words and calls every tool
    twice; `filtered` says some words and is then cut off."""

    url: str
    key: str
    stranger: str
    strange: str
    features: list[str]
    chat: str
    echo: str
    filtered: str
    embed: str
    system: str
    user: str
    prompt: str
    weather: str
    tool: dict[str, Any]
    schema: dict[str, Any]
    private: str
    recall: str
    max_tokens: int
    seed: int

    @property
    def messages(self) -> list[dict[str, str]]:
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]

    def as_stranger(self) -> "Asks":
        """The same questions of somebody who may use no model, in words that nobody else uses."""
        return replace(self, key=self.stranger, user=self.strange, prompt=self.strange)

    @property
    def function(self) -> dict[str, Any]:
        """The tool as OpenAI's chat has it."""
        return {"type": "function", "function": self.tool}


def said(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


def told(error: Exception, status: object, body: object) -> dict[str, Any]:
    """What an application learns from its client's own error: which `except` takes it, what it carries."""
    kinds = [kind.__name__ for kind in type(error).__mro__]
    return {"raised": kinds, "status": status, "body": json.dumps(body, default=str)}


Feature = Callable[[Asks], Any]


class Script:
    """Features by name. Each is called with the asks and returns what the client saw, as JSON."""

    def __init__(self) -> None:
        self._features: dict[str, Feature] = {}

    def feature(self, name: str) -> Callable[[Feature], Feature]:
        def keep(feature: Feature) -> Feature:
            self._features[name] = feature
            return feature

        return keep

    def main(self) -> None:
        asks = Asks(**json.load(sys.stdin))
        for name in asks.features:
            print(json.dumps({"feature": name, **self._try(name, asks)}), flush=True)

    def _try(self, name: str, asks: Asks) -> dict[str, Any]:
        try:
            saw = self._features[name](asks)
            return {"saw": asyncio.run(saw) if inspect.iscoroutine(saw) else saw}
        except Exception:  # noqa: BLE001  # whatever a client does wrong is told, and the next feature tried
            return {"failed": traceback.format_exc()}
