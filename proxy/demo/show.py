"""How the tour talks to a person: titles, what was said by whom, and claims that are checked."""

import sys
from typing import TextIO


class Show:
    """`failed` counts the claims that did not hold."""

    def __init__(self, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._colour = stream.isatty()
        self.failed = 0

    def title(self, number: int, text: str) -> None:
        self._line(f"\n{self._paint('1', f'{number}. {text}')}")

    def said(self, who: str, text: str) -> None:
        first, *rest = text.splitlines() or [""]
        self._line(f"   {self._paint('36', f'{who:>22}')}  {first}")
        for line in rest:
            self._line(f"   {'':>22}  {line}")

    def claim(self, text: str, holds: bool) -> None:
        self.failed += not holds
        mark = self._paint("32", "✓") if holds else self._paint("31", "✗ NOT SO:")
        self._line(f"   {mark} {text}")

    def note(self, text: str) -> None:
        self._line(self._paint("2", text))

    def plain(self, text: str) -> None:
        self._line(text)

    def _line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    def _paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text
