"""What must hold between settings, and between the settings and this machine. One short generator a concern.

Each yields problems without a line; `config_file` knows where the value was written.
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp
from aiohttp import http_parser

from proxy.edges.configuration import places
from proxy.edges.configuration.nodes import NOWHERE, Problem
from proxy.settings import (
    Feedback,
    HardRules,
    Identity,
    Jwt,
    Listen,
    Redaction,
    Settings,
    SoftRules,
    Upstream,
)

ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
)
"""Signatures with a public key only. With `none` or HS* a published key would be the key to forge with."""

AIOHTTP_FLOOR = (3, 14, 4)
"""Below it concatenated compressed members are mis-read (CVE-2026-128131)."""

MAX_UPSTREAMS = 64
"""Each holds a client session with its own pool."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MODEL = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")


def check(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Everything that one value alone does not tell."""
    yield from listen(settings.listen, settings.identity)
    yield from upstreams(settings.upstreams)
    yield from identity(settings.identity)
    yield from hard_rules(settings.hard_rules)
    yield from redaction(settings.redaction)
    yield from soft_rules(settings.soft_rules)
    yield from feedback(settings.feedback)
    yield from machine(environ)
    if settings.state.exists() and not settings.state.is_dir():
        yield _problem("state", "must be a folder")


def listen(group: Listen, who: Identity) -> Iterator[Problem]:
    wrong = {key: places.address_problem(getattr(group, key)) for key in ("address", "admin")}
    for key, words in wrong.items():
        yield from _told(f"listen.{key}", words)
    if any(wrong.values()):
        return
    if group.address == group.admin and not group.address.endswith(":0"):
        yield _problem("listen.admin", "must be another address than listen.address")
    public = not places.is_loopback(places.host_of(group.address))
    if public and who.anonymous and not who.anonymous_beyond_loopback:
        yield _problem(
            "identity.anonymous",
            "other machines reach listen.address: set identity.anonymous_beyond_loopback if that is meant",
        )


def upstreams(group: tuple[Upstream, ...]) -> Iterator[Problem]:
    if len(group) > MAX_UPSTREAMS:
        yield _problem("upstreams", f"at most {MAX_UPSTREAMS} are taken")
    names: set[str] = set()
    models: set[str] = set()
    for index, upstream in enumerate(group):
        where = f"upstreams.{index}"
        yield from _upstream(upstream, where)
        if upstream.name in names:
            yield _problem(f"{where}.name", "another upstream has this name")
        for model in sorted(models & upstream.models.keys()):
            yield _problem(f"{where}.models.{model}", "another upstream serves this model")
        names.add(upstream.name)
        models |= upstream.models.keys()


def _upstream(upstream: Upstream, where: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(upstream.name):
        yield _problem(f"{where}.name", "must be letters, digits, `.`, `_` and `-`, at most 64 of them")
    yield from _told(f"{where}.url", places.server_problem(upstream.url))
    for model, served in upstream.models.items():
        if not (_MODEL.fullmatch(model) and _MODEL.fullmatch(served)):
            yield _problem(
                f"{where}.models.{model}", "model names must be visible ASCII, at most 256 characters"
            )
    if upstream.key_file:
        yield from _told(f"{where}.key_file", places.file_problem(upstream.key_file, secret=True))
    if upstream.tokenizer:
        yield from _told(f"{where}.tokenizer", places.file_problem(upstream.tokenizer, secret=False))
        yield from _needs("tokenizers", "tokenizers", f"{where}.tokenizer")


def identity(group: Identity) -> Iterator[Problem]:
    if group.keys_file:  # holds hashes of keys that cannot be guessed: not a secret
        yield from _told("identity.keys_file", places.file_problem(group.keys_file, secret=False))
    if group.anonymous_beyond_loopback and not group.anonymous:
        yield _problem("identity.anonymous_beyond_loopback", "means nothing without identity.anonymous")
    if group.jwt:
        yield from _jwt(group.jwt)


def _jwt(group: Jwt) -> Iterator[Problem]:
    if (group.jwks_file is None) == (group.jwks_url is None):
        yield _problem("identity.jwt.jwks_file", "exactly one of jwks_file and jwks_url is needed")
    if group.jwks_file:
        yield from _told("identity.jwt.jwks_file", places.file_problem(group.jwks_file, secret=False))
    if group.jwks_url:
        yield from _told("identity.jwt.jwks_url", _jwks_url_problem(group.jwks_url))
    if not group.algorithms or not ALGORITHMS.issuperset(group.algorithms):
        known = ", ".join(sorted(ALGORITHMS))
        yield _problem("identity.jwt.algorithms", f"must be one or more of {known}")
    for key in ("issuer", "audience", "groups_claim", "clearances_claim", "tenant_claim"):
        if not getattr(group, key):
            yield _problem(f"identity.jwt.{key}", "must not be empty")


def _jwks_url_problem(url: str) -> str | None:
    words = places.url_problem(url, query=True)
    parts = places.split_url(url)
    if words or parts is None or parts.scheme == "https" or places.is_loopback(parts.hostname or ""):
        return words
    return "must be https: who can change the keys on the way can be anybody"


def hard_rules(group: HardRules) -> Iterator[Problem]:
    if group.policies:
        yield from _told("hard_rules.policies", places.folder_problem(group.policies))
    opa = group.opa
    if opa.url is not None and opa.socket is not None:
        yield _problem("hard_rules.opa.socket", "only one of url and socket is taken")
    if opa.url is not None:
        yield from _told("hard_rules.opa.url", places.url_problem(opa.url))
    if opa.binary:
        yield from _told("hard_rules.opa.binary", places.program_problem(opa.binary))
    if opa.token_file:
        yield from _told("hard_rules.opa.token_file", places.file_problem(opa.token_file, secret=True))


def redaction(group: Redaction) -> Iterator[Problem]:
    if group.engine == "presidio":
        yield from _needs("presidio_analyzer", "presidio", "redaction.engine")
        if not (_found(group.spacy_model) or Path(group.spacy_model).is_dir()):
            yield _problem("redaction.spacy_model", "must be an installed package or the folder of a model")
    if group.key_file:
        yield from _told("redaction.key_file", places.file_problem(group.key_file, secret=True))


def soft_rules(group: SoftRules) -> Iterator[Problem]:
    if group.judge == "none":
        return
    if not group.url:
        yield _problem("soft_rules.url", f"is needed by the judge `{group.judge}`")
    else:
        yield from _told("soft_rules.url", places.url_problem(group.url))
    if not group.model:
        yield _problem("soft_rules.model", f"is needed by the judge `{group.judge}`")
    if group.key_file:
        yield from _told("soft_rules.key_file", places.file_problem(group.key_file, secret=True))
    if group.judge == "tgi":
        yield from _needs("text_generation", "tgi", "soft_rules.judge")


def feedback(group: Feedback) -> Iterator[Problem]:
    if group.headers_file:
        yield from _told("feedback.headers_file", places.file_problem(group.headers_file, secret=True))
    if group.outlet == "file":
        return
    if not group.endpoint:
        yield _problem("feedback.endpoint", f"is needed by the outlet `{group.outlet}`")
    else:
        yield from _told("feedback.endpoint", places.url_problem(group.endpoint))
    if group.outlet == "otlp_grpc":
        yield from _needs("opentelemetry.exporter.otlp.proto.grpc", "grpc", "feedback.outlet")


def machine(environ: Mapping[str, str]) -> Iterator[Problem]:
    """aiohttp's pure-Python parser has had holes that its C parser has not: never start on it."""
    if _version(aiohttp.__version__) < AIOHTTP_FLOOR:
        floor = ".".join(map(str, AIOHTTP_FLOOR))
        yield Problem(NOWHERE, "aiohttp", f"{floor} or newer is needed (CVE-2026-128131)")
    pure = http_parser.HttpRequestParser is http_parser.HttpRequestParserPy
    if environ.get("AIOHTTP_NO_EXTENSIONS") or pure:
        words = "its C parser is needed: unset AIOHTTP_NO_EXTENSIONS and install a built wheel"
        yield Problem(NOWHERE, "aiohttp", words)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _needs(module: str, extra: str, where: str) -> Iterator[Problem]:
    if not _found(module):
        yield _problem(where, f"is not installed: pip install 'sluicegate[{extra}]'")


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a parent is missing, or it is no module's name
        return False


def _told(where: str, words: str | None) -> Iterator[Problem]:
    if words:
        yield _problem(where, words)


def _problem(where: str, words: str) -> Problem:
    return Problem(NOWHERE, where, words)
