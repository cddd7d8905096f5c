import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.redact.kinds import SECRET
from proxy.redact.vault import PSEUDONYM, Vault

KEY = bytes(range(32))
KINDS = st.from_regex(r"\A[A-Z][A-Z0-9_]{0,39}\Z")


def vault(scope: str = "acme/jane/1", key: bytes = KEY) -> Vault:
    return Vault(key, scope)


@given(KINDS, st.text())
def test_every_pseudonym_has_the_shape_and_gives_its_original_back(kind: str, original: str) -> None:
    issued = vault()
    pseudonym = issued.issue(kind, original)
    assert PSEUDONYM.fullmatch(pseudonym)
    assert len(pseudonym) <= 59
    assert issued.original(pseudonym) == original


def test_the_same_value_has_the_same_pseudonym_in_one_scope() -> None:
    assert vault().issue("PERSON", "Jane Doe") == vault().issue("PERSON", "Jane Doe")


def test_another_scope_key_kind_or_spelling_gives_another_pseudonym() -> None:
    digests = {
        pseudonym[-17:-1]
        for pseudonym in (
            vault().issue("PERSON", "Jane Doe"),
            vault("acme/jane/2").issue("PERSON", "Jane Doe"),
            vault(key=bytes(32)).issue("PERSON", "Jane Doe"),
            vault().issue("NRP", "Jane Doe"),
            vault().issue("PERSON", "jane doe"),
            vault().issue("PERSON", "Jane Doé"),
            vault().issue("PERSON", "Jane Doe\u0301"),
        )
    }
    assert len(digests) == 7


def test_fields_cannot_be_shifted_into_each_other() -> None:
    assert vault("ab").issue("X", "y")[-17:] != vault("a").issue("X", "y")[-17:]
    assert vault().issue("AB", "C")[-17:] != vault().issue("A", "BC")[-17:]


def test_what_was_not_issued_here_has_no_original() -> None:
    foreign = vault("elsewhere").issue("PERSON", "Jane Doe")
    assert vault().original(foreign) is None
    assert foreign not in vault()


def test_a_one_way_pseudonym_is_known_but_not_given_back() -> None:
    issued = vault()
    pseudonym = issued.issue("CREDIT_CARD", "4111111111111111", restore=False)
    assert pseudonym in issued
    assert issued.original(pseudonym) is None


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_once_one_way_always_one_way(order: tuple[bool, bool]) -> None:
    issued = vault()
    pseudonyms = {issued.issue("CREDIT_CARD", "4111111111111111", restore=restore) for restore in order}
    assert [issued.original(pseudonym) for pseudonym in pseudonyms] == [None]


def test_issued_pseudonyms_come_in_order_and_once() -> None:
    issued = vault()
    pseudonyms = [issued.issue("PERSON", name) for name in ("Jane", "Ann", "Jane", "Eve")]
    assert list(issued) == [pseudonyms[0], pseudonyms[1], pseudonyms[3]]
    assert len(issued) == 3


def test_a_vault_shows_how_many_it_holds_and_nothing_else() -> None:
    issued = vault("secret scope")
    issued.issue("PERSON", "Jane Doe")
    assert repr(issued) == str(issued) == f"{issued}" == "<Vault of 1>"
    assert not hasattr(issued, "__dict__")


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_vault_cannot_be_copied_or_pickled(leave: object) -> None:
    with pytest.raises(TypeError, match="vault"):
        leave(vault())  # type: ignore[operator]


def test_keys_of_any_length_from_16_bytes_are_taken() -> None:
    assert vault(key=bytes(16)).issue("A", "b") != vault(key=bytes(100)).issue("A", "b")
    with pytest.raises(ValueError, match="16"):
        vault(key=bytes(15))


@pytest.mark.parametrize("kind", ["", "person", "A B", "A[", "A]", "_A", "A" * 41, "É"])
def test_a_kind_that_would_break_the_shape_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="kind"):
        vault().issue(kind, "x")


def test_a_secret_is_never_given_back_whatever_was_asked() -> None:
    vault = Vault(bytes(16), "scope")
    pseudonym = vault.issue(SECRET, "hunter2", restore=True)
    assert pseudonym in vault
    assert vault.original(pseudonym) is None
