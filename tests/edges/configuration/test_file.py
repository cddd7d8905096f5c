"""sluicegate.yaml and flags become settings, or every problem is told with its line."""

import dataclasses
import tempfile
from pathlib import Path
from typing import get_type_hints

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from proxy.edges.configuration.file import load
from proxy.edges.identity.keys import KeyEntry
from proxy.errors import ConfigInvalid
from proxy.settings import Jwt, Settings, Upstream

GOOD = """\
listen:
  address: 127.0.0.1:8080
  workers: 2
upstreams:
  - name: small
    url: http://127.0.0.1:9000
    models: {small: SmolLM2, "other model": other}
identity:
  anonymous: true
hard_rules:
  deadline_s: 1
redaction:
  engine: none
limits:
  body_bytes: 1_000_000
state: state
"""


def settings_of(folder: Path, text: str, environ: dict[str, str] | None = None, **overrides: str) -> Settings:
    path = folder / "sluicegate.yaml"
    path.write_text(text)
    flags = {key.replace("__", "."): value for key, value in overrides.items()}
    return load(path, overrides=flags, environ=environ or {})


def problems_of(
    folder: Path, text: str, environ: dict[str, str] | None = None, **overrides: str
) -> list[str]:
    with pytest.raises(ConfigInvalid) as caught:
        settings_of(folder, text, environ, **overrides)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_a_good_file_becomes_settings(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, GOOD)
    assert settings.listen.workers == 2
    assert settings.upstreams == (
        Upstream("small", "http://127.0.0.1:9000", {"small": "SmolLM2", "other model": "other"}),
    )
    assert settings.identity.anonymous is True
    assert settings.hard_rules.deadline_s == 1.0
    assert isinstance(settings.hard_rules.deadline_s, float)
    assert settings.limits.body_bytes == 1_000_000
    assert settings.state == tmp_path / "state"


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None, environ={}) == Settings()


def test_a_file_in_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sluicegate.yaml").write_text("listen: {workers: 3}")
    assert load(None, environ={}).listen.workers == 3


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~\n", "limits:\n", "upstreams:\nidentity:\n"])
def test_an_empty_file_and_empty_groups_are_the_defaults(tmp_path: Path, text: str) -> None:
    assert settings_of(tmp_path, text) == Settings()


def test_a_named_file_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        load(tmp_path / "gone.yaml", environ={})
    assert caught.value.problems == (f"{tmp_path}/gone.yaml: No such file or directory",)


def test_every_problem_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
listen:
  adress: 127.0.0.1:80
  workers: "2"
upstreams:
  - name: a
    url: http://user:word@model
    models: {m: m}
  - name: a
    models: {m: other}
identity:
  keys_file: missing.yaml
  jwt:
    issuer: a
    algorithms: [none]
