import stat
from pathlib import Path

import pytest

from proxy.edges.presidio.vault_file import VaultFile
from proxy.errors import ConfigInvalid


def test_what_one_run_saved_another_can_restore(tmp_path: Path) -> None:
    path = tmp_path / "v"
    with VaultFile.open(path, create=True) as first:
        pseudonyms = [first.vault.issue("PERSON", name) for name in ("Jane", "Ünï😀\n", 'quo"te')]
        first.save()
    with VaultFile.open(path, create=False) as second:
        assert [second.vault.original(one) for one in pseudonyms] == ["Jane", "Ünï😀\n", 'quo"te']
        assert second.vault.issue("PERSON", "Jane") == pseudonyms[0]


def test_each_entry_is_saved_once(tmp_path: Path) -> None:
    path = tmp_path / "v"
    for name in ("Jane", "Jane", "Ann"):
        with VaultFile.open(path, create=True) as kept:
            kept.vault.issue("PERSON", name)
            kept.save()
            kept.save()
    assert len(path.read_text().splitlines()) == 3  # the key, Jane, Ann


def test_a_vault_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "v"
    VaultFile.open(path, create=True).__exit__()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_vault_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v"
    VaultFile.open(path, create=True).__exit__()
    path.chmod(0o640)
    with pytest.raises(ConfigInvalid, match="600"):
        VaultFile.open(path, create=False)


def test_two_vaults_have_two_keys(tmp_path: Path) -> None:
    issued = set()
    for name in ("a", "b"):
        with VaultFile.open(tmp_path / name, create=True) as kept:
            issued.add(kept.vault.issue("PERSON", "Jane"))
    assert len(issued) == 2


def test_a_missing_vault_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="No such file"):
        VaultFile.open(tmp_path / "v", create=False)


KEY_LINE = '{"key":"' + "00" * 32 + '","scope":"s"}\n'


@pytest.mark.parametrize(
    "content",
    ["secret\n", "[]\n", '{"key":"00"}\n', '{"key":"zz","scope":"x"}\n', KEY_LINE + '{"kind":"X"}\n'],
)
def test_what_is_no_vault_is_refused_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "v"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigInvalid, match="not a vault") as raised:
        VaultFile.open(path, create=True)
    assert "secret" not in str(raised.value)
    assert path.read_text() == content


def test_a_secret_is_not_written_down(tmp_path: Path) -> None:
    path = tmp_path / "one.vault"
    with VaultFile.open(path, create=True) as file:
        secret, name = file.vault.issue("SECRET", "hunter2"), file.vault.issue("PERSON", "Jane Doe")
        file.save()
    assert b"hunter2" not in path.read_bytes()
    with VaultFile.open(path, create=False) as file:
        assert file.vault.original(secret) is None
        assert file.vault.original(name) == "Jane Doe"
