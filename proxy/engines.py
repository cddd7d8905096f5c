"""The doors of the house as protocols, one method each. Edges implement them; the conductor knows only these.

Every implementation raises the errors named here and nothing else a peer could cause (`proxy.errors`).
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from proxy.exchange import AnswerEvent, CleanText, Credentials, Identity, Json
from proxy.fingerprints.copies import Copied
from proxy.redact.spans import Span
from proxy.verdict import Decision, KindPlan, SoftAsk, SoftVerdict
from proxy.wire.dialect import UpstreamRequest


class PolicyEngine(Protocol):
    @property
    def revision(self) -> str:
        """Of the policies that the next decision will be made by."""

    async def decide(self, document: Mapping[str, Json]) -> Decision:
        """Ask `data.gateway.main.decision` about an input document (policies/schemas/input.json).

        Raises EngineUnavailable when there is no whole, well-formed decision in time.
        """


class Recogniser(Protocol):
    async def recognise(self, texts: Sequence[str], plan: Sequence[KindPlan]) -> list[tuple[Span, ...]]:
        """Entities of the planned kinds in each text: merged, ascending, not overlapping; one tuple a text.

        Raises EngineUnavailable on a crash, a missed deadline, a full queue or a partial answer, and
        ContentUnscannable for a text that is longer than the recogniser takes.
        """


class Copies(Protocol):
    async def find(self, texts: Sequence[str]) -> list[tuple[Copied, ...]]:
        """Passages of known documents in each text, whatever it says about itself; one tuple a text."""


class Judge(Protocol):
    async def judge(self, rule: SoftAsk, text: CleanText) -> SoftVerdict:
        """Never raises for a judge's fault: no verdict is a verdict with status `error`."""


class TokenCounter(Protocol):
    def cached(self, model: str, text: str) -> int | None:
        """The count where it is known already; None: ask for it. Never blocks."""

    def count(self, model: str, text: str) -> int:
        """Tokens of a text for the name that the upstream knows. Blocking: about 40 µs a kB."""


class IdentityProvider(Protocol):
    async def identify(self, credentials: Credentials) -> Identity:
        """Raises Unauthenticated without saying what was wrong, and EngineUnavailable while there are no
        keys to check a signature with."""


@dataclass(frozen=True, slots=True)
class UpstreamRoute:
    """One server of a model: its name, the model's name there, where it stands, and which wires it speaks."""

    upstream: str
    model: str
    residency: str = ""
    speaks: tuple[str, ...] = ()


class UpstreamAnswer(Protocol):
    """An answer that has begun. `events()` ends with `End`, or raises UpstreamUnavailable if cut short."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Fields of the answer that no reader knows and that held something, by name: how often."""

    def events(self) -> AsyncIterator[Sequence[AnswerEvent]]: ...

    async def close(self) -> None:
        """End it: a connection with anything left to read is closed, so that the model stops working."""


class UpstreamDoor(Protocol):
    def names(self) -> Sequence[str]:
        """Every name of a model that callers may use."""

    def routes(self, model: str) -> Sequence[UpstreamRoute]:
        """The servers of a model, the best to ask first; none: no such model. Byte-exact."""

    async def open(self, route: UpstreamRoute, request: UpstreamRequest) -> UpstreamAnswer:
        """Send a request to this server.

        Raises UpstreamUnavailable, UpstreamTimeout or UpstreamRefused. Cancelling closes the connection.
        """


class Ticket(Protocol):
    """A place in the spool, reserved before the upstream is asked."""

    async def close(self, decisions: Sequence[Mapping[str, Any]], record: Mapping[str, Any] | None) -> None:
        """On disk when this returns. `record` is None when the exchange is not to be mirrored.

        The client may have left and the caller be cancelled meanwhile: what was handed over is written all
        the same.
        """


class Journal(Protocol):
    async def open(self, exchange_id: str, opened: Mapping[str, Any]) -> Ticket:
        """Reserve room and write the open entry. Raises RecordUnavailable when full or unwritable.

        Cancelled, it leaves nothing open and logs nothing: another ticket tells how the exchange ended.
        """


class Clock(Protocol):
    def now(self) -> float:
        """Unix seconds."""

    def monotonic(self) -> float: ...
