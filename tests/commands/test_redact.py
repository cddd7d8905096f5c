import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.cli import main
from proxy.commands.redact import LINE_BYTES
from proxy.edges.presidio.vault_file import VaultFile
from proxy.redact.vault import PSEUDONYM

LETTER = (
    "My name is Jane Doe,\r\nwrite to jane@example.com or 212-555-0143 😀\n\n[PERSON_0123456789abcdef] too"
)


def sluicegate(
    *words: str, text: str | bytes = "", timeout: float = 60
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "proxy", "redact", *words],
        input=text.encode() if isinstance(text, str) else text,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


@pytest.mark.slow
def test_a_text_is_redacted_and_restored_to_the_byte(tmp_path: Path) -> None:
    vault = str(tmp_path / "letter.vault")
    clean = sluicegate("--vault", vault, text=LETTER)
    assert clean.returncode == 0, clean.stderr
    words = clean.stdout.decode()
    assert PSEUDONYM.sub("|", words) == "My name is |,\r\nwrite to | or | 😀\n\n| too"
    back = sluicegate("--vault", vault, "--restore", text=clean.stdout)
    assert back.stdout.decode() == LETTER


@pytest.mark.slow
def test_json_lines_tell_where_the_findings_were(tmp_path: Path) -> None:
    vault = str(tmp_path / "v")
    lines = '{"id": 1, "text": "😀 call 212-555-0143"}\n{"id": "b", "text": "nothing"}'
    clean = sluicegate("--jsonl", "--entities", "PHONE_NUMBER", "--vault", vault, text=lines)
    first, second = map(json.loads, clean.stdout.splitlines())
    assert first["id"] == 1
    assert PSEUDONYM.sub("|", first["text"]) == "😀 call |"
    assert first["spans"] == [{"start": 7, "end": 19, "kind": "PHONE_NUMBER", "score": 0.9}]
    assert second == {"id": "b", "text": "nothing", "spans": []}
    back = sluicegate("--jsonl", "--restore", "--vault", vault, text=clean.stdout)
    assert [json.loads(line) for line in back.stdout.splitlines()] == [
        json.loads(line) for line in lines.splitlines()
    ]


@pytest.mark.slow
def test_a_line_comes_out_before_the_next_goes_in() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", "redact"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        for number in range(3):
            running.stdin.write(f"user{number}@example.com\n".encode())
            running.stdin.flush()
            assert PSEUDONYM.sub("|", running.stdout.readline().decode()) == "|\n"
        running.stdin.close()
        assert running.wait(20) == 0


def restored(
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
    vault: Path,
    text: bytes,
    *words: str,
) -> tuple[int, bytes, bytes]:
    """`--restore` in this process: it needs no Presidio."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    code = main(["redact", "--restore", "--vault", str(vault), *words])
    return code, *capsysbinary.readouterr()


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    with VaultFile.open(tmp_path / "v", create=True) as kept:
        kept.vault.issue("PERSON", "Jane Doe")
        kept.save()
    return tmp_path / "v"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"id": 1, "text": "secret"', "not JSON"),
        ('{"id": 1, "text": "secret", "more": 1}', "not an object"),
        ('{"text": "secret"}', "not an object"),
        ('["secret"]', "not an object"),
        ('{"id": 1, "text": ["secret"]}', "must be a string"),
        ('{"id": null, "text": "secret"}', "must be a string"),
        ("", "not JSON"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", '\n{"id": 3, "text": "never"}'])
def test_a_bad_line_is_told_by_its_number_after_the_good_ones_and_not_quoted(
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
    vault: Path,
    line: str,
    problem: str,
    end: str,
) -> None:
    if not line and not end:
        return  # no line at all
    text = f'{{"id": 1, "text": "fine"}}\n{line}{end}'.encode()
    code, out, err = restored(monkeypatch, capsysbinary, vault, text, "--jsonl")
    assert code == 2
    assert err.startswith(b"line 2: ")
    assert problem.encode() in err
    assert out == b'{"id":1,"text":"fine"}\n'


def test_bytes_that_are_no_utf8_are_told(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], vault: Path
) -> None:
    code, out, err = restored(monkeypatch, capsysbinary, vault, b"one\ntw\xffo\n")
    assert (code, out, err) == (2, b"one\n", b"line 2: not UTF-8\n")


def test_a_line_without_an_end_is_bounded(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], vault: Path
) -> None:
    code, out, err = restored(monkeypatch, capsysbinary, vault, b"one\n" + b"x" * (LINE_BYTES + 1))
    assert (code, out) == (2, b"one\n")
    assert err.startswith(b"line 2: longer than")


def test_restoring_needs_a_vault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redact", "--restore"]) == 2
    assert "--vault" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--entities", "person"], ["--entities", "PERSON,,"], ["--entities", "A B"]]
)
def test_entities_that_are_no_kinds_are_told(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["redact", *words]) == 2
    assert "--entities" in capsys.readouterr().err


@pytest.mark.parametrize("score", ["-1", "1.1", "nan", "x"])
def test_a_score_that_is_none_is_told(score: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["redact", f"--score={score}"])
    assert stopped.value.code == 2


@pytest.mark.slow
def test_a_kind_that_nobody_finds_fails_and_lets_nothing_through() -> None:
    ran = sluicegate("--entities", "SHOE_SIZE", text="my secret\n")
    assert ran.returncode == 1
    assert ran.stdout == b""
    assert b"SHOE_SIZE" in ran.stderr
    assert b"secret" not in ran.stderr


def test_a_model_that_is_not_there_is_used_wrongly() -> None:
    ran = sluicegate("--spacy-model", "en_core_web_nothing", text="my secret\n")
    assert ran.returncode == 2
    assert ran.stdout == b""
    assert b"en_core_web_nothing" in ran.stderr
