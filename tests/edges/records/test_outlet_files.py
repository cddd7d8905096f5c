"""Files of lines: durable, whole, chained, one writer each."""

import os
from pathlib import Path

import orjson
import pytest

from proxy.edges.records import otlp
from proxy.edges.records.outlet import OutletUnavailable
from proxy.edges.records.outlet_files import CHAIN_START, DailyFile, DecisionFiles, FeedbackFiles, line_digest
from tests.edges.records.test_spool import files_no_larger_than
from tests.fakes_journal import NOON, StandingClock, a_record

DAY = 86_400


def lines(directory: Path) -> list[bytes]:
    return [line for path in sorted(directory.glob("*.jsonl")) for line in path.read_bytes().splitlines()]


def test_each_decision_line_carries_the_digest_of_the_one_before(tmp_path: Path) -> None:
    clock = StandingClock()
    log = DecisionFiles(tmp_path, 0, clock.now)
    log.deliver([b'{"n":1}', b'{"n":2}'])
    clock.at += DAY
    log.deliver([b'{"n":3}'])
    log.close()
    log = DecisionFiles(tmp_path, 0, clock.now)
    log.deliver([b'{"n":4}'])
    log.close()
    written = lines(tmp_path)
    assert [orjson.loads(line)["n"] for line in written] == [1, 2, 3, 4]
    stated = [orjson.loads(line)["previous"] for line in written]
    assert stated == [CHAIN_START, *map(line_digest, written[:-1])]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2026-11-23-0.jsonl", "2026-11-24-0.jsonl"]


def test_slots_write_files_of_their_own(tmp_path: Path) -> None:
    for slot in (0, 1, 11):
        log = DecisionFiles(tmp_path, slot, lambda: NOON)
        log.deliver([b'{"n":1}'])
        log.close()
    assert [orjson.loads(line)["previous"] for line in lines(tmp_path)] == [CHAIN_START] * 3


def test_half_a_line_from_a_crash_is_cut_before_anything_is_added(tmp_path: Path) -> None:
    (tmp_path / "2026-11-23-0.jsonl").write_bytes(b'{"n":1}\n{"n":2,"half":"' + b"x" * 500)
    log = DecisionFiles(tmp_path, 0, lambda: NOON)
    log.deliver([b'{"n":3}'])
    log.close()
    first, second = lines(tmp_path)
    assert first == b'{"n":1}'
    assert orjson.loads(second) == {"n": 3, "previous": line_digest(first)}


def test_a_day_begun_with_half_a_line_chains_to_the_day_before(tmp_path: Path) -> None:
    (tmp_path / "2026-11-22-0.jsonl").write_bytes(b'{"n":1}\n')
    (tmp_path / "2026-11-23-0.jsonl").write_bytes(b'{"n":2')
    log = DecisionFiles(tmp_path, 0, lambda: NOON)
    log.deliver([b'{"n":3}'])
    log.close()
    assert orjson.loads(lines(tmp_path)[-1])["previous"] == line_digest(b'{"n":1}')


def test_a_full_disk_is_told_and_leaves_no_half_batch(tmp_path: Path) -> None:
    log = DecisionFiles(tmp_path, 0, lambda: NOON)
    log.deliver([b'{"n":1}'])
    with files_no_larger_than(200), pytest.raises(OutletUnavailable):
        log.deliver([b'{"n":2}'] * 9)
    assert len(lines(tmp_path)) == 1
    log.deliver([b'{"n":2}'])
    log.close()
    first, second = lines(tmp_path)
    assert orjson.loads(second)["previous"] == line_digest(first)


def test_lines_of_a_failed_batch_that_could_not_be_cut_off_are_chained_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = DecisionFiles(tmp_path, 0, lambda: NOON)
    log.deliver([b'{"n":1}'])
    with monkeypatch.context() as patched:
        for call in ("fdatasync", "ftruncate"):
            patched.setattr(os, call, failing)
        with pytest.raises(OutletUnavailable):
            log.deliver([b'{"n":2}'])
    log.deliver([b'{"n":2}'])
    log.close()
    stated = [orjson.loads(line)["previous"] for line in lines(tmp_path)]
    assert stated == [CHAIN_START, *map(line_digest, lines(tmp_path)[:-1])]


def failing(*_: object) -> None:
    raise OSError(5, "Input/output error")


def test_lines_are_on_disk_before_they_count_as_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: synced.append(os.pread(descriptor, 99, 0)))
    files = FeedbackFiles(tmp_path, 0, lambda: NOON)
    files.deliver([orjson.dumps(a_record())])
    files.close()
    assert synced[0].startswith(b'{"resourceLogs"')


def test_a_very_long_last_line_is_found(tmp_path: Path) -> None:
    file = DailyFile(tmp_path, 0, lambda: NOON)
    assert file.last_line() is None
    long = b'{"n":"' + b"x" * 200_000 + b'"}'
    file.append([b"{}", long])
    assert file.last_line() == long
    file.close()


def test_feedback_lines_are_otlp(tmp_path: Path) -> None:
    files = FeedbackFiles(tmp_path, 0, lambda: NOON)
    files.deliver([orjson.dumps(a_record("a")), orjson.dumps(a_record("b"))])
    files.close()
    assert [record for line in lines(tmp_path) for record in otlp.records(line)] == [
        a_record("a"),
        a_record("b"),
    ]


def test_files_are_their_owners_alone_and_links_are_not_followed(tmp_path: Path) -> None:
    files = FeedbackFiles(tmp_path / "feedback", 0, lambda: NOON)
    files.deliver([orjson.dumps(a_record())])
    files.close()
    [path] = (tmp_path / "feedback").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutletUnavailable):
        FeedbackFiles(tmp_path / "feedback", 0, lambda: NOON).deliver([orjson.dumps(a_record())])


def test_a_clock_that_is_set_back_does_not_break_the_chain(tmp_path: Path) -> None:
    clock = StandingClock()
    for step in (DAY, -DAY):
        log = DecisionFiles(tmp_path, 0, clock.now)
        log.deliver([b'{"n":1}'])
        clock.at += step
        log.deliver([b'{"n":2}'])
        log.close()
    stated = [orjson.loads(line)["previous"] for line in lines(tmp_path)]
    assert stated == [CHAIN_START, *map(line_digest, lines(tmp_path)[:-1])]
