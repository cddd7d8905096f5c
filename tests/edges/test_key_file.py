"""The key of the pseudonyms is made once, and a place that cannot hold it is told before the start."""

from pathlib import Path

import pytest

from proxy.edges.key_file import pseudonym_key
from proxy.errors import ConfigInvalid


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    key = pseudonym_key(None, state)
    assert len(key) == 32
    assert pseudonym_key(None, state) == key
    assert (state / "pseudonym.key").stat().st_mode & 0o777 == 0o600


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"x" * 31)
    with pytest.raises(ConfigInvalid, match="at least 32 bytes"):
        pseudonym_key(path, tmp_path)


def test_a_state_that_cannot_be_made_is_told_by_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigInvalid) as caught:
        pseudonym_key(None, tmp_path / "file" / "state")
    assert caught.value.problems[0].startswith(f"state: {tmp_path}")
    assert caught.value.problems[0].endswith("Not a directory")


def test_a_key_file_that_is_gone_is_told_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"^redaction\.key_file: "):
        pseudonym_key(tmp_path / "gone", tmp_path)