redaction: {engine: magic, deadline_s: -1}
nonsense: 5
"""
    assert problems_of(tmp_path, text) == [
        "sluicegate.yaml:2: listen.adress: there is no such key; did you mean `address`?",
        "sluicegate.yaml:3: listen.workers: must be a whole number, without quotes",
        "sluicegate.yaml:6: upstreams.0.url: must be a URL without a name or password in it; "
        "a key goes into its own file",
        "sluicegate.yaml:8: upstreams.1.name: another upstream has this name",
        "sluicegate.yaml:8: upstreams.1.url: is needed",
        "sluicegate.yaml:11: identity.keys_file: there is no such file (No such file or directory)",
        "sluicegate.yaml:12: identity.jwt.0.audience: is needed",
        "sluicegate.yaml:12: identity.jwt.0.jwks_file: exactly one of jwks_file, jwks_url and discovery "
        "is needed",
        "sluicegate.yaml:14: identity.jwt.0.algorithms: must be one or more of ES256, ES384, ES512, EdDSA, "
        "PS256, PS384, PS512, RS256, RS384, RS512",
        "sluicegate.yaml:15: redaction.deadline_s: must be a number of at least 0.001 and at most 86400",
        "sluicegate.yaml:15: redaction.engine: must be one of presidio, none",
        "sluicegate.yaml:16: nonsense: there is no such key; known are feedback, hard_rules, identity, "
        "limits, listen, need_to_know, redaction, soft_rules, state, telemetry, upstreams",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("listen: text", "listen: must be a group of `key: value` lines"),
        ("listen: [a]", "listen: must be a group of `key: value` lines"),
        ("upstreams: text", "upstreams: must be a list"),
        ("upstreams: [text]", "upstreams.0: must be a group of `key: value` lines"),
        ("identity: {anonymous: yes}", "identity.anonymous: must be true or false"),
        ("identity: {anonymous: 'true'}", "identity.anonymous: must be true or false, without quotes"),
        ("listen: {workers: 1.5}", "listen.workers: must be a whole number"),
        ("listen: {workers: 0x2}", "listen.workers: must be a whole number"),
        ("listen: {workers: [1]}", "listen.workers: must be a whole number"),
        ("listen: {workers: }", "listen.workers: must be a whole number"),
        ("listen: {drain_s: .inf}", "listen.drain_s: must be a number"),
        ("listen: {drain_s: nan}", "listen.drain_s: must be a number"),
        ("listen: {address: ~}", "listen.address: must be text"),
        ("listen: {address: {a: b}}", "listen.address: must be text"),
        ("telemetry: {log_level: loud}", "telemetry.log_level: must be one of debug, info, warning, error"),
        ('state: ""', "state: must be a path"),
        ('state: "a\\nb"', "state: must be one line of at most 4096 characters"),
        (f"state: {'a' * 4097}", "state: must be one line of at most 4096 characters"),
    ],
)
def test_a_value_of_the_wrong_type_is_a_problem(tmp_path: Path, line: str, words: str) -> None:
    assert problems_of(tmp_path, f"# first\n{line}\n") == [f"sluicegate.yaml:2: {words}"]


def test_text_is_text_whatever_yaml_would_make_of_it(tmp_path: Path) -> None:
    text = "upstreams: [{name: no, url: 'http://h', residency: 2026-01-01, models: {1.0: 010, on: off}}]"
    (upstream,) = settings_of(tmp_path, text).upstreams
    assert upstream.name == "no"
    assert upstream.residency == "2026-01-01"
    assert upstream.models == {"1.0": "010", "on": "off"}


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("listen: {workers: 0}", "listen.workers"),
        ("listen: {workers: 257}", "listen.workers"),
        ("limits: {body_bytes: 0}", "limits.body_bytes"),
        ("limits: {json_depth: 100_000}", "limits.json_depth"),
        ("limits: {idle_s: 0}", "limits.idle_s"),
        ("limits: {idle_s: 86401}", "limits.idle_s"),
        ("hard_rules: {deadline_s: -0.5}", "hard_rules.deadline_s"),
        ("hard_rules: {cache_entries: -1}", "hard_rules.cache_entries"),
        ("upstreams: [{name: a, url: 'http://h', silence_s: 0}]", "upstreams.0.silence_s"),
        ("listen: {workers: 99999999999999999999}", "listen.workers"),
    ],
)
def test_a_number_out_of_its_range_is_a_problem(tmp_path: Path, line: str, where: str) -> None:
    (problem,) = problems_of(tmp_path, line)
    assert problem.startswith(f"sluicegate.yaml:1: {where}: must be a")


@pytest.mark.parametrize("key", ["drain_s"])
def test_a_zero_that_means_something_is_taken(tmp_path: Path, key: str) -> None:
    assert settings_of(tmp_path, f"listen: {{{key}: 0}}").listen.drain_s == 0.0


def test_a_value_may_come_from_the_environment(tmp_path: Path) -> None:
    text = """\
listen:
  workers: ${WORKERS}
  address: "${HOST:-127.0.0.1}:${PORT:-8080}"
