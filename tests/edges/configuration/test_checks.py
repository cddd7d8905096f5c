"""What must hold between settings, and between the settings and this machine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from proxy.edges.configuration import checks, identity_checks, places
from proxy.edges.configuration.nodes import Problem
from proxy.edges.configuration.ranges import RANGES, outside
from proxy.settings import (
    Feedback,
    HardRules,
    Identity,
    Jwt,
    Listen,
    Opa,
    Redaction,
    Settings,
    SoftRules,
    Upstream,
    UpstreamTls,
)

JWT = Jwt("https://issuer", "sluicegate", jwks_url="https://issuer/keys")


def told(problems: Iterator[Problem]) -> list[str]:
    return [f"{problem.where}: {problem.words}" for problem in problems]


def wheres(problems: Iterator[Problem]) -> list[str]:
    return [problem.where for problem in problems]


def identity(group: Identity, listen: Listen | None = None) -> Iterator[Problem]:
    return identity_checks.identity(group, listen or Listen())


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0o640)
    return path


def test_the_defaults_have_no_problem() -> None:
    assert told(checks.check(Settings(), {})) == []


@pytest.mark.parametrize(
    "text", ["127.0.0.1:8080", "[::1]:0", "localhost:65535", "0.0.0.0:80", "a-host.example:443"]
)
def test_an_address_is_a_host_and_a_port(text: str) -> None:
    assert places.address_problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8080",
        ":8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "::1:80",
        "a b:80",
        "a:80\n",
        "h:-1",
        "h:٣",
    ],
)
def test_what_is_no_address_is_a_problem(text: str) -> None:
    assert places.address_problem(text) is not None


@pytest.mark.parametrize(
    "text", ["http://h", "https://h:8443/base/path/", "http://[::1]:9000", "http://127.0.0.1:9000/v1"]
)
def test_a_url_names_a_server(text: str) -> None:
    assert places.url_problem(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h:80",
        "ftp://h",
        "file:///etc/passwd",
        "http://",
        "http:///path",
        "http://user@h",
        "http://user:word@h",
        "http://@h",
        "http://h?a=b",
        "http://h/?",
        "http://h#part",
        "http://h/#",
        "http://h:99999",
        "http://h:0",
        "http://h:x",
        "http://h/a b",
        "http://h/\n",
        "http://h/../x",
        "http://h\\@evil/",
        "http://%65vil/",
        "http://hést/",
        "http://[::1",
    ],
)
def test_what_two_readers_could_take_for_two_urls_is_a_problem(text: str) -> None:
    assert places.url_problem(text) is not None


def test_an_inference_server_may_listen_on_a_socket() -> None:
    assert places.server_problem("unix:/run/model.sock") is None
    assert places.server_problem("http://h") is None
    for wrong in ("unix:model.sock", "unix:", "unix:/a b", "unix:/" + "a" * 108, "ftp://h"):
        assert places.server_problem(wrong) is not None


def test_a_key_set_may_stand_under_a_query() -> None:
    assert places.url_problem("https://h/keys?app=1", query=True) is None
    assert places.url_problem("https://h/keys#1", query=True) is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_is_what_no_other_machine_reaches(host: str) -> None:
    assert places.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.0.0.1.nip.io", ""])
def test_all_else_is_reached_by_others(host: str) -> None:
    assert not places.is_loopback(host)


def test_the_admin_side_has_its_own_address() -> None:
    both = Listen("127.0.0.1:80", "127.0.0.1:80")
    assert told(checks.listen(both, Identity())) == [
        "listen.admin: must be another address than listen.address"
    ]
    assert told(checks.listen(Listen("127.0.0.1:0", "127.0.0.1:0"), Identity())) == []


@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80", "10.0.0.1:80", "model-gate:80"])
def test_anonymous_calls_from_other_machines_must_be_meant(address: str) -> None:
    listen = Listen(address)
    assert wheres(checks.listen(listen, Identity(anonymous=True))) == ["identity.anonymous"]
    assert wheres(checks.listen(listen, Identity(anonymous=True, anonymous_beyond_loopback=True))) == []
    assert wheres(checks.listen(listen, Identity())) == []


@pytest.mark.parametrize("name", ["", "a b", "-a", "a/b", "a" * 65, "ä", "a\n"])
def test_an_upstreams_name_is_plain(name: str) -> None:
    assert wheres(checks.upstreams((Upstream(name, "http://h"),))) == ["upstreams.0.name"]


@pytest.mark.parametrize("model", ["", " m", "m ", "m\n", "m\x7f", "möbel", "m" * 257])
def test_a_models_name_is_visible_on_both_sides(model: str) -> None:
    assert wheres(checks.upstreams((Upstream("a", "http://h", {model: "m"}),))) == [
        f"upstreams.0.models.{model}"
    ]
    assert wheres(checks.upstreams((Upstream("a", "http://h", {"m": model}),))) == ["upstreams.0.models.m"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"speaks": ()}, "speaks: must be one or more of anthropic_"),
        ({"speaks": ("openai_chat", "openai")}, "speaks: must be one or more of anthropic_"),
        ({"replicas": ("http://b", "ftp://c")}, "replicas.1: must be"),
        ({"replicas": ("http://h",)}, "replicas.0: stands here twice"),
        ({"replicas": ("http://b", "http://b")}, "replicas.1: stands here twice"),
        ({"health": "health"}, "health: must be a plain path"),
        ({"health": "/a/../b"}, "health: must be a plain path"),
        ({"health": "/a?b"}, "health: must be a plain path"),
        ({"tls": UpstreamTls(ca_file=Path("/etc/hostname"))}, "tls: means nothing without an https URL"),
        (
            {"tls": UpstreamTls(ca_file=Path("/none")), "replicas": ("https://b",)},
            "tls.ca_file: there is no such",
        ),
        (
            {"tls": UpstreamTls(cert_key_file=Path("/none")), "replicas": ("https://b",)},
            "tls.cert_key_file: means nothing without cert_file",
        ),
    ],
)
def test_an_upstreams_particulars_fit_together(more: dict[str, Any], problem: str) -> None:
    first, *_ = told(checks.upstreams((Upstream("a", "http://h", **more),)))
    assert first.startswith(f"upstreams.0.{problem}")


def test_a_model_may_stand_at_several_upstreams() -> None:
    both = (Upstream("a", "http://a", {"m": "1"}), Upstream("b", "http://b", {"m": "2"}))
    assert told(checks.upstreams(both)) == []


def test_a_certificate_with_its_key_in_it_is_a_secret(secret: Path) -> None:
    alone = Upstream("a", "https://h", tls=UpstreamTls(cert_file=secret))
    beside = Upstream("a", "https://h", tls=UpstreamTls(cert_file=secret, cert_key_file=secret))
    assert told(checks.upstreams((alone, replace(beside, name="b")))) == []
    secret.chmod(0o644)
    assert wheres(checks.upstreams((alone,))) == ["upstreams.0.tls.cert_file"]
    assert wheres(checks.upstreams((beside,))) == ["upstreams.0.tls.cert_key_file"]


def test_upstreams_are_bounded() -> None:
    many = tuple(Upstream(f"u{index}", "http://h") for index in range(checks.MAX_UPSTREAMS + 1))
    assert told(checks.upstreams(many)) == ["upstreams: at most 64 are taken"]
    assert told(checks.upstreams(many[1:])) == []
    replicas = tuple(f"http://r{index}" for index in range(checks.MAX_UPSTREAMS))
    assert told(checks.upstreams((Upstream("a", "http://h", replicas=replicas),))) == [
        "upstreams: at most 64 are taken"
    ]


SECRETS: list[Callable[[Path], Iterator[Problem]]] = [
    lambda path: checks.upstreams((Upstream("a", "http://h", key_file=path),)),
    lambda path: checks.hard_rules(HardRules(opa=Opa(token_file=path))),
    lambda path: checks.redaction(Redaction(key_file=path)),
    lambda path: checks.soft_rules(SoftRules(judge="openai", url="http://h", model="m", key_file=path)),
    lambda path: checks.feedback(Feedback(headers_file=path)),
]

OPEN_FILES: list[Callable[[Path], Iterator[Problem]]] = [
    lambda path: checks.upstreams((Upstream("a", "http://h", tokenizer=path),)),
    lambda path: identity(Identity(keys_file=path)),
    lambda path: identity(Identity(jwt=(replace(JWT, jwks_url=None, jwks_file=path),))),
]


@pytest.mark.parametrize("check", SECRETS)
def test_a_secret_that_everyone_may_read_is_a_problem(
    check: Callable[[Path], Iterator[Problem]], secret: Path
) -> None:
    assert told(check(secret)) == []
    secret.chmod(0o644)
    (problem,) = told(check(secret))
    assert problem.endswith("everyone on this machine may read the secret in the file: chmod o-r")


@pytest.mark.parametrize("check", [*SECRETS, *OPEN_FILES])
def test_a_file_that_everyone_may_write_is_a_problem(
    check: Callable[[Path], Iterator[Problem]], secret: Path
) -> None:
    secret.chmod(0o602)
    (problem,) = told(check(secret))
    assert problem.endswith("everyone on this machine may write the file: chmod o-w")


@pytest.mark.parametrize("check", [*SECRETS, *OPEN_FILES])
def test_a_file_must_be_there_and_be_a_file(
    check: Callable[[Path], Iterator[Problem]], tmp_path: Path
) -> None:
    assert told(check(tmp_path / "gone"))[0].endswith("there is no such file (No such file or directory)")
    assert told(check(tmp_path))[0].endswith("must be a file")


def test_what_names_nobodys_secret_may_be_read_by_all(secret: Path) -> None:
    secret.chmod(0o644)
    assert [told(check(secret)) for check in OPEN_FILES] == [[], [], []]


def test_a_policy_folder_must_be_there(tmp_path: Path, secret: Path) -> None:
    assert told(checks.hard_rules(HardRules(policies=tmp_path))) == []
    for wrong in (tmp_path / "gone", secret):
        assert told(checks.hard_rules(HardRules(policies=wrong))) == [
            "hard_rules.policies: there is no such folder"
        ]


def test_the_state_must_not_be_a_file(secret: Path) -> None:
    assert told(checks.check(Settings(state=secret), {})) == ["state: must be a folder"]


def test_opa_is_reached_one_way() -> None:
    both = Opa(url="http://127.0.0.1:8181", socket=Path("opa.sock"))
    assert wheres(checks.hard_rules(HardRules(opa=both))) == ["hard_rules.opa.socket"]
    assert wheres(checks.hard_rules(HardRules(opa=Opa(url="unix:/opa")))) == ["hard_rules.opa.url"]
    assert wheres(checks.hard_rules(HardRules(opa=Opa(socket=Path("not-yet.sock"))))) == []


def test_opas_program_must_run(secret: Path) -> None:
    assert wheres(checks.hard_rules(HardRules(opa=Opa(binary=secret)))) == ["hard_rules.opa.binary"]
    secret.chmod(0o750)
    assert wheres(checks.hard_rules(HardRules(opa=Opa(binary=secret)))) == []


@pytest.mark.parametrize("judge", ["openai", "tgi"])
def test_a_judge_needs_a_server_and_a_model(judge: str) -> None:
    asked = SoftRules(judge=judge)  # type: ignore[arg-type]
    assert wheres(checks.soft_rules(asked)) == ["soft_rules.url", "soft_rules.model"]
    assert wheres(checks.soft_rules(replace(asked, url="h", model="m"))) == ["soft_rules.url"]
    assert wheres(checks.soft_rules(SoftRules())) == []


@pytest.mark.parametrize("outlet", ["otlp_http", "otlp_grpc"])
def test_an_otlp_outlet_needs_an_endpoint(outlet: str) -> None:
    asked = Feedback(outlet=outlet)  # type: ignore[arg-type]
    assert wheres(checks.feedback(asked)) == ["feedback.endpoint"]
    assert wheres(checks.feedback(replace(asked, endpoint="collector:4317"))) == ["feedback.endpoint"]
    assert wheres(checks.feedback(replace(asked, endpoint="http://collector:4317"))) == []


def test_an_extra_that_is_not_installed_is_named() -> None:
    assert told(checks._needs("nothing_like_this.at_all", "presidio", "redaction.engine")) == [
        "redaction.engine: is not installed: pip install 'sluicegate[presidio]'"
    ]


@pytest.mark.parametrize("model", ["de_core_news_lg", "../evil", "os.path.nothing"])
def test_a_spacy_model_must_be_a_package_or_a_folder(model: str) -> None:
    assert wheres(checks.redaction(Redaction(spacy_model=model))) == ["redaction.spacy_model"]
    assert wheres(checks.redaction(Redaction(engine="none", spacy_model=model))) == []


def test_aiohttps_python_parser_is_refused() -> None:
    (problem,) = told(checks.machine({"AIOHTTP_NO_EXTENSIONS": "1"}))
    assert problem.startswith("aiohttp: its C parser is needed")


def test_an_old_aiohttp_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiohttp.__version__", "3.14.3")
    (problem,) = told(checks.machine({}))
    assert problem.startswith("aiohttp: 3.14.4 or newer is needed")
    monkeypatch.setattr("aiohttp.__version__", "3.15.0a1")
    assert told(checks.machine({})) == []


def test_every_named_range_is_a_settings_and_holds_its_default() -> None:
    assert list(outside(Settings())) == []
    assert list(outside(JWT, "identity.jwt")) == []
    assert list(outside(Upstream("a", "http://h"), "upstreams.0")) == []
    for path in RANGES:
        group, key = path.split(".")[-2:]
        holder = {"jwt": JWT}.get(group, getattr(Settings(), group, None))
        assert hasattr(holder, key), path
