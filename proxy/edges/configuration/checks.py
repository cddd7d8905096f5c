"""What must hold between settings, and between the settings and this machine. One short generator a concern.

Each yields problems without a line; `config_file` knows where the value was written.
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import aiohttp
from aiohttp import http_parser

from proxy.edges.configuration import identity_checks, places
from proxy.edges.configuration.nodes import NOWHERE, Problem
from proxy.settings import (
    Feedback,
    HardRules,
    Identity,
    Listen,
    NeedToKnow,
    Redaction,
    Settings,
    SoftRules,
    Upstream,
    UpstreamTls,
)
from proxy.wire.registers import WIRES

AIOHTTP_FLOOR = (3, 14, 4)
"""Below it concatenated compressed members are mis-read (CVE-2026-128131)."""

MAX_UPSTREAMS = 64
"""Servers, with all replicas. Each holds a pool of its own and is asked for its health every few seconds."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}){1,8}")
_MODEL = re.compile(r"[!-~](?:[ -~]{0,254}[!-~])?")


def check(settings: Settings, environ: Mapping[str, str]) -> Iterator[Problem]:
    """Everything that one value alone does not tell."""
    yield from listen(settings.listen, settings.identity)
    yield from upstreams(settings.upstreams)
    yield from identity_checks.tls(settings.listen)
    yield from identity_checks.identity(settings.identity, settings.listen)
    yield from hard_rules(settings.hard_rules)
    yield from need_to_know(settings.need_to_know)
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
    if sum(1 + len(upstream.replicas) for upstream in group) > MAX_UPSTREAMS:
        yield _problem("upstreams", f"at most {MAX_UPSTREAMS} are taken")
    names: set[str] = set()
    for index, upstream in enumerate(group):
        where = f"upstreams.{index}"
        yield from _upstream(upstream, where)
        if upstream.name in names:
            yield _problem(f"{where}.name", "another upstream has this name")
        names.add(upstream.name)


def _upstream(upstream: Upstream, where: str) -> Iterator[Problem]:
    if not _NAME.fullmatch(upstream.name):
        yield _problem(f"{where}.name", "must be letters, digits, `.`, `_` and `-`, at most 64 of them")
    yield from _told(f"{where}.url", places.server_problem(upstream.url))
    for index, url in enumerate(upstream.replicas):
        again = url in (upstream.url, *upstream.replicas[:index])
        words = "stands here twice" if again else places.server_problem(url)
        yield from _told(f"{where}.replicas.{index}", words)
    if not WIRES.keys() >= set(upstream.speaks) or not upstream.speaks:
        yield _problem(f"{where}.speaks", f"must be one or more of {', '.join(sorted(WIRES))}")
    if upstream.health and not _PATH.fullmatch(upstream.health):
        yield _problem(f"{where}.health", "must be a plain path such as /health")
    yield from _upstream_tls(upstream, f"{where}.tls")
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


def _upstream_tls(upstream: Upstream, where: str) -> Iterator[Problem]:
    tls = upstream.tls
    if tls == UpstreamTls():
        return
    if not any(url.startswith("https:") for url in (upstream.url, *upstream.replicas)):
        yield _problem(where, "means nothing without an https URL")
    if tls.cert_key_file and not tls.cert_file:
        yield _problem(f"{where}.cert_key_file", "means nothing without cert_file")
    for key, secret in (
        ("ca_file", False),
        ("cert_file", tls.cert_key_file is None),
        ("cert_key_file", True),
    ):
        file: Path | None = getattr(tls, key)
        if file:
            yield from _told(f"{where}.{key}", places.file_problem(file, secret=secret))


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


def need_to_know(group: NeedToKnow) -> Iterator[Problem]:
    if group.index:
        yield from _told("need_to_know.index", places.file_problem(group.index, secret=False))
    if group.key_file:
        yield from _told("need_to_know.key_file", places.file_problem(group.key_file, secret=True))


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