hard_rules: {policies: "${POLICIES:-}"}
need_to_know: {notice: "costs $$5 and $5, not ${WORKERS}"}
"""
    settings = settings_of(tmp_path, text, {"WORKERS": "4", "PORT": "", "HOST": "::1"[:0]})
    assert settings.listen.workers == 4
    assert settings.listen.address == "127.0.0.1:8080"
    assert settings.hard_rules.policies is None
    assert settings.need_to_know.notice == "costs $5 and $5, not 4"


def test_what_comes_from_the_environment_is_not_read_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "need_to_know: {notice: '${A}'}", {"A": "${B} $$", "B": "no"})
    assert settings.need_to_know.notice == "${B} $$"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${GONE}", "the environment variable GONE is not set"),
        ("${", "`${` must be followed by a name and `}`; write `$$` for a dollar sign"),
        ("${1A}", "`${` must be followed by a name and `}`; write `$$` for a dollar sign"),
        ("${A-b}", "`${` must be followed by a name and `}`; write `$$` for a dollar sign"),
    ],
)
def test_a_variable_that_is_not_there_is_a_problem(tmp_path: Path, value: str, words: str) -> None:
    text = f"need_to_know:\n  notice: '{value}'\nhard_rules: {{policies: '{value}'}}\n"
    assert problems_of(tmp_path, text) == [
        f"sluicegate.yaml:2: need_to_know.notice: {words}",
        f"sluicegate.yaml:3: hard_rules.policies: {words}",
    ]


def test_a_brace_that_yaml_takes_for_its_own_gets_a_hint(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, "listen:\nidentity: {keys_file: ${KEYS}}\n")
    assert problem == (
        'sluicegate.yaml:2: this is not valid YAML; within { } and [ ] write "${NAME}" in quotes'
    )


def test_no_problem_quotes_a_value(tmp_path: Path) -> None:
    secret = "sg-hunter2hunter2"
    text = (
        f"listen: {{address: {secret}, workers: {secret}}}\nupstreams: [{{name: {secret}!, url: {secret}}}]\n"
    )
    told = "\n".join(problems_of(tmp_path, text + "telemetry: {log_level: '${LEVEL}'}", {"LEVEL": secret}))
    assert told.count("\n") == 4
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "text",
    [
        "listen: {workers: !!python/object/apply:os.system ['true']}",
        "listen: !!python/name:os.system",
        "upstreams: !!set {a}",
        "state: !!binary aGVsbG8=",
        "base: &base {workers: 2}\nlisten:\n  <<: *base\n",
    ],
)
def test_tags_and_merge_keys_are_not_taken(tmp_path: Path, text: str) -> None:
    assert any(
        "tags and merge keys are not taken" in p or "no such key" in p for p in problems_of(tmp_path, text)
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"listen: [", "sluicegate.yaml:1: this is not valid YAML"),
        (b"listen:\n\tworkers: 1", "sluicegate.yaml:2: this is not valid YAML"),
        (b"a: b\n---\nc: d\n", "sluicegate.yaml:2: this is not valid YAML"),
        (b"listen: *nothing", "sluicegate.yaml:1: this is not valid YAML"),
        (b"state: \x00", "sluicegate.yaml:1: this is not valid YAML"),
        (b"state: \xff", "sluicegate.yaml:1: the file is not UTF-8"),
        (b"[" * 20_000, "sluicegate.yaml:1: this is not valid YAML"),
        (b"- a\n", "sluicegate.yaml:1: the file must hold `group:` with `key: value` lines under it"),
        (b"text", "sluicegate.yaml:1: the file must hold `group:` with `key: value` lines under it"),
        (b"#" * (1024 * 1024 + 1), "sluicegate.yaml:1: the file is larger than 1048576 bytes"),
        (b"? [a]\n: b\n", "sluicegate.yaml:1: a key must be plain text"),
    ],
)
def test_what_is_not_a_yaml_document_of_ours_is_told_in_one_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "sluicegate.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigInvalid) as caught:
        load(path, environ={})
    assert caught.value.problems == (f"{tmp_path}/{words}",)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n"
            for before, name in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "a: &a [*a]\n",
        "a: &a {b: *a}\n",
        "[" * 100 + "]" * 100,
    ],
)
def test_a_bomb_of_aliases_or_depth_ends_at_the_bound(tmp_path: Path, text: str) -> None:
    assert any("too deep, or too much of it" in problem for problem in problems_of(tmp_path, text))


def test_an_alias_may_be_used(tmp_path: Path) -> None:
    text = "upstreams: [{name: a, url: &u 'http://h', models: {}}, {name: b, url: *u}]"
    assert [upstream.url for upstream in settings_of(tmp_path, text).upstreams] == ["http://h", "http://h"]


def test_a_key_that_stands_twice_is_a_problem(tmp_path: Path) -> None:
    text = "listen:\n  workers: 1\n  workers: 2\nlisten:\n  admin: 127.0.0.1:1\n"
    assert problems_of(tmp_path, text) == [
        "sluicegate.yaml:3: listen.workers: this key stands here twice",
        "sluicegate.yaml:4: listen: this key stands here twice",
    ]


def test_a_flag_wins_over_the_file(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path, GOOD, listen__address="127.0.0.1:1", upstreams__0__url="http://127.0.0.1:2", state="here"
    )
    assert settings.listen.address == "127.0.0.1:1"
    assert settings.listen.workers == 2
    assert settings.upstreams[0] == Upstream(
        "small", "http://127.0.0.1:2", {"small": "SmolLM2", "other model": "other"}
    )
    assert settings.state == Path("here"), "a flag's path starts where the person who typed it stands"


def test_an_upstream_may_be_given_by_a_flag_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load(None, overrides={"upstreams.0.url": "http://127.0.0.1:9"}, environ={})
    assert settings.upstreams == (Upstream("default", "http://127.0.0.1:9"),)


def test_a_wrong_flag_is_told_as_such(tmp_path: Path) -> None:
    told = problems_of(tmp_path, GOOD, listen__workers="many", listen__admin="here", upstreams__0__url="h")
    assert told == [
        "command line: listen.admin: must be HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080",
        "command line: listen.workers: must be a whole number",
        "command line: upstreams.0.url: must be a URL such as http://127.0.0.1:9000",
    ]


def test_a_flag_takes_nothing_from_the_environment(tmp_path: Path) -> None:
    """The shell has done that already."""
    assert settings_of(tmp_path, "", {"A": "b"}, state="${A}").state == Path("${A}")


def test_to_serve_an_upstream_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "sluicegate.yaml"
    path.write_text("")
    with pytest.raises(ConfigInvalid) as caught:
        load(path, environ={}, serving=True)
    assert caught.value.problems == (f"{path}:1: upstreams: one is needed: add it, or give --upstream URL",)


@given(st.text(max_size=60))
def test_any_text_is_settings_or_problems_and_never_another_error(text: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        path = Path(file.name)
        path.write_bytes(text.encode("utf-8", "replace"))
        problems: tuple[str, ...] = ()
        try:
            load(path, environ={})
        except ConfigInvalid as error:
            problems = error.problems
        assert all(problem.startswith(file.name) for problem in problems)


def written(settings: Settings) -> str:
    def plain(value: object) -> object:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        if isinstance(value, str | Path):
            return str(value).replace("$", "$$")
        return value

    return yaml.safe_dump(plain(settings), allow_unicode=True)


@given(
    workers=st.integers(1, 256),
    drain=st.floats(0, 86_400),
    models=st.dictionaries(st.from_regex(r"[!-~]{1,20}", fullmatch=True), st.just("served")),
    notice=st.text(st.characters(categories=("L", "N", "P", "Zs", "S")), max_size=40),
)
def test_settings_that_are_written_out_are_read_back_the_same(
    workers: int, drain: float, models: dict[str, str], notice: str
) -> None:
    defaults = Settings()
    settings = dataclasses.replace(
        defaults,
        listen=dataclasses.replace(defaults.listen, workers=workers, drain_s=drain),
        upstreams=(Upstream("a", "http://h", models),),
        need_to_know=dataclasses.replace(defaults.need_to_know, notice=notice),
        state=Path("/var/lib/sluicegate"),
    )
    with tempfile.NamedTemporaryFile("w+", suffix=".yaml", encoding="utf-8") as file:
        file.write(written(settings))
        file.flush()
        assert load(Path(file.name), environ={}) == settings


@pytest.mark.parametrize("kind", [Upstream, Jwt, KeyEntry])
def test_what_has_no_default_is_text_or_a_group(kind: type) -> None:
    """The reader puts an empty one in its place to go on looking; a path or a number would need more."""
    hints = get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.default is field.default_factory is dataclasses.MISSING:
            assert hints[field.name] is str or dataclasses.is_dataclass(hints[field.name])
