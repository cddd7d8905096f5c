"""API keys: made at random, kept as hashes, found by them."""

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from proxy.commands import keys as command
from proxy.edges.identity.keys import ApiKeys, KeyEntry, add_entry, hashed, new_key, read_entries
from proxy.edges.identity.proof import Proof
from proxy.errors import ConfigInvalid
from proxy.exchange import Identity, Subject
from tests.edges.fakes_identity import NOW, HandClock

ALICE = Subject("alice", "acme", ("finance", "board"), ("confidential",))


def entry(key: str, **changes: object) -> KeyEntry:
    return replace(KeyEntry("one", hashed(key), ALICE, "ledger"), **changes)  # type: ignore[arg-type]


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.register(parser)
    return parser.parse_args(words)


def problems(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        ApiKeys.read(path, HandClock())
    return [problem.removeprefix(f"{path.parent}/") for problem in caught.value.problems]


def test_a_key_tells_its_owner_and_the_application() -> None:
    key = new_key()
    assert ApiKeys([entry(key)], HandClock()).identify(key) == Proof(Identity(ALICE, "ledger", "api_key"))


def test_a_key_that_is_off_by_one_letter_is_nobodys() -> None:
    key = new_key()
    keys = ApiKeys([entry(key)], HandClock())
    for wrong in (key[:-1], key + "A", key.swapcase(), hashed(key), "", "sg-", "\ud800"):
        assert keys.identify(wrong) is None


def test_a_key_works_until_it_expires() -> None:
    key, clock = new_key(), HandClock()
    keys = ApiKeys([entry(key, expires="2027-01-15T08:00:00Z")], clock)  # this is NOW
    clock.seconds = NOW - 1
    assert keys.identify(key) is not None
    clock.seconds = NOW
    assert keys.identify(key) is None


def test_a_key_is_made_of_256_random_bits() -> None:
    made = {new_key() for _ in range(50)}
    assert len(made) == 50
    assert all(key.startswith("sg-") and len(key) == 3 + 43 for key in made)


def test_nothing_shows_a_key_or_its_hash() -> None:
    key = new_key()
    shown = repr(ApiKeys([entry(key)], HandClock())) + repr(entry(key))
    assert key not in shown
    assert hashed(key) not in shown


def test_the_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    digest = hashlib.sha256(b"sg-abc").hexdigest()
    path.write_text(f"keys:\n  - {{id: a, sha256: {digest}, actor: ledger, subject: {{id: alice}}}}\n")
    proof = ApiKeys.read(path, HandClock()).identify("sg-abc")
    assert proof == Proof(Identity(Subject("alice", "default"), "ledger", "api_key"), may_act=False)


def test_every_problem_of_the_file_is_told_with_its_line(tmp_path: Path) -> None:
    digest = "0" * 64
    text = f"""\
keys:
  - id: a
    sha256: sg-abc
    actor: x
    subject: {{id: alice, groups: finance}}
  - id: b
    sha256: {digest}
    actor: ""
    subject: {{id: "", groups: [""], group: [a]}}
    expires: soon
  - id: b
    sha256: {digest}
    actor: x
    subject: {{id: ok}}
"""
    assert problems(tmp_path / "keys.yaml", text) == [
        "keys.yaml:3: keys.0.sha256: must be 64 hexadecimal digits; `sluicegate keys new` prints them",
        "keys.yaml:5: keys.0.subject.groups: must be a list",
        "keys.yaml:8: keys.1.actor: must be 1 to 256 characters",
        "keys.yaml:9: keys.1.subject.group: there is no such key; did you mean `groups`?",
        "keys.yaml:9: keys.1.subject.groups.0: must be 1 to 256 characters",
        "keys.yaml:9: keys.1.subject.id: must be 1 to 256 characters",
        "keys.yaml:10: keys.1.expires: must be a date or time such as 2027-12-31 or 2027-12-31T18:00:00Z",
        "keys.yaml:11: keys.2.id: another entry has the same",
        "keys.yaml:12: keys.2.sha256: another entry has the same",
    ]


@pytest.mark.parametrize(
    "text", ["keys: 5", "keys: [5]", "keys: [{subject: 5}]", "keys: [{}]", "- a", "keys: [[]]"]
)
def test_a_file_of_another_shape_is_told_as_such(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path / "keys.yaml", text)


def test_the_file_takes_nothing_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHO", "root")
    digest = "0" * 64
    text = f"keys: [{{id: a, sha256: '{digest}', actor: x, subject: {{id: '${{WHO}}'}}}}]"
    assert problems(tmp_path / "k.yaml", text) == [
        "k.yaml:1: keys.0.subject.id: the environment variable WHO is not set"
    ]


def test_a_new_key_goes_into_a_new_file_that_is_the_owners_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.yaml"
    words = (
        "new",
        "--subject",
        "alice",
        "--groups",
        "finance, board",
        "--tenant",
        "acme",
        "--actor",
        "ledger",
    )
    assert command.run(parsed(*words, "--clearances", "confidential", "--file", str(path))) == 0
    key = capsys.readouterr().out.strip()
    assert ApiKeys.read(path, HandClock()).identify(key) == Proof(Identity(ALICE, "ledger", "api_key"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert key not in path.read_text()


@pytest.mark.parametrize("indent", ["", "  ", "    "])
def test_a_further_key_leaves_what_is_in_the_file_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], indent: str
) -> None:
    path = tmp_path / "keys.yaml"
    before = (
        f"keys: # ours\n{indent}- {{id: bob-1, sha256: {'1' * 64}, actor: b, subject: {{id: bob}}}}  # old\n"
    )
    path.write_text(before)
    path.chmod(0o640)
    for _ in range(2):
        assert command.run(parsed("new", "--subject", "bob", "--file", str(path))) == 0
    assert path.read_text().startswith(before)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.id for entry in read_entries(path)] == ["bob-1", "bob-2", "bob-3"]
    assert list(tmp_path.iterdir()) == [path]
    keys = ApiKeys.read(path, HandClock())
    assert all(keys.identify(key) for key in capsys.readouterr().out.split())


def test_a_file_that_would_not_be_good_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_text("keys: []\n")
    with pytest.raises(ConfigInvalid) as caught:
        add_entry(path, entry(new_key()))
    assert caught.value.problems == (f"{path}:2: this is not valid YAML",)
    assert path.read_text() == "keys: []\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_entry_that_is_not_good_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        command.run(parsed("new", "--subject", "", "--expires", "soon", "--actor", "x"))
    assert len(caught.value.problems) == 2


def test_without_a_file_the_key_and_the_entry_leave_by_different_ways(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.run(parsed("new", "--subject", "bob", "--expires", "2030-01-01")) == 0
    shown = capsys.readouterr()
    (written,) = yaml.safe_load(shown.out)
    key = shown.err.strip().rpartition(" ")[2]
    assert written == {
        "id": "bob-1",
        "sha256": hashed(key),
        "actor": "bob",
        "subject": {"id": "bob"},
        "expires": "2030-01-01",
    }
    assert key not in shown.out


def test_a_keys_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "keys.yaml"
    with pytest.raises(ConfigInvalid) as caught:
        add_entry(path, entry(new_key()))
    assert caught.value.problems == (f"{path}: No such file or directory",)
