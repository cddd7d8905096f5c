import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.cli import main
from tests.edges.fakes_judge import NO, YES, completion

RUDE = "This one breaks a rule."


class Judge(BaseHTTPRequestHandler):
    """Says Yes to what speaks of breaking, and is overloaded by a text that says so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["Content-Length"])).decode()
        top = [YES, NO] if "breaks a" in question else [{"token": "No", "logprob": -0.01}]
        body = json.dumps(completion(*top)).encode()
        self.send_response(503 if "overload" in question else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *said: Any) -> None:
        """Not to the test's stderr."""


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Judge) as server:
        server.daemon_threads = True  # a connection that is kept alive would hold the end of the test
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        path = tmp_path / "sluicegate.yaml"
        path.write_text(yaml.safe_dump({"soft_rules": {"judge": "openai", "url": url, "model": "judge"}}))
        yield path
        server.shutdown()
        thread.join()


Run = tuple[int, list[dict[str, Any]], str]


def judged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, *words: object
) -> Run:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode("utf-8", "surrogateescape"))))
    code = main(["judge", *map(str, words)])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_each_line_is_judged_by_each_rule_of_the_policies(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, told, _ = judged(capsys, monkeypatch, f"fine\r\n{RUDE}", "-c", config)
    assert code == 0
    assert [(one["id"], one["verdict"]) for one in told if one["rule"] == "soft.no-weapons"] == [
        (1, "pass"),
        (2, "fail"),
    ]
    assert all(list(one) == ["id", "rule", "score", "verdict", "judge"] for one in told)
    assert {one["judge"] for one in told} == {"openai/judge"}


def test_json_lines_keep_their_ids_and_one_rule_can_be_chosen(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = f'{{"id": "a", "text": "fine"}}\n{{"id": 7, "text": "{RUDE}"}}\n'
    words = ("-c", config, "--jsonl", "--rule", "soft.no-weapons")
    code, told, _ = judged(capsys, monkeypatch, lines, *words)
    assert code == 0
    assert [(one["id"], one["rule"], one["verdict"]) for one in told] == [
        ("a", "soft.no-weapons", "pass"),
        (7, "soft.no-weapons", "fail"),
    ]


def test_a_text_without_a_verdict_is_told_and_fails_the_command(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("-c", config, "--rule", "soft.no-weapons")
    code, told, _ = judged(capsys, monkeypatch, "overload\nfine\n", *words)
    assert code == 1
    assert [(one["verdict"], one["score"] is None) for one in told] == [("error", True), ("pass", False)]


@pytest.mark.parametrize(
    "line",
    [
        "canary",
        "[1]",
        '{"id": 1}',
        '{"id": 1, "text": "canary", "more": 1}',
        '{"id": null, "text": "canary"}',
        '{"id": 1, "text": ["canary"]}',
    ],
)
def test_a_bad_json_line_is_told_by_its_number_and_not_quoted(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    lines = f'{{"id": 1, "text": "fine"}}\n{line}\n'
    code, told, err = judged(capsys, monkeypatch, lines, "-c", config, "--jsonl")
    assert code == 2
    assert "line 2" in err
    assert "canary" not in err
    assert {one["id"] for one in told} == {1}


def test_a_line_that_is_not_text_is_told_by_its_number(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = judged(capsys, monkeypatch, "\udcff\n", "-c", config)
    assert (code, err) == (2, "line 1: not UTF-8\n")


def test_an_unknown_rule_is_told_with_those_that_exist(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = judged(capsys, monkeypatch, "fine", "-c", config, "--rule", "soft.nothing")
    assert code == 2
    assert "soft.no-weapons" in err


def test_without_a_judge_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "sluicegate.yaml"
    config.write_text("soft_rules: {judge: none}\n")
    code, _, err = judged(capsys, monkeypatch, "fine", "-c", config)
    assert (code, "soft_rules.judge" in err) == (2, True)
