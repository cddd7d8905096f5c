"""The guard on an answer: text in, questions and clean text out. Nothing of a finding ever leaves.

It asks about one window of the text at a time and keeps everything that came after it. Windows end where the
text itself says so, never where the network cut it, so the same answer gives the same windows:

- after a sentence, a line or (in a longer window) a clause whose last word is plain lower case: no entity
  goes on behind such a word, while it may behind a digit, an initial or a capital ("Dr. ", "4111 ");
- after an empty line, and after a full stop of Chinese and Japanese, which needs no space behind it;
- after three plain lower-case words, as soon as the window is as long as all those before it together: the
  first words leave early, and the windows of a long answer are as long as its clauses;
- at the latest after `window_chars`. Such a window has no natural end, so its last part is only looked at,
  not released: an entity that crosses the place of the cut is seen whole and goes into the next window.

Where all planned kinds begin in a word that tells (a digit, an `@`; see `redact.quiet`), words before such a
word leave at once, and a window begins with it.

A finding that touches the end of a window may go on behind it: it opens the next window. One that fills a
whole window of `window_chars` is replaced as far as it is known, and what follows up to the next white space
is dropped with it: it cannot grow for ever, and its rest is not released either.

Works on plain text. A tool's arguments are JSON: parse them and look at the strings inside.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Literal

from proxy.exchange import CleanText
from proxy.redact.quiet import is_calm, quiet_chars
from proxy.redact.redactor import replace
from proxy.redact.spans import Span, merge, planned
from proxy.redact.vault import PSEUDONYM, Vault
from proxy.verdict import KindPlan

LOOKAHEAD_CHARS = 64
"""Behind a forced cut: longer than entities with spaces in them (a spaced IBAN has 42), pseudonyms (59)."""

CONTEXT_CHARS = 96
"""Before a window: the five words in which Presidio looks for context such as "card" or "phone"."""

CLAUSE_CHARS = 80
"""A window must be this long to end after a clause: shorter ones cost more questions than they save time."""

_FULL_STOPS = "\u3002\uff01\uff1f"  # 。 and its exclamation and question marks: no space follows them
_GAP = re.compile(rf"[\s{_FULL_STOPS}]")
_WORD = re.compile(r"[^\W\d_]{2,}\Z")
_CLOSERS = "*_`~\"'\u201d\u2019)]}\u00bb"
_LONGEST_WORD = 48  # of a border's last word, closing marks included: what is looked at behind a gap


@dataclass(frozen=True, slots=True)
class Ask:
    """What is in `window`? `context` is the text before it: asked about as well, but already released."""

    window: str = field(repr=False)
    context: str = field(repr=False)

    @property
    def text(self) -> str:
        """What a recogniser is given."""
        return self.context + self.window

    def within(self, found: Iterable[Span]) -> list[Span]:
        """The part of what was found in `text` that lies in the window, counted from the window's start."""
        before = len(self.context)
        return [
            changed(span, start=max(span.start - before, 0), end=span.end - before)
            for span in found
            if span.end > before
        ]


@dataclass(frozen=True, slots=True)
class Emit:
    text: CleanText = field(repr=False)


