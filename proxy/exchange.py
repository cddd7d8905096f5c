"""One exchange as frozen values: who asks, what was sent, which texts it carries, what came back.

The request's `body` is the strictly parsed and schema-checked JSON tree of the caller's dialect; nothing
else of the caller's bytes survives. Every text in it is a `Segment` with a path, so a stage that changes
text makes a new exchange (`proxy.wire.tree.with_texts`). No dictionary for hidden luggage.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, NewType

CleanText = NewType("CleanText", str)
"""Text that went through the redactor. Records, judges and upstreams take nothing else."""

Path = tuple[str | int, ...]
"""Where a text stands in the body: keys and indexes, outermost first."""

Json = Any
"""A JSON value as `orjson.loads` makes it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The human on whose behalf the call is made, as verified; never as claimed in a body or free header."""

    id: str
    tenant: str = "default"
    groups: tuple[str, ...] = ()
    clearances: tuple[str, ...] = ()


Method = Literal[
    "api_key", "jwt", "client_certificate", "forwarded_certificate", "forwarded_claims", "anonymous"
]
"""How somebody was verified: `client_…` by us, `forwarded_…` by a peer that the configuration trusts."""


@dataclass(frozen=True, slots=True)
class Identity:
    """`method`: how the subject was verified. `actor`: the application or agent that makes the call.

    `actor_method`: how the actor was verified, where that differs. `delegated`: the actor acts for the
    subject with rights of its own, which are `actor_groups` and `actor_clearances`. `actor_chain`: who acted
    before it, the latest first; told, and no ground for any access (RFC 8693 §4.1).
    """

    subject: Subject
    actor: str
    method: Method
    actor_method: Method | None = None
    actor_groups: tuple[str, ...] = ()
    actor_clearances: tuple[str, ...] = ()
    actor_chain: tuple[str, ...] = ()
    delegated: bool = False

    @property
    def actor_verified(self) -> Method:
        return self.actor_method or self.method


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """The names in a client certificate that TLS verified, as far as they can tell who it is."""

    uris: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    common_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that a connection and a request's head say about who calls. None of it is believed yet.

    Values of headers: `authorization`, `api_keys` (x-api-key), `subject_tokens` (x-sluicegate-subject-token),
    `forwarded_certificates` (x-forwarded-client-cert), `forwarded_claims` (x-jwt-payload). `peer`: the
    address at the other end of the connection.
    """

    authorization: tuple[str, ...] = field(default=(), repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    subject_tokens: tuple[str, ...] = field(default=(), repr=False)
    forwarded_certificates: tuple[str, ...] = field(default=(), repr=False)
    forwarded_claims: tuple[str, ...] = field(default=(), repr=False)
    peer: str = field(default="", repr=False)
    certificate: CertificateNames | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Segment:
    """One piece of text. `source`: what kind of place it stands in; `key`: it is an object's key, which
    can be scanned but not replaced, so a finding in it refuses the request."""

    text: str = field(repr=False)
    role: str
    source: Literal["message", "tool_call", "tool_result", "tool_definition", "document", "parameter", "name"]
    path: Path
    key: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A document inside the request. `id` is the caller's claim of which one it is; `#0`, `#1`…: none. With
    the source `fingerprint` it is no claim: a passage of that document was found there.

    `segments` are the indexes of the segments that hold it; `span` limits that to a fenced part of one
    segment's text (characters, end exclusive) when the document stands inside a message.
    """

    id: str | None
    source: Literal["field", "fence", "fingerprint"]
    segments: tuple[int, ...]
    span: tuple[int, int] | None = None
    chars: int = 0


@dataclass(frozen=True, slots=True)
class Unscannable:
    """A part that no inspector can read (image, audio, file). `where`: such as `messages/0/content/1`."""

    where: str
    kind: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A document that is an item of a list in the body, such as one of the field `documents`.

    `ids`: those that it claims. `notice`: what stands in its place when it is withheld with a word, as an
    object around the word; empty: the word alone. `text_key`: where in that object the word stands. `kept`:
    the answer tells of the items by their numbers, so something stands in its place even without a word.
    """

    place: Path
    ids: tuple[str, ...] = ()
    notice: tuple[tuple[str, Json], ...] = ()
    text_key: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call in the request's history. `arguments` is None when they are not a JSON object, which a
    rule may not take for an empty one."""

    name: str
    arguments: Json | None = field(repr=False)


Operation = Literal["chat", "text_completion", "embeddings", "rerank", "classify", "tokenize"]
"""What is asked of the model; `gen_ai.operation.name` where OpenTelemetry has a word for it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, parsed. The body is the tree of its dialect; everything else is the same in all of them.

    `parameters`: the scalar parameters that policies may look at, by the names of OpenAI's chat where those
    mean the same. `tools`: names, in the order of the body's list `tools`; `insisted`: the one that the
    model must call. `token_bounds`: where the body bounds the answer's tokens; the first may be set by us.
    `answers`: how many the model may give (choices, vectors, scores). `dropped`: fields left out unknown.
    """

    id: str
    dialect: str
    model: str
    stream: bool
    body: dict[str, Json] = field(repr=False)
    segments: tuple[Segment, ...]
    documents: tuple[Document, ...] = ()
    unscannable: tuple[Unscannable, ...] = ()
    tools: tuple[str, ...] = ()
    parameters: dict[str, Json] = field(default_factory=dict)
    operation: Operation = "chat"
    insisted: str | None = None
    calls: tuple[Call, ...] = ()
    entries: tuple[Entry, ...] = ()
    token_bounds: tuple[Path, ...] = ()
    answers: int = 1
    dropped: tuple[str, ...] = ()


LaneKind = Literal["content", "reasoning", "refusal", "tool"]


@dataclass(frozen=True, slots=True, order=True)
class Lane:
    """One text stream of an answer. `index` tells tool calls of one choice apart."""

    choice: int
    kind: LaneKind
    index: int = 0


# What an answer is made of, whatever dialect brought it. A non-streaming answer is the same with one delta.


@dataclass(frozen=True, slots=True)
class Head:
    """An answer begins. `created`: unix seconds, 0 where the server does not tell. Its names are ours."""

    created: int


@dataclass(frozen=True, slots=True)
class Delta:
    """More text on a lane. For a tool lane the text is a piece of the JSON of its arguments."""

    lane: Lane
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolOpen:
    """The model starts a tool call on this lane."""

    lane: Lane
    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Finish:
    """`reason`: stop, length, tool_calls or content_filter. `stop`: the stop string that ended it, where the
    server tells; a writer repeats it only if it is one of the caller's own."""

    choice: int
    reason: str
    stop: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Vector:
    """One embedding: numbers, or their base64 as it came (checked to be that and nothing else)."""

    index: int
    values: tuple[float, ...] | str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Score:
    """How well the text at `index` fits (rerank, score), or how likely the class `label` is (classify)."""

    index: int
    value: float
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as the model's tokens. `ids` is None where only their number was asked for."""

    count: int
    ids: tuple[int, ...] | None = field(default=None, repr=False)
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the upstream booked them; `estimated`: counted by us, for it never came to tell."""

    prompt: int
    completion: int
    cached: int = 0
    reasoning: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """The upstream said, in its own way, that the answer is whole."""


AnswerEvent = Head | Delta | ToolOpen | Finish | Vector | Score | Tokens | Usage | End

Measure = Vector | Score | Tokens
"""Events without words of anybody's."""
