"""`sluicegate labels`: makes an index, finds with it, and says what it cannot take."""

import json
import subprocess
import sys
from pathlib import Path

from tests.fingerprints.texts import MEMO, prose


def labels(folder: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "proxy", "labels", *words]
    return subprocess.run(command, cwd=folder, input=stdin, capture_output=True, timeout=60, check=False)


def test_a_passage_of_an_indexed_document_is_found_and_other_text_is_not(tmp_path: Path) -> None:
    (tmp_path / "protected" / "finance").mkdir(parents=True)
    (tmp_path / "protected" / "finance" / "q3.txt").write_text(MEMO)
    (tmp_path / "protected" / "tiny.txt").write_text("too short")
    made = labels(tmp_path, "index", "protected")
    assert made.returncode == 0
    assert b"2 documents" in made.stdout
    assert b"25 words or more" in made.stdout
    assert b"1 of them" in made.stderr
    assert (tmp_path / "labels.index").stat().st_size > 0
    found = labels(tmp_path, "find", stdin=f"Read this.\n\n{MEMO}".encode())
    assert found.returncode == 1
    [line] = [json.loads(line) for line in found.stdout.splitlines()]
    assert (line["id"], line["start"]) == ("finance/q3", len("Read this.\n\n"))
    assert labels(tmp_path, "find", stdin=prose(500, 3).encode()).returncode == 0
    assert labels(tmp_path, "find", "--min-words", "500", stdin=MEMO.encode()).returncode == 0


def test_excepted_texts_are_nobody_s(tmp_path: Path) -> None:
    for folder in ("protected", "templates"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "memo.txt").write_text(MEMO)
    assert labels(tmp_path, "index", "protected", "--except", "templates", "-o", "x").returncode == 0
    assert labels(tmp_path, "find", "-i", "x", stdin=MEMO.encode()).returncode == 0


def test_what_cannot_be_taken_is_used_wrongly(tmp_path: Path) -> None:
    (tmp_path / "protected").mkdir()
    (tmp_path / "protected" / "picture.png").write_bytes(b"\x89PNG\xff")
    assert labels(tmp_path, "index", "protected").returncode == 2
    assert labels(tmp_path, "index", "missing").returncode == 2
    assert not (tmp_path / "labels.index").exists()
    assert labels(tmp_path, "find", stdin=b"x").returncode == 2
    assert labels(tmp_path, "find", "--min-words", "9", stdin=b"x").returncode == 2
    assert labels(tmp_path).returncode == 2