class Guard:
    """One lane of one answer. Every `Ask` must be settled before the next comes; `Emit`s come in order.

    `plan`: what is a finding; empty: everything passes at once, unless `always_ask` (somebody else wants to
    see the windows before they leave, such as a judge). `leaks`: the vault that findings go to, never
    restored. `issued`: the vault of the prompt; its pseudonyms are not findings, but they do not shield the
    words beside them. `window_chars`: at most this much is held back, and what came while an `Ask` was open.
    `marked`: kinds of which no quiet word is a part.
    """

    def __init__(
        self,
        *,
        plan: Sequence[KindPlan],
        leaks: Vault,
        issued: Vault,
        window_chars: int,
        always_ask: bool = False,
        marked: frozenset[str] = frozenset(),
    ) -> None:
        if window_chars < 2:  # one to release and one to look ahead at
            raise ValueError("a window has at least two characters")
        self._asks = bool(plan) or always_ask
        self._plan = tuple(plan)
        self._leaks = leaks
        self._issued = issued
        self._window_chars = window_chars
        self._lets_quiet_pass = not always_ask and all(kind.kind in marked for kind in plan)
        # A judge is asked about sentences: its time is dear, and it judges a part of one badly.
        self._calm_chars = window_chars if always_ask else 0
        self._at_word = True  # what is held begins with a word of which nothing was seen before
        self._ahead = min(LOOKAHEAD_CHARS, window_chars // 2)
        self._held = ""
        self._later: list[str] = []
        self._left = ""
        self._scanned = 0  # no border up to here but those that a carried finding has crossed
        self._asked = 0  # length of the window that is being asked about
        self._ending: Literal["border", "forced", "early", "final"] = "border"
        self._swallowing = False
        self._finished = False

    @property
    def waiting(self) -> bool:
        """Whether an `Ask` is open. After `finish`, not waiting means done."""
        return self._asked > 0

    @property
    def held(self) -> str:
        """What has come and was not released yet. For counting it, and nothing else: nobody looked at it."""
        return "".join((self._held, *self._later))

    def feed(self, text: str) -> list[Ask | Emit]:
        if not self._asks:
            return [Emit(CleanText(text))] if text else []
        self._later.append(text)
        return [] if self._asked else self._next()

    def settle(self, spans: Sequence[Span]) -> list[Ask | Emit]:
        """The answer to the open `Ask`: spans relative to its window."""
        if not self.waiting:
            raise ValueError("there is no question to settle")
        window = self._held[: self._asked]
        findings = _findings(window, spans, self._plan, self._issued)
        cut = self._cut(window, findings)
        leaving = [finding for finding in findings if finding.end <= cut]
        emitted = replace(window[:cut], leaving, self._leaks, self._plan)
        self._at_word = cut == len(window)
        if not self._lets_quiet_pass:
            self._calm_chars = min(self._calm_chars + cut, CLAUSE_CHARS)
        self._release(cut)
        return [*([Emit(emitted)] if emitted else []), *self._next()]

    def finish(self) -> list[Ask | Emit]:
        """There is no more text. What is still held comes in the answer to this, or to the open `Ask`."""
        self._finished = True
        return [] if self.waiting else self._next()

    def overdue(self) -> list[Ask | Emit]:
        """What is held has waited for long: ask about it as far as it is, to let go as much of it as may."""
        if not self._asks or self.waiting or not self._held:
            return []
        self._asked, self._ending = len(self._held), "early"
        return [Ask(self._held, self._context())]

    def _next(self) -> list[Ask | Emit]:
        if self._later:
            self._held += "".join(self._later)
            self._later.clear()
        if self._swallowing:
            self._swallow()
        passing = self._quiet()
        self._asked = self._window()
        return [*passing, Ask(self._held[: self._asked], self._context())] if self._asked else passing

    def _quiet(self) -> list[Ask | Emit]:
        """The quiet words that the held text begins with, let go."""
        if not self._lets_quiet_pass or not self._at_word:
            return []
        end = quiet_chars(self._held, ended=self._finished)
        if not end:
            return []
        quiet = Emit(CleanText(self._held[:end]))
        self._release(end)
        return [quiet]

    def _window(self) -> int:
        """The length of the next window, 0 if it has not ended yet; and why it ends there."""
        border = self._border()
        if border:
            self._ending = "border"
            return border
        if len(self._held) >= self._window_chars:
            self._ending = "forced"
            return self._window_chars
        self._ending = "final"
        return len(self._held) if self._finished else 0

    def _border(self) -> int:
        bound = min(len(self._held), self._window_chars)
        gap = _GAP.search(self._held, self._scanned, bound)
        while gap:
            if _ends_window(self._held, gap.start()) or self._is_calm(gap.start()):
                self._scanned = gap.end()
                return gap.end()
            gap = _GAP.search(self._held, gap.end(), bound)
        self._scanned = bound
        return 0

    def _context(self) -> str:
        """Whole words of what has left, however it left."""
        tail = self._left[-CONTEXT_CHARS:]
        return self._left if tail == self._left else tail.partition(" ")[2] or tail

    def _is_calm(self, gap: int) -> bool:
        return gap >= self._calm_chars and is_calm(self._held, gap)

    def _cut(self, window: str, findings: Sequence[Span]) -> int:
        """How much of the window may leave."""
        if self._ending == "early":
            return self._early_cut(window, findings)
        if self._ending == "forced":
            return self._forced_cut(window, findings)
        touches = findings and findings[-1].end >= len(window.rstrip())
        if self._ending == "border" and touches:
            return findings[-1].start
        return len(window)

    def _forced_cut(self, window: str, findings: Sequence[Span]) -> int:
        cut = _last_gap(window, len(window) - self._ahead)
        for start, end in self._indivisible(window, findings):
            if start < cut < end:
                cut = start or end
        self._swallowing = cut == len(window)
        return cut

    def _early_cut(self, window: str, findings: Sequence[Span]) -> int:
        """Behind the last plain word; nothing may be cut in two that can still grow."""
        cut = _last_plain_gap(window, 0, len(window))
        crossed = (start for start, end in self._indivisible(window, findings) if start < cut < end)
        return min(crossed, default=cut)

    def _indivisible(self, window: str, findings: Sequence[Span]) -> list[tuple[int, int]]:
        return [*((span.start, span.end) for span in findings), *_issued_in(window, self._issued)]

    def _release(self, cut: int) -> None:
        self._left = (self._left + self._held[:cut])[-CONTEXT_CHARS - 1 :]  # one tells of more
        self._held = self._held[cut:]
        self._scanned -= min(cut, self._scanned)
        self._asked = 0

    def _swallow(self) -> None:
        gap = _GAP.search(self._held)
        end = gap.start() if gap else len(self._held)
        self._held = self._held[end:]
        self._scanned -= min(end, self._scanned)
        self._swallowing = gap is None


def conceal(
    text: str, spans: Iterable[Span], *, plan: Sequence[KindPlan], leaks: Vault, issued: Vault
) -> CleanText:
    """What a guard makes of a text that is there as a whole (a string among a tool's arguments)."""
    return replace(text, _findings(text, spans, plan, issued), leaks, plan)


def _ends_window(text: str, gap: int) -> bool:
    """Whether a window may end after the white space or full stop at `gap`: what stands before it decides."""
    if text[gap] in _FULL_STOPS:
        return True
    if text[gap] == "\n" and text[gap - 1 : gap] == "\n":
        return True
    before = text[max(0, gap - _LONGEST_WORD) : gap].rstrip(_CLOSERS)
    if before.endswith((".", "!", "?")) or (gap >= CLAUSE_CHARS and before.endswith((",", ";", ":"))):
        return _ends_plain(before[:-1])
    return text[gap] == "\n" and _ends_plain(before)


def _ends_plain(text: str) -> bool:
    """Whether the last thing is a lower-case word of two letters or more."""
    word = _WORD.search(text.rstrip(_CLOSERS))
    return word is not None and word[0].islower()


def _last_gap(window: str, limit: int) -> int:
    """The last place up to `limit` behind a plain word and a space; else behind a space; else `limit`.

    Not in the first half: each question should get the answer ahead by more than it looks at twice.
    """
    gaps = [gap.end() for gap in _GAP.finditer(window, limit // 2, limit)]
    return _last_plain_gap(window, limit // 2, limit) or (gaps[-1] if gaps else limit)


def _last_plain_gap(window: str, start: int, end: int) -> int:
    """The last place from `start` to `end` behind a plain word and a space; 0 if there is none."""
    gaps = [gap.end() for gap in _GAP.finditer(window, start, end)]
    plain = (gap for gap in reversed(gaps) if _ends_plain(window[max(0, gap - _LONGEST_WORD) : gap - 1]))
    return next(plain, 0)


def _findings(
    window: str, spans: Iterable[Span], plan: Sequence[KindPlan], issued: Vault
) -> tuple[Span, ...]:
    """What is planned, without what the caller's own pseudonyms cover, and not just marks between them."""
    holes = _issued_in(window, issued)
    outside = [part for span in planned(spans, plan) for part in _outside(span, holes)]
    wanted = [part for part in outside if any(map(str.isalnum, window[part.start : part.end]))]
    return merge(wanted, [kind.kind for kind in plan])


def _issued_in(text: str, issued: Vault) -> list[tuple[int, int]]:
    return [match.span() for match in PSEUDONYM.finditer(text) if match[0] in issued]


def _outside(span: Span, holes: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """The parts of a span that lie outside of the holes (ascending, not overlapping)."""
    start = span.start
    for hole_start, hole_end in holes:
        if hole_start >= span.end:
            break
        if hole_end <= start:
            continue
        yield changed(span, start=start, end=hole_start)
        start = hole_end
    if start < span.end:
        yield changed(span, start=start)
